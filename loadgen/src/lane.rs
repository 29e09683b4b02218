//! One load thread: it releases slots when they are due and sends them over its
//! own connections, on a runtime of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::answer::Answer;
use crate::backlog::{Backlog, Due, Wait};
use crate::books::{Books, Recent};
use crate::client::{Client, Target};
use crate::clock::{Clock, Ticker};
use crate::order_mix::Kind;
use crate::orders::{Generator, Step};
use crate::recorder::{Failure, Recorder, Sample, Verdict};
use crate::schedule::{Schedule, Slot};

/// How long an interrupted run waits for answers that are under way.
const INTERRUPT_GRACE: Duration = Duration::from_secs(2);

/// What a load thread works with.
#[derive(Debug)]
pub struct Lane {
    /// Its number and how many there are: it sends slots `n ≡ number (mod count)`.
    pub share: (usize, usize),
    /// When to send.
    pub schedule: Schedule,
    /// What to send.
    pub generator: Arc<Generator>,
    /// Prefix of idempotency keys.
    pub run: String,
    /// Where to send it.
    pub target: Arc<Target>,
    /// How long a request waits for its answer.
    pub timeout: Duration,
    /// The common time.
    pub clock: Clock,
    /// What happened.
    pub recorder: Arc<Recorder>,
    /// What was acknowledged.
    pub books: Books,
    /// Slots that are due.
    pub backlog: Backlog,
    /// For cancellations and shipments.
    pub recent: Mutex<Recent>,
    /// Ends the load early.
    pub stop: CancellationToken,
}

/// A request with what has to be known when its answer comes.
struct Outgoing {
    kind: Kind,
    request: Request<Full<Bytes>>,
    body_hash: Option<[u8; 16]>,
}

