//! Stops a processor that finds most records unreadable. Pure.
//!
//! A few bad records are the fault of whoever sent them. When most are bad, a
//! sender or this reader was deployed broken, and going on would move a whole
//! topic into the dead letters.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(10);

/// What was read lately.
#[derive(Debug)]
pub(super) struct DeadLetterLimit {
    /// Dead letters in a window that are too many when they outnumber the
    /// readable records in it; 0 is no limit.
    limit: usize,
    good: usize,
    dead: usize,
    since: Instant,
}

/// Most records are unreadable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{dead} of the last {all} records are unreadable or refused; the last ones are still in the log, not in the dead letters. \
     Mend whoever sends them, or this reader, and start again; --dead-letter-limit 0 lets them pass"
)]
pub(super) struct MostAreDead {
    dead: usize,
    all: usize,
}

impl DeadLetterLimit {
    pub(super) fn new(limit: usize, now: Instant) -> Self {
        Self { limit, good: 0, dead: 0, since: now }
    }

    /// Whether a batch with so many readable and unreadable records may be
    /// committed; takes note of it.
    ///
    /// # Errors
    /// It may not.
    pub(super) fn admit(
        &mut self,
        good: usize,
        dead: usize,
        now: Instant,
    ) -> Result<(), MostAreDead> {
        if now.duration_since(self.since) > WINDOW {
            *self = Self::new(self.limit, now);
        }
        self.good += good;
        self.dead += dead;
        let most = self.limit > 0 && self.dead >= self.limit && self.dead > self.good;
        if most { Err(MostAreDead { dead: self.dead, all: self.dead + self.good }) } else { Ok(()) }
    }

    /// Whether one more that was admitted as readable may become a dead letter.
    ///
    /// # Errors
    /// It may not.
    pub(super) fn turned_dead(&mut self, now: Instant) -> Result<(), MostAreDead> {
        self.good = self.good.saturating_sub(1);
        self.admit(0, 1, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_or_a_minority_pass_and_a_flood_does_not() {
        let now = Instant::now();
        let mut limit = DeadLetterLimit::new(100, now);
        assert!(limit.admit(0, 99, now).is_ok());
        assert!(limit.admit(1_000, 900, now).is_ok());
        assert_eq!(limit.admit(0, 2, now), Err(MostAreDead { dead: 1_001, all: 2_001 }));
    }

    #[test]
    fn a_flood_of_what_was_readable_is_one_too() {
        let now = Instant::now();
        let mut limit = DeadLetterLimit::new(100, now);
        assert!(limit.admit(150, 0, now).is_ok());
        assert!((0..99).all(|_| limit.turned_dead(now).is_ok()));
        assert_eq!(limit.turned_dead(now), Err(MostAreDead { dead: 100, all: 150 }));
    }

    #[test]
    fn a_window_that_has_passed_is_forgotten_and_zero_is_no_limit() {
        let now = Instant::now();
        let mut limit = DeadLetterLimit::new(100, now);
        assert!(limit.admit(0, 99, now).is_ok());
        assert!(limit.admit(0, 99, now + Duration::from_secs(11)).is_ok());
        assert!(DeadLetterLimit::new(0, now).admit(0, 1_000_000, now).is_ok());
    }
}
