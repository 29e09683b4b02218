//! A circuit breaker: after too many questions without an answer it stops
//! asking for a while, then lets a few through to see. Pure; `now` is passed in.

use std::time::{Duration, Instant};

/// When to open and for how long.
#[derive(Clone, Copy, Debug)]
pub struct BreakerConfig {
    /// Failures in a row that open it.
    pub failures_to_open: u32,
    /// How long it stays open.
    pub open_for: Duration,
    /// Questions let through while half open; as many answers close it.
    pub probes: u32,
}

/// What the breaker does with questions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BreakerState {
    /// Lets all through.
    Closed,
    /// Lets none through.
    Open,
    /// Lets a few through.
    HalfOpen,
}

/// The answer to "may I ask?".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Ask.
    Ask,
    /// Come back after this long.
    Wait(Duration),
}

/// The breaker.
#[derive(Debug)]
pub struct Breaker {
    config: BreakerConfig,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { asked: u32, answered: u32, since: Instant },
}

impl Breaker {
    /// A closed breaker.
    pub fn new(config: BreakerConfig) -> Self {
        Self { config, phase: Phase::Closed { failures: 0 } }
    }

    /// What it does now.
    pub fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Whether a question may be asked.
    pub fn admit(&mut self, now: Instant) -> Admission {
        match &mut self.phase {
            Phase::Closed { .. } => Admission::Ask,
            Phase::Open { until } if now < *until => Admission::Wait(*until - now),
            Phase::Open { .. } => {
                self.phase = Phase::HalfOpen { asked: 1, answered: 0, since: now };
                Admission::Ask
            }
            Phase::HalfOpen { asked, .. } if *asked < self.config.probes => {
                *asked += 1;
                Admission::Ask
            }
            // A probe whose asker went away must not keep it half open for ever.
            Phase::HalfOpen { asked, since, .. } if now >= *since + self.config.open_for => {
                (*asked, *since) = (1, now);
                Admission::Ask
            }
            Phase::HalfOpen { .. } => Admission::Wait(self.config.open_for / 4),
        }
    }

    /// A question was answered, whatever the answer.
    pub fn answered(&mut self) {
        match &mut self.phase {
            Phase::Closed { failures } => *failures = 0,
            Phase::Open { .. } => {}
            Phase::HalfOpen { answered, .. } => {
                *answered += 1;
                if *answered >= self.config.probes {
                    self.phase = Phase::Closed { failures: 0 };
                }
            }
        }
    }

    /// A question was not answered.
    pub fn failed(&mut self, now: Instant) {
        let open = Phase::Open { until: now + self.config.open_for };
        match &mut self.phase {
            Phase::Closed { failures } => {
                *failures += 1;
                if *failures >= self.config.failures_to_open {
                    self.phase = open;
                }
            }
            Phase::Open { .. } => {}
            Phase::HalfOpen { .. } => self.phase = open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BreakerConfig =
        BreakerConfig { failures_to_open: 3, open_for: Duration::from_secs(1), probes: 2 };

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_after_answered_probes() {
        let start = Instant::now();
        let mut breaker = Breaker::new(CONFIG);
        breaker.failed(start);
        breaker.failed(start);
        breaker.answered();
        breaker.failed(start);
        breaker.failed(start);
        assert_eq!(breaker.state(), BreakerState::Closed, "an answer starts the count over");
        breaker.failed(start);
        assert_eq!(breaker.admit(start), Admission::Wait(CONFIG.open_for));
        let later = start + CONFIG.open_for;
        assert_eq!(breaker.admit(later), Admission::Ask);
        assert_eq!(breaker.admit(later), Admission::Ask);
        assert!(matches!(breaker.admit(later), Admission::Wait(_)), "two probes and no more");
        breaker.answered();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.answered();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_failed_probe_opens_it_again_and_lost_probes_are_replaced() {
        let start = Instant::now();
        let mut breaker = Breaker::new(CONFIG);
        (0..3).for_each(|_| breaker.failed(start));
        let half = start + CONFIG.open_for;
        assert_eq!(breaker.admit(half), Admission::Ask);
        breaker.failed(half);
        assert_eq!(breaker.state(), BreakerState::Open);
        let again = half + CONFIG.open_for;
        assert_eq!(breaker.admit(again), Admission::Ask);
        assert_eq!(breaker.admit(again), Admission::Ask);
        assert_eq!(breaker.admit(again + CONFIG.open_for), Admission::Ask, "both probes were lost");
    }
}
