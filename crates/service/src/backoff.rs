//! How long to wait before the next try: doubling, capped, with full jitter, so
//! that many clients of one recovered server do not come back at once.

use std::time::Duration;

/// Delays of one retried operation.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    tries: u32,
}

impl Backoff {
    /// Delays that start near `first` and never exceed `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, tries: 0 }
    }

    /// The next delay: between half and all of the doubled, capped step.
    pub fn next_delay(&mut self) -> Duration {
        let step = self.first.saturating_mul(1 << self.tries.min(20)).min(self.longest);
        self.tries += 1;
        step.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// How many delays were handed out since the last reset.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for full in [100, 200, 400, 800, 1000, 1000] {
            let delay = backoff.next_delay().as_millis();
            assert!((full / 2..=full).contains(&delay), "{delay} of {full}");
        }
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(100));
    }
}
