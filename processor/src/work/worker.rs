//! The loop of one worker: look → take up → commit → follow up.
//!
//! Everything runs on this thread: tasks from the poll loop, one transaction at
//! a time, and the questions to the payment provider, which make progress while
//! the transaction waits for PostgreSQL.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::order::Scratch;
use service::health::Health;
use sqlx::PgConnection;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::dead_letter_limit::DeadLetterLimit;
use super::desk::Desk;
use super::intake::{Last, Pace, Waiting, pace};
use super::queue::{Inbox, InboxHandle};
use crate::decide::Outcome;
use crate::lane::{Claim, LaneId, Record};
use crate::metrics::WorkerMetrics;
use crate::payment::Cashier;
use crate::publish::Producer;
use crate::store::{self, Database, LastSeen, Retired};

mod commit;
mod reach;
mod sweep;

use commit::Riders;

/// Bounds of one worker.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Records of one transaction.
    pub batch_max: usize,
    /// Time from the start of one transaction to the next, unless a full batch
    /// waits; up to three times as long when transactions are slow.
    pub commit_interval: Duration,
    /// Charges and refunds of its lanes that wait for an answer; more records are not
    /// taken meanwhile.
    pub unsettled_max: usize,
    /// Parcels (a commit's events, or its dead letters, of one lane) that the broker has
    /// not acknowledged; more records are not taken meanwhile.
    pub unacknowledged_max: usize,
    /// Dead letters within ten seconds that stop the process when they outnumber
    /// readable records; 0 is no limit.
    pub dead_letter_limit: usize,
    /// How long answers and acknowledgements are awaited when stopping.
    pub drain_deadline: Duration,
}

/// What a worker is made of.
pub struct WorkerParts {
    /// Its number.
    pub number: usize,
    /// Its bounds.
    pub config: WorkerConfig,
    /// Its end of the queue.
    pub inbox: InboxHandle,
    /// Wakes it.
    pub wake: Arc<Notify>,
    /// PostgreSQL.
    pub database: Database,
    /// Asks for payments.
    pub cashier: Cashier,
    /// Publishes events.
    pub producer: Arc<Producer>,
    /// Whether it can do its work.
    pub health: Health,
    /// Ends it after a drain.
    pub stop: CancellationToken,
}

/// A worker.
pub struct Worker {
    config: WorkerConfig,
    inbox: Inbox,
    wake: Arc<Notify>,
    database: Database,
    connection: Option<PgConnection>,
    cashier: Cashier,
    desk: Desk,
    seen: LastSeen,
    scratch: Scratch,
    dead_letters: DeadLetterLimit,
    metrics: WorkerMetrics,
    health: Health,
    stop: CancellationToken,
    /// Answers of the provider that no commit has taken yet.
    outcomes: VecDeque<Outcome>,
    /// Acknowledgements that no commit has taken yet, by lane.
    retired: BTreeMap<LaneId, Retired>,
    last: Last,
    sweep_at: Instant,
}

impl Worker {
    /// A worker without lanes.
    pub fn new(parts: WorkerParts) -> Self {
        let desk = Desk::new(parts.producer, parts.wake.clone());
        let limit = parts.config.dead_letter_limit;
        Self {
            dead_letters: DeadLetterLimit::new(limit, Instant::now()),
            config: parts.config,
            inbox: parts.inbox.0,
            wake: parts.wake,
            database: parts.database,
            connection: None,
            cashier: parts.cashier,
            desk,
            seen: LastSeen::default(),
            scratch: Scratch::default(),
            metrics: WorkerMetrics::new(parts.number),
            health: parts.health,
            stop: parts.stop,
            outcomes: VecDeque::new(),
            retired: BTreeMap::new(),
            last: Last { begun: Instant::now(), took: Duration::ZERO },
            sweep_at: Instant::now(),
        }
    }

    /// Works until stopped; then settles and retires what is under way.
    ///
    /// # Errors
    /// Something that retrying cannot mend and no record is to blame for.
    pub async fn run(mut self) -> anyhow::Result<()> {
        while !self.stop.is_cancelled() {
            self.change_lanes().await?;
            self.collect();
            self.sweep().await?;
            match self.pace() {
                Pace::Now => {
                    let records =
                        if self.may_take_records() { self.take_up().await? } else { Vec::new() };
                    self.commit(records).await?;
                }
                later => self.wait(later).await,
            }
        }
        self.drain().await
    }

