//! What happened, counted where it happens: each load thread has a recorder of
//! its own, which the reporting side empties once a second.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::latency::Latency;
use crate::order_mix::Kind;

/// More kinds of refusals than this are counted together.
const REFUSALS_MAX: usize = 64;

/// An answer that is not the acknowledgement.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The `type` of the problem document, or what stood in its place.
    pub problem: String,
}

/// Why there was no answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No connection.
    Connect,
    /// The connection ended before the answer: the outcome is unknown.
    Closed,
    /// No answer in time: the outcome is unknown.
    Timeout,
    /// An answer that cannot be understood, or lacks what was asked for.
    Protocol,
    /// The broker did not take a record (direct mode).
    Broker,
}

/// How one request ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Taken.
    Acknowledged,
    /// Answered, not taken.
    Refused(Refusal),
    /// Not answered.
    Failed(Failure),
}

/// One finished request; instants in nanoseconds since the start.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it was.
    pub kind: Kind,
    /// When it should have been sent.
    pub intended_ns: u64,
    /// When it was sent.
    pub sent_ns: u64,
    /// When the answer was complete.
    pub ended_ns: u64,
    /// How it ended.
    pub verdict: Verdict,
}

/// Counts of one kind of request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Tally {
    /// Sent.
    pub sent: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Answered otherwise.
    pub refused: u64,
    /// Refused with a 4xx because the request was made to be refused.
    pub provoked: u64,
    /// Not answered.
    pub failed: u64,
}

/// Everything counted in a span of time.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// From the intended instant to the acknowledgement, of orders and retries.
    pub accept: Latency,
    /// From the actual send to the answer: what a closed loop would have seen.
    pub service: Latency,
    /// How late the generator itself was.
    pub lag: Latency,
    /// Counts by kind.
    pub kinds: [Tally; Kind::ALL.len()],
    /// Answers that are no acknowledgement.
    pub refusals: BTreeMap<Refusal, u64>,
    /// Requests without an answer.
    pub failures: BTreeMap<Failure, u64>,
    /// Slots that found no connection free when they were due.
    pub queued: u64,
    /// Slots never sent because the queue was full or the run was over.
    pub dropped: u64,
    /// When the last answer was complete, in nanoseconds of the run's clock.
    pub last_end_ns: u64,
}

impl Window {
    /// Adds one finished request.
    pub fn record(&mut self, sample: Sample) {
        let order = matches!(sample.kind, Kind::Order | Kind::Retry);
        let tally = &mut self.kinds[sample.kind as usize];
        self.last_end_ns = self.last_end_ns.max(sample.ended_ns);
        self.service.record_ns(sample.ended_ns.saturating_sub(sample.sent_ns));
        match sample.verdict {
            Verdict::Acknowledged => {
                tally.acknowledged += 1;
                if order {
                    self.accept.record_ns(sample.ended_ns.saturating_sub(sample.intended_ns));
                }
            }
            Verdict::Refused(refusal) => {
                tally.refused += 1;
                let provoked = sample.kind == Kind::Invalid && (400..500).contains(&refusal.status);
                tally.provoked += u64::from(provoked);
                self.count_refusal(refusal, 1);
            }
            Verdict::Failed(failure) => {
                tally.failed += 1;
                *self.failures.entry(failure).or_default() += 1;
                self.accept.record_never(u64::from(order));
            }
        }
    }

    /// Counts slots that were never sent.
    pub fn drop_slots(&mut self, count: u64) {
        self.dropped += count;
        self.accept.record_never(count);
    }

    /// Adds all of `other`.
    pub fn absorb(&mut self, other: &Self) {
        self.accept.absorb(&other.accept);
        self.service.absorb(&other.service);
        self.lag.absorb(&other.lag);
        for (tally, more) in self.kinds.iter_mut().zip(&other.kinds) {
            tally.sent += more.sent;
            tally.acknowledged += more.acknowledged;
            tally.refused += more.refused;
            tally.provoked += more.provoked;
            tally.failed += more.failed;
        }
        for (refusal, count) in &other.refusals {
            self.count_refusal(refusal.clone(), *count);
        }
        for (failure, count) in &other.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        self.queued += other.queued;
        self.dropped += other.dropped;
        self.last_end_ns = self.last_end_ns.max(other.last_end_ns);
    }