impl Lane {
    /// Sends the whole schedule, beginning at `start_ns`, and waits for the
    /// answers.
    ///
    /// # Errors
    /// The thread's timer fails.
    pub async fn run(self: Arc<Self>, clients: Vec<Client>, start_ns: u64) -> anyhow::Result<()> {
        let mut connections = JoinSet::new();
        for client in clients {
            connections.spawn(self.clone().send_all(client));
        }
        let released = self.release_all(start_ns).await;
        self.backlog.close();
        let mut patience = self.timeout;
        if self.stop.is_cancelled() {
            self.backlog.discard();
            patience = INTERRUPT_GRACE;
        }
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            let unsent = self.backlog.discard();
            self.recorder.window().drop_slots(unsent);
            // Requests sent at the last moment still have their full time.
            let last = async { while connections.join_next().await.is_some() {} };
            let _abandoned = tokio::time::timeout(patience, last).await;
        }
        released
    }

    async fn release_all(&self, start_ns: u64) -> anyhow::Result<()> {
        let (lane, lanes) = self.share;
        let mut slots = self.schedule.slots().skip(lane).step_by(lanes).peekable();
        let delay = Duration::from_nanos(start_ns.saturating_sub(self.clock.now_ns()));
        let ticker = Ticker::start_in(delay).context("cannot start the tick timer")?;
        while slots.peek().is_some() {
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                tick = ticker.tick() => tick.context("cannot read the tick timer")?,
            }
            let now_ns = self.clock.now_ns();
            while let Some(slot) = slots.next_if(|slot| start_ns + slot.intended_ns <= now_ns) {
                self.release(Slot { intended_ns: start_ns + slot.intended_ns, ..slot }, now_ns);
            }
        }
        Ok(())
    }

    fn release(&self, slot: Slot, now_ns: u64) {
        match self.backlog.release(slot, now_ns) {
            Some(Wait::None) => {}
            Some(Wait::Queued) => self.recorder.window().queued += 1,
            None => self.recorder.window().drop_slots(1),
        }
    }

    async fn send_all(self: Arc<Self>, mut client: Client) {
        while let Some(due) = self.backlog.next().await {
            self.send(&mut client, due).await;
        }
    }

    async fn send(&self, client: &mut Client, due: Due) {
        let Some(outgoing) = self.outgoing(due.slot.n) else { return };
        let kind = outgoing.kind;
        let sent_ns = self.clock.now_ns();
        self.note_sent(kind, due, sent_ns);
        let answer = client.exchange(outgoing.request).await;
        let ended_ns = self.clock.now_ns();
        let intended_ns = due.slot.intended_ns;
        let verdict = self.judge(kind, outgoing.body_hash, intended_ns, answer);
        self.recorder.window().record(Sample { kind, intended_ns, sent_ns, ended_ns, verdict });
    }

    /// Waiting for a busy target is not the generator's lag, being late with the
    /// release is; with a connection free, so is being late with the send.
    fn note_sent(&self, kind: Kind, due: Due, sent_ns: u64) {
        let moment = match due.wait {
            Wait::None => sent_ns,
            Wait::Queued => due.released_ns,
        };
        let mut window = self.recorder.window();
        window.kinds[kind as usize].sent += 1;
        window.lag.record_ns(moment.saturating_sub(due.slot.intended_ns));
    }

    fn judge(
        &self,
        kind: Kind,
        body_hash: Option<[u8; 16]>,
        intended_ns: u64,
        answer: Result<Answer, Failure>,
    ) -> Verdict {
        let (order_id, place) = match answer {
            Ok(Answer::Acknowledged { order_id, place }) => (order_id, place),
            Ok(Answer::Refused(refusal)) => return Verdict::Refused(refusal),
            Ok(Answer::Found) => return Verdict::Failed(Failure::Protocol),
            Err(failure) => return Verdict::Failed(failure),
        };
        if let Some(hash) = body_hash {
            // A receipt was asked for, and an answer without place gives none.
            let (Some(order_id), Some(place)) = (order_id, place) else {
                return Verdict::Failed(Failure::Protocol);
            };
            self.books.receipt(order_id, place, hash);
        }
        if let (Kind::Order, Some(order_id)) = (kind, order_id) {
            self.books.follow(order_id, intended_ns);
            self.recent().add(order_id);
        }
        Verdict::Acknowledged
    }

    fn outgoing(&self, n: u64) -> Option<Outgoing> {
        match self.generator.step(n) {
            Step::Order => Some(self.order(Kind::Order, n)),
            Step::Retry(earlier) => Some(self.order(Kind::Retry, earlier)),
            Step::Invalid => Some(self.invalid(n)),
            Step::Cancel => {
                let order = self.recent().newest();
                order.map_or_else(
                    || Some(self.order(Kind::Order, n)),
                    |id| self.follow_up(Kind::Cancel, id),
                )
            }
            Step::Ship => {
                let order = self.recent().oldest();
                order.map_or_else(
                    || Some(self.order(Kind::Order, n)),
                    |id| self.follow_up(Kind::Ship, id),
                )
            }
        }
    }

    fn order(&self, kind: Kind, n: u64) -> Outgoing {
        let body = self.generator.order(n);
        let body_hash = self.books.hash(&body);
        let key = self.generator.has_key(n).then(|| format!("{}-{n}", self.run));
        Outgoing { kind, request: self.target.order(body.into(), key.as_deref()), body_hash }
    }

    fn invalid(&self, n: u64) -> Outgoing {
        let request = self.target.order(self.generator.invalid(n).into(), None);
        Outgoing { kind: Kind::Invalid, request, body_hash: None }
    }

    fn follow_up(&self, kind: Kind, order_id: Uuid) -> Option<Outgoing> {
        let verb = if kind == Kind::Ship { "ship" } else { "cancel" };
        let path = format!("/orders/{order_id}/{verb}");
        let body = Bytes::from_static(b"{}");
        let body_hash = self.books.hash(&body);
        // The path of an id can always be formed.
        let request = self.target.at(Method::POST, &path, body).ok()?;
        Some(Outgoing { kind, request, body_hash })
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
