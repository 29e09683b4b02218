//! Whether a lane gets on. Pure: it is told what is known and when.
//!
//! A lane that stands still with records in hand waits for PostgreSQL or the
//! payment provider: a person is told, and it goes on when they answer. One that
//! stands still and gets no records although the log has some has lost its
//! fetching: joining the group anew is what mends that.

use std::time::{Duration, Instant};

/// How long a lane may stand still before a person is told, again and again.
const TELL_AFTER: Duration = Duration::from_secs(30);
/// When to ask again for an end that Kafka did not say.
const ASK_AGAIN: Duration = Duration::from_secs(15);
/// How long it may get no records after the log was first seen to have some.
const END_AFTER: Duration = Duration::from_secs(30);

/// What a lane's standing calls for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// It gets on, or has nothing to do as far as is known.
    Fine,
    /// It stands as it did when it was looked at last.
    AsBefore,
    /// It has records and has committed none for so long.
    Working(Duration),
    /// It has got none for so long; whether the log has any is to be asked.
    Waiting(Duration),
}

/// The watch over one lane.
#[derive(Debug)]
pub(super) struct Watchdog {
    committed: i64,
    moved_at: Instant,
    look_at: Instant,
    /// The offset of a record that was there and had not come, and since when.
    overdue: Option<(i64, Instant)>,
}

impl Watchdog {
    pub(super) fn new(now: Instant) -> Self {
        Self { committed: 0, moved_at: now, look_at: now + TELL_AFTER, overdue: None }
    }

    /// Takes note of the first offset that is not committed and the next one to
    /// read; says at most twice a minute that something is wrong.
    pub(super) fn look(&mut self, committed: i64, next: i64, now: Instant) -> Standing {
        if committed != self.committed {
            *self = Self { committed, ..Self::new(now) };
        }
        let still = now.duration_since(self.moved_at);
        if now < self.look_at {
            return if still < TELL_AFTER { Standing::Fine } else { Standing::AsBefore };
        }
        self.look_at = now + TELL_AFTER;
        if next > committed { Standing::Working(still) } else { Standing::Waiting(still) }
    }

    /// Looks again soon: Kafka did not say whether the log has any records.
    pub(super) fn ask_again(&mut self, now: Instant) {
        self.look_at = now + ASK_AGAIN;
    }

    /// Whether a lane that waits for `next`, in a log that ends before `end`, is beyond
    /// help. A record may be there and on its way: one that was overdue at an earlier
    /// look and has not come since will not come.
    pub(super) fn must_end(&mut self, next: i64, end: i64, now: Instant) -> bool {
        let overdue = self.overdue.filter(|(offset, _)| *offset == next);
        let (_, since) = overdue.unwrap_or((next, now));
        self.overdue = (end > next).then_some((next, since));
        self.overdue.is_some() && now.duration_since(since) >= END_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_commits_is_fine_however_far_behind() {
        let begin = Instant::now();
        let mut dog = Watchdog::new(begin);
        for second in 1..200 {
            let committed = i64::try_from(second).unwrap();
            let now = begin + Duration::from_secs(second);
            assert_eq!(dog.look(committed, 1_000_000, now), Standing::Fine);
        }
    }

    #[test]
    fn one_that_stands_still_is_told_of_every_half_minute() {
        let begin = Instant::now();
        let mut dog = Watchdog::new(begin);
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(dog.look(0, 5, at(29)), Standing::Fine);
        assert_eq!(dog.look(0, 5, at(30)), Standing::Working(Duration::from_secs(30)));
        assert_eq!(dog.look(0, 5, at(31)), Standing::AsBefore);
        assert_eq!(dog.look(0, 0, at(60)), Standing::Waiting(Duration::from_secs(60)));
        dog.ask_again(at(60));
        assert_eq!(dog.look(0, 0, at(74)), Standing::AsBefore);
        assert_eq!(dog.look(0, 0, at(75)), Standing::Waiting(Duration::from_secs(75)));
        assert_eq!(dog.look(1, 1, at(76)), Standing::Fine, "it got on");
    }

    #[test]
    fn only_a_record_that_does_not_come_between_two_looks_ends_a_lane() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut dog = Watchdog::new(begin);
        assert!(!dog.must_end(6, 7, at(3600)), "it was written a moment ago");
        assert!(!dog.must_end(6, 7, at(3629)));
        assert!(dog.must_end(6, 7, at(3630)));
        let mut dog = Watchdog::new(begin);
        assert!(!dog.must_end(6, 7, at(0)) && !dog.must_end(7, 8, at(40)), "another record");
        assert!(!dog.must_end(7, 7, at(60)) && !dog.must_end(7, 8, at(80)), "it had come");
    }
}