    /// The sums over all kinds.
    pub fn total(&self) -> Tally {
        self.kinds.iter().fold(Tally::default(), |sum, tally| Tally {
            sent: sum.sent + tally.sent,
            acknowledged: sum.acknowledged + tally.acknowledged,
            refused: sum.refused + tally.refused,
            provoked: sum.provoked + tally.provoked,
            failed: sum.failed + tally.failed,
        })
    }

    /// Requests that did not get the answer they should have got: dropped,
    /// unanswered, refused though valid, acknowledged though invalid.
    pub fn errors(&self) -> u64 {
        let total = self.total();
        let wrongly_taken = self.kinds[Kind::Invalid as usize].acknowledged;
        self.dropped + total.failed + total.refused - total.provoked + wrongly_taken
    }

    fn count_refusal(&mut self, refusal: Refusal, count: u64) {
        let known = self.refusals.len() < REFUSALS_MAX || self.refusals.contains_key(&refusal);
        let refusal =
            if known { refusal } else { Refusal { problem: "(others)".to_owned(), ..refusal } };
        *self.refusals.entry(refusal).or_default() += count;
    }

    fn clear(&mut self) {
        let latencies = [&mut self.accept, &mut self.service, &mut self.lag];
        latencies.into_iter().for_each(Latency::clear);
        self.kinds = Default::default();
        self.refusals.clear();
        self.failures.clear();
        (self.queued, self.dropped, self.last_end_ns) = (0, 0, 0);
    }
}

/// A window that one thread fills and another one empties.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Window>);

impl Recorder {
    /// The window to write to; hold it briefly.
    pub fn window(&self) -> MutexGuard<'_, Window> {
        // Counters stay whole when a holder panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what was counted since the last time into `into`. `spare` must come
    /// from an earlier call or be empty; it saves an allocation a second.
    pub fn take(&self, into: &mut Window, spare: &mut Window) {
        std::mem::swap(&mut *self.window(), spare);
        into.absorb(spare);
        spare.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(kind: Kind, verdict: Verdict) -> Sample {
        Sample { kind, intended_ns: 0, sent_ns: 1_000_000, ended_ns: 3_000_000, verdict }
    }

    fn refused(status: u16) -> Verdict {
        Verdict::Refused(Refusal { status, problem: "about:blank".to_owned() })
    }

    #[test]
    fn latency_counts_from_the_intended_instant() {
        let mut window = Window::default();
        window.record(sample(Kind::Order, Verdict::Acknowledged));
        assert_eq!(window.accept.summary().mean, Some(3.0));
        assert_eq!(window.service.summary().mean, Some(2.0));
    }

    #[test]
    fn an_error_is_whatever_did_not_get_its_answer() {
        let mut window = Window::default();
        window.record(sample(Kind::Invalid, refused(422)));
        assert_eq!(window.errors(), 0);
        window.record(sample(Kind::Invalid, refused(503)));
        window.record(sample(Kind::Invalid, Verdict::Acknowledged));
        window.record(sample(Kind::Order, refused(503)));
        window.record(sample(Kind::Order, Verdict::Failed(Failure::Timeout)));
        window.drop_slots(2);
        assert_eq!(window.errors(), 6);
        assert_eq!(window.accept.summary().never, 3);
    }

    #[test]
    fn windows_move_from_thread_to_report_without_loss() {
        let (recorder, mut totals, mut spare) =
            (Recorder::default(), Window::default(), Window::default());
        for status in [503, 503, 400] {
            recorder.window().record(sample(Kind::Order, refused(status)));
            recorder.take(&mut totals, &mut spare);
        }
        assert_eq!(totals.total().refused, 3);
        let counts: Vec<u64> = totals.refusals.values().copied().collect();
        assert_eq!(counts, [1, 2]);
        assert_eq!(recorder.window().total(), Tally::default());
    }
}
