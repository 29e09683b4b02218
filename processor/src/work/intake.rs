//! What a worker takes in one go, and when: at once after a pause, and after a
//! commit no sooner than the commit interval unless a full batch is waiting. So
//! an idle worker never waits and a busy one fills its transactions. When they take
//! long, it rests as long as it works: most of a small transaction's cost does not
//! depend on its size, and whoever is short of CPU must not pay it more often. Pure.

use std::time::{Duration, Instant};

/// When to commit next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pace {
    /// Now.
    Now,
    /// At this instant, unless a full batch comes in.
    At(Instant),
    /// When something comes in; what there is can wait until this instant.
    Idle(Option<Instant>),
}

/// What is waiting to be committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// Records in the queue.
    pub(super) records: usize,
    /// Answers of the payment provider.
    pub(super) outcomes: usize,
    /// Acknowledged outbox rows and dead letters.
    pub(super) retired: usize,
}

/// The transaction before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    /// When it began.
    pub(super) begun: Instant,
    /// How long it took.
    pub(super) took: Duration,
}

/// Commit intervals from the start of one transaction to the next at most.
const INTERVALS_MAX: u32 = 3;

/// Retiring alone is worth a transaction only now and then.
const RETIRE_INTERVALS: u32 = 20;

/// When to commit what is waiting.
pub(super) fn pace(
    waiting: Waiting,
    batch_max: usize,
    last: Last,
    interval: Duration,
    now: Instant,
) -> Pace {
    let retire_at = || last.begun + interval * RETIRE_INTERVALS;
    let work = waiting.records + waiting.outcomes;
    let due = match work {
        0 if waiting.retired == 0 => return Pace::Idle(None),
        0 if retire_at() > now => return Pace::Idle(Some(retire_at())),
        0 => now,
        _ if work >= batch_max => now,
        _ => last.begun + (last.took * 2).clamp(interval, interval * INTERVALS_MAX),
    };
    if due <= now { Pace::Now } else { Pace::At(due) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(10);

    /// What to do with this many records, outcomes and retired rows so many milliseconds
    /// after a transaction began.
    fn paces(begun: Instant, took_ms: u64) -> impl Fn(usize, usize, usize, u64) -> Pace {
        let last = Last { begun, took: Duration::from_millis(took_ms) };
        move |records, outcomes, retired, ms| {
            let now = begun + Duration::from_millis(ms);
            pace(Waiting { records, outcomes, retired }, 100, last, INTERVAL, now)
        }
    }

    #[test]
    fn an_idle_worker_commits_at_once_and_a_busy_one_at_its_interval() {
        let begun = Instant::now();
        let at = paces(begun, 2);
        assert_eq!(at(0, 0, 0, 50), Pace::Idle(None));
        assert_eq!(at(1, 0, 0, 50), Pace::Now);
        assert_eq!(at(1, 0, 0, 3), Pace::At(begun + INTERVAL));
        assert_eq!(at(0, 1, 0, 3), Pace::At(begun + INTERVAL));
        assert_eq!(at(60, 40, 0, 3), Pace::Now);
        assert_eq!(at(0, 0, 5, 50), Pace::Idle(Some(begun + INTERVAL * RETIRE_INTERVALS)));
        assert_eq!(at(0, 0, 5, 500), Pace::Now);
    }

    #[test]
    fn after_a_long_transaction_it_rests_as_long_but_not_longer_than_three_intervals() {
        let begun = Instant::now();
        let at = paces(begun, 12);
        assert_eq!(at(1, 0, 0, 13), Pace::At(begun + Duration::from_millis(24)));
        assert_eq!(at(60, 40, 0, 13), Pace::Now);
        assert_eq!(paces(begun, 25)(1, 0, 0, 26), Pace::At(begun + INTERVAL * INTERVALS_MAX));
        assert_eq!(paces(begun, 500)(1, 0, 0, 500), Pace::Now);
    }
}
