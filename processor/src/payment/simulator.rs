//! A payment provider in this process. Its verdict is a function of seed and
//! order id, so asking twice gives one answer, in this process or the next.

use std::time::{Duration, Instant};

use contract::{DeclineReason, OrderId};

use super::{NoAnswer, Verdict, nothing_within};

/// How it behaves.
#[derive(Clone, Debug)]
pub struct SimulatorConfig {
    /// Decides which orders it declines.
    pub seed: u64,
    /// Share of charges captured, 0..=1.
    pub success: f64,
    /// Median time to an answer. Times are log-normal: half below, 5 % above
    /// about twice as much.
    pub latency: Duration,
    /// Share of questions that get no answer although the charge took place.
    pub timeouts: f64,
    /// No question is answered between these two instants after start.
    pub outage: Option<(Duration, Duration)>,
}

/// Spread of the log-normal times: the 95th percentile is e^(1.645 × 0.45) ≈ 2.1
/// medians.
const SIGMA: f64 = 0.45;

/// The simulated provider.
pub struct Simulator {
    config: SimulatorConfig,
    started: Instant,
}

impl Simulator {
    /// A provider that starts now.
    pub fn new(config: SimulatorConfig) -> Self {
        Self { config, started: Instant::now() }
    }

    pub(super) async fn charge(
        &self,
        order_id: OrderId,
        deadline: Duration,
    ) -> Result<Verdict, NoAnswer> {
        self.think(deadline).await?;
        Ok(self.verdict(order_id))
    }

    pub(super) async fn refund(
        &self,
        _order_id: OrderId,
        deadline: Duration,
    ) -> Result<(), NoAnswer> {
        self.think(deadline).await
    }

    /// Its time is known beforehand, so the deadline needs no timer of its own.
    async fn think(&self, deadline: Duration) -> Result<(), NoAnswer> {
        if self.is_out() {
            return Err(NoAnswer::Silence("simulated outage".into()));
        }
        let time = self.time();
        if !time.is_zero() {
            tokio::time::sleep(time.min(deadline)).await;
        }
        if time < deadline { Ok(()) } else { Err(nothing_within(deadline)) }
    }

    fn time(&self) -> Duration {
        let SimulatorConfig { timeouts, latency, .. } = self.config;
        if timeouts > 0.0 && fastrand::f64() < timeouts {
            return Duration::MAX;
        }
        if latency.is_zero() {
            return latency;
        }
        latency.mul_f64((SIGMA * standard_normal()).exp())
    }

    fn is_out(&self) -> bool {
        self.config.outage.is_some_and(|(from, to)| (from..to).contains(&self.started.elapsed()))
    }

    /// The same for the same order, always.
    fn verdict(&self, order_id: OrderId) -> Verdict {
        let (high, low) = order_id.0.as_u64_pair();
        let mut draw = fastrand::Rng::with_seed(high ^ low.rotate_left(32) ^ self.config.seed);
        if draw.f64() < self.config.success {
            return Verdict::Captured;
        }
        let reason = draw.choice(DeclineReason::ALL).unwrap_or(DeclineReason::Declined);
        Verdict::Declined(reason)
    }
}

/// One draw of the standard normal distribution (Box and Muller, 1958).
fn standard_normal() -> f64 {
    let radius = (-2.0 * (1.0 - fastrand::f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * fastrand::f64()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simulator(success: f64) -> Simulator {
        Simulator::new(SimulatorConfig {
            seed: 7,
            success,
            latency: Duration::ZERO,
            timeouts: 0.0,
            outage: None,
        })
    }

    #[test]
    fn the_share_of_captured_charges_is_as_configured() {
        let simulator = simulator(0.9);
        let captured =
            (0..20_000).filter(|_| simulator.verdict(OrderId::mint()) == Verdict::Captured).count();
        assert!((17_700..18_300).contains(&captured), "{captured}");
    }

    #[test]
    fn an_order_has_one_verdict() {
        let order_id = OrderId::mint();
        let first = simulator(0.5).verdict(order_id);
        assert!((0..100).all(|_| simulator(0.5).verdict(order_id) == first));
    }
}