    /// Commits answers and acknowledgements until none is missing. Records that
    /// wait in the queue are left to the next owner.
    async fn drain(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.config.drain_deadline;
        loop {
            self.let_revoked_go();
            self.collect();
            self.commit(Vec::new()).await?;
            let done = self.cashier.unanswered() == 0
                && self.outcomes.is_empty()
                && self.desk.under_way() == 0
                && self.retired.is_empty();
            if done || Instant::now() >= deadline {
                tracing::info!(
                    unanswered = self.cashier.unanswered(),
                    unacknowledged = self.desk.under_way(),
                    "worker drained"
                );
                return Ok(());
            }
            // Not `wait`: it returns at once when stopped, and a loop that
            // never waits keeps the questions to the provider from being asked.
            tokio::time::sleep(self.config.commit_interval).await;
        }
    }

    fn collect(&mut self) {
        self.desk.collect(&mut self.retired, Instant::now());
        let room = self.config.batch_max.saturating_sub(self.outcomes.len());
        self.outcomes.extend(self.cashier.answers(room));
        self.metrics.unsettled.set(self.desk.unsettled.len() as f64);
    }

    fn pace(&self) -> Pace {
        let records = if self.may_take_records() { self.inbox.len() } else { 0 };
        let waiting =
            Waiting { records, outcomes: self.outcomes.len(), retired: self.retired.len() };
        pace(waiting, self.config.batch_max, self.last, self.config.commit_interval, Instant::now())
    }

    /// Back-pressure: a slow payment provider or broker stops the intake, the
    /// queue fills, and the poll loop pauses the partitions.
    fn may_take_records(&self) -> bool {
        self.desk.open_questions() < self.config.unsettled_max
            && self.desk.under_way() < self.config.unacknowledged_max
    }

    /// Waits until it is time to look again.
    async fn wait(&mut self, pace: Pace) {
        let due = match pace {
            Pace::Now => return,
            Pace::At(due) => Some(due),
            Pace::Idle(due) => due,
        };
        let due = [due, self.desk.again_at(), self.sweep_at()].into_iter().flatten().min();
        let timer = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        // With a commit ahead answers can wait for it: each one taken up by itself costs a
        // round of the loop.
        let heeds_answers = matches!(pace, Pace::Idle(_));
        tokio::select! {
            () = self.wake.notified() => {}
            () = timer => {}
            () = self.stop.cancelled() => {}
            answer = self.cashier.answer(), if heeds_answers => self.outcomes.extend(answer),
        }
    }

    /// Takes up to a batch of records.
    async fn take_up(&mut self) -> anyhow::Result<Vec<Record>> {
        let mut read = Vec::new();
        while read.len() < self.config.batch_max
            && let Some(next) = self.inbox.take_record()
        {
            read.push(next);
        }
        // After the records: the claims that they were read under were sent before them.
        self.change_lanes().await?;
        let desk = &self.desk;
        read.retain(|read| desk.owns_under(read.record.lane, read.epoch));
        Ok(read.into_iter().map(|read| read.record).collect())
    }

    /// Lets lanes go and takes lanes over, whatever else has to wait.
    async fn change_lanes(&mut self) -> anyhow::Result<()> {
        self.let_revoked_go();
        while let Some(claim) = self.inbox.take_claim() {
            self.claim(claim).await?;
        }
        Ok(())
    }

    /// Whatever is asked about their orders is their next owner's to ask.
    fn let_revoked_go(&mut self) {
        let orders = self.desk.drop_ended();
        self.cashier.forget(&orders);
    }

    /// Takes a lane over: publishes what may not be published and asks again
    /// what was not answered, before any new record of the lane.
    async fn claim(&mut self, claim: Claim) -> anyhow::Result<()> {
        let recovered = loop {
            self.connect().await?;
            let Some(connection) = self.connection.as_mut() else { continue };
            match store::recover(connection, &self.database, &claim).await {
                Ok(recovered) => break recovered,
                Err(error) => self.remedy_read(error).await?,
            }
        };
        tracing::info!(
            lane = %claim.lane, epoch = claim.epoch, next_offset = claim.next_offset,
            outbox = recovered.pending.outbox.len(), unsettled = recovered.reserved.len(), "lane claimed"
        );
        // What an earlier claim of ours asked about may be settled since.
        let orders = self.desk.drop_lane(claim.lane);
        self.cashier.forget(&orders);
        let questions = self.desk.take_over(claim, recovered);
        self.cashier.ask(questions);
        Ok(())
    }

    /// One transaction with these records and all that waits.
    async fn commit(&mut self, records: Vec<Record>) -> anyhow::Result<()> {
        let outcomes: Vec<Outcome> = self.outcomes.drain(..).collect();
        let mut riders = Riders { outcomes, retired: std::mem::take(&mut self.retired) };
        self.keep_owned(&mut riders);
        if records.is_empty() && riders.are_none() {
            return Ok(());
        }
        let begun = Instant::now();
        let committed = self.commit_all(&records, riders).await;
        self.last = Last { begun, took: begun.elapsed() };
        committed
    }
}
