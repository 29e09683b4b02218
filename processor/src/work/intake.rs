//! What a worker takes in one go, and when: at once after a pause, and after a
//! commit no sooner than the commit interval unless a full batch is waiting. So
//! an idle worker never waits and a busy one fills its transactions. Pure.

use std::time::{Duration, Instant};

/// When to commit next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pace {
    /// Now.
    Now,
    /// At this instant, unless more comes in.
    At(Instant),
    /// When something comes in.
    Idle,
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

/// Retiring alone is worth a transaction only now and then.
const RETIRE_INTERVALS: u32 = 20;

/// When to commit what is waiting, with the last commit begun at `last`.
pub(super) fn pace(
    waiting: Waiting,
    batch_max: usize,
    last: Instant,
    interval: Duration,
    now: Instant,
) -> Pace {
    let due = if waiting.records + waiting.outcomes >= batch_max {
        now
    } else if waiting.records + waiting.outcomes > 0 {
        last + interval
    } else if waiting.retired > 0 {
        last + interval * RETIRE_INTERVALS
    } else {
        return Pace::Idle;
    };
    if due <= now { Pace::Now } else { Pace::At(due) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(10);

    #[test]
    fn an_idle_worker_commits_at_once_and_a_busy_one_at_its_interval() {
        let last = Instant::now();
        let at = |records, outcomes, retired, ms| {
            let now = last + Duration::from_millis(ms);
            pace(Waiting { records, outcomes, retired }, 100, last, INTERVAL, now)
        };
        assert_eq!(at(0, 0, 0, 50), Pace::Idle);
        assert_eq!(at(1, 0, 0, 50), Pace::Now);
        assert_eq!(at(1, 0, 0, 3), Pace::At(last + INTERVAL));
        assert_eq!(at(0, 1, 0, 3), Pace::At(last + INTERVAL));
        assert_eq!(at(60, 40, 0, 3), Pace::Now);
        assert_eq!(at(0, 0, 5, 50), Pace::At(last + INTERVAL * RETIRE_INTERVALS));
        assert_eq!(at(0, 0, 5, 500), Pace::Now);
    }
}
