//! Whether a lane gets on. Pure: it is told what is known and when.
//!
//! A lane that stands still with records in hand waits for PostgreSQL or the
//! payment provider: a person is told, and it goes on when they answer. One that
//! stands still and gets no records although the log has some has lost its
//! fetching: joining the group anew is what mends that.

use std::time::{Duration, Instant};

/// How long a lane may stand still before a person is told, again and again.
const TELL_AFTER: Duration = Duration::from_secs(30);
/// How long it may get no records before its process ends.
const END_AFTER: Duration = Duration::from_secs(60);

/// What a lane's standing calls for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// It gets on, or has nothing to do as far as is known.
    Fine,
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
    told_at: Instant,
}

impl Watchdog {
    pub(super) fn new(now: Instant) -> Self {
        Self { committed: 0, moved_at: now, told_at: now }
    }

    /// Takes note of the first offset that is not committed and the next one to
    /// read; says at most twice a minute that something is wrong.
    pub(super) fn look(&mut self, committed: i64, next: i64, now: Instant) -> Standing {
        if committed != self.committed {
            *self = Self { committed, moved_at: now, told_at: now };
        }
        if now.duration_since(self.told_at) < TELL_AFTER {
            return Standing::Fine;
        }
        self.told_at = now;
        let still = now.duration_since(self.moved_at);
        if next > committed { Standing::Working(still) } else { Standing::Waiting(still) }
    }

    /// Whether a lane that waits for records which are there is beyond help.
    pub(super) fn must_end(still: Duration, end: i64, next: i64) -> bool {
        still >= END_AFTER && end > next
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
        assert_eq!(dog.look(0, 5, at(31)), Standing::Fine);
        assert_eq!(dog.look(0, 0, at(60)), Standing::Waiting(Duration::from_secs(60)));
    }

    #[test]
    fn only_a_lane_whose_log_has_records_must_end() {
        let still = Duration::from_secs(60);
        assert!(Watchdog::must_end(still, 7, 6));
        assert!(!Watchdog::must_end(still, 6, 6));
        assert!(!Watchdog::must_end(Duration::from_secs(59), 7, 6));
    }
}
