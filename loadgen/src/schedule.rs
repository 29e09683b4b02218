//! When each request shall be sent: decided before the run and blind to how the
//! target does, which is what makes the load open.

use std::time::Duration;

use crate::random::Random;

const PURPOSE_GAP: u64 = 6;
const NANOS: f64 = 1e9;

/// How requests are spread over time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Equal gaps.
    Constant,
    /// Exponential gaps with the same mean, as independent customers come.
    Poisson,
}

/// When the load ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// After this time.
    Duration(Duration),
    /// After this many requests.
    Orders(u64),
}

/// The intended send instants of a run.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Requests per second.
    pub rate: f64,
    /// Their spread.
    pub arrivals: Arrivals,
    /// Their end.
    pub extent: Extent,
    /// Seed of random gaps.
    pub seed: u64,
}

/// One intended request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Its number, from 0.
    pub n: u64,
    /// When it shall be sent, in nanoseconds since the start.
    pub intended_ns: u64,
}

impl Schedule {
    /// All slots, in time order.
    pub fn slots(&self) -> Slots {
        Slots { schedule: self.clone(), n: 0, poisson_s: 0.0 }
    }

    /// How many slots there are, when the schedule says so beforehand.
    pub fn count(&self) -> Option<u64> {
        match (self.extent, self.arrivals) {
            (Extent::Orders(count), _) => Some(count),
            (Extent::Duration(length), Arrivals::Constant) => {
                Some((length.as_secs_f64() * self.rate).round() as u64)
            }
            (Extent::Duration(_), Arrivals::Poisson) => None,
        }
    }
}

/// Iterator over slots.
#[derive(Clone, Debug)]
pub struct Slots {
    schedule: Schedule,
    n: u64,
    poisson_s: f64,
}

impl Iterator for Slots {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        let n = self.n;
        let intended_s = match self.schedule.arrivals {
            Arrivals::Constant => n as f64 / self.schedule.rate,
            Arrivals::Poisson => {
                let unit = Random::for_slot(self.schedule.seed, PURPOSE_GAP, n).unit();
                self.poisson_s -= (1.0 - unit).ln() / self.schedule.rate;
                self.poisson_s
            }
        };
        let over = match (self.schedule.count(), self.schedule.extent) {
            (Some(count), _) => n >= count,
            (None, Extent::Duration(length)) => intended_s >= length.as_secs_f64(),
            (None, Extent::Orders(count)) => n >= count,
        };
        if over {
            return None;
        }
        self.n += 1;
        Some(Slot { n, intended_ns: (intended_s * NANOS) as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(rate: f64, arrivals: Arrivals, extent: Extent) -> Schedule {
        Schedule { rate, arrivals, extent, seed: 1 }
    }

    #[test]
    fn a_constant_rate_has_equal_gaps_and_the_exact_count() {
        let five_minutes = Extent::Duration(Duration::from_secs(300));
        let schedule = schedule(1000.0, Arrivals::Constant, five_minutes);
        assert_eq!(schedule.slots().count(), 300_000);
        let slots: Vec<u64> = schedule.slots().take(3).map(|slot| slot.intended_ns).collect();
        assert_eq!(slots, [0, 1_000_000, 2_000_000]);
        assert_eq!(
            schedule.slots().last(),
            Some(Slot { n: 299_999, intended_ns: 299_999_000_000 })
        );
    }

    #[test]
    fn an_odd_rate_does_not_drift() {
        let schedule = schedule(7.0, Arrivals::Constant, Extent::Orders(7_000_001));
        let last = schedule.slots().nth(7_000_000).unwrap();
        assert_eq!(last.intended_ns, 1_000_000_000_000_000);
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_spread_the_gaps() {
        let minute = Extent::Duration(Duration::from_secs(60));
        let schedule = schedule(1000.0, Arrivals::Poisson, minute);
        let times: Vec<u64> = schedule.slots().map(|slot| slot.intended_ns).collect();
        assert!(times.len().abs_diff(60_000) < 1_000, "{}", times.len());
        assert!(times.is_sorted());
        let long = times.windows(2).filter(|pair| pair[1] - pair[0] > 1_000_000).count();
        // e⁻¹ of exponential gaps are longer than their mean.
        assert!((long as f64 / times.len() as f64 - 0.368).abs() < 0.02, "{long}");
    }

    #[test]
    fn every_lane_of_a_split_schedule_sees_its_own_slots() {
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            let schedule = schedule(100.0, arrivals, Extent::Orders(1000));
            let mut split: Vec<Slot> =
                (0..3).flat_map(|lane| schedule.slots().skip(lane).step_by(3)).collect();
            split.sort_by_key(|slot| slot.n);
            assert_eq!(split, schedule.slots().collect::<Vec<_>>());
        }
    }
}
