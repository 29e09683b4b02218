//! How a healed system comes back: its backlog, the time it takes, and its
//! throughput afterwards.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use crate::books;
use crate::world::World;

/// Patience beyond the time that a recovery may take.
const SPARE: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long the throughput is measured.
const MEASURE: Duration = Duration::from_secs(3);

/// Time that a recovery may take beside working the backlog off: a consumer's
/// session (10 s), a claim, a connection.
const GRACE_S: f64 = 30.0;
/// Orders a second that two slow cores work off while load comes in, of which 0.7
/// are asked for.
const CAPACITY: f64 = 8_000.0;
/// Share of the offered load that must be worked off after the recovery.
const THROUGHPUT_MIN: f64 = 0.9;

/// How a system came back.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Recovery {
    /// Seconds from the last step to a lag below half a second of load that is
    /// followed by the throughput.
    pub(crate) after_s: Option<f64>,
    /// The highest lag on the way, in records.
    pub(crate) lag_max: i64,
    /// Records a second worked off afterwards.
    pub(crate) throughput: f64,
}

impl Recovery {
    /// What is slower than promised.
    pub(crate) fn wrong(&self, rate: u32) -> Vec<String> {
        let mut wrong = Vec::new();
        let max = self.longest_s();
        match self.after_s {
            Some(after) if after <= max => {}
            Some(after) => wrong.push(format!("recovered after {after:.1} s, above {max:.1} s")),
            None => wrong.push(format!("has not recovered within {:?}", self.patience())),
        }
        let wanted = wanted(rate);
        if self.throughput < wanted {
            let got = self.throughput;
            wrong.push(format!("works off {got:.0} records/s afterwards, below {wanted:.0}"));
        }
        wrong
    }

    /// How long it may take, in seconds.
    fn longest_s(&self) -> f64 {
        GRACE_S + self.lag_max as f64 / (0.7 * CAPACITY)
    }

    fn patience(&self) -> Duration {
        SPARE + Duration::from_secs(self.longest_s().ceil() as u64)
    }
}

/// Records a second that must be worked off under this load.
fn wanted(rate: u32) -> f64 {
    THROUGHPUT_MIN * f64::from(rate)
}

/// Waits for the recovery: little lag, and then the throughput. A small lag alone
/// is none: of a consumer that was killed Kafka hears seconds later.
///
/// # Errors
/// There is no load, nor can there be any.
pub(crate) async fn recover(world: &mut World, rate: u32) -> Result<Recovery> {
    let (healed, mut recovery) = (Instant::now(), Recovery::default());
    while recovery.after_s.is_none() && healed.elapsed() < recovery.patience() {
        world.load()?.start_again()?;
        let lag = books::lag(&world.kafka, world.stack.database_url()).await;
        recovery.lag_max = recovery.lag_max.max(lag.unwrap_or_default());
        if lag.is_none_or(|lag| lag > i64::from(rate / 2)) {
            sleep(LOOK_INTERVAL).await;
            continue;
        }
        let after = healed.elapsed();
        let throughput = measure(world).await;
        recovery.throughput = recovery.throughput.max(throughput);
        if throughput >= wanted(rate) {
            recovery.after_s = Some(after.as_secs_f64());
        }
    }
    Ok(recovery)
}

async fn measure(world: &World) -> f64 {
    let (begin, before) = (Instant::now(), books::done(world.stack.database_url()).await);
    sleep(MEASURE).await;
    let now = books::done(world.stack.database_url()).await;
    match (before, now) {
        (Some(before), Some(now)) => (now - before) as f64 / begin.elapsed().as_secs_f64(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_is_judged_by_its_backlog_and_its_throughput() {
        let quick = Recovery { after_s: Some(31.0), lag_max: 8_000, throughput: 450.0 };
        assert!(quick.wrong(500).is_empty());
        let slow = Recovery { lag_max: 0, throughput: 449.0, ..quick };
        assert_eq!(slow.wrong(500).len(), 2);
        assert_eq!(Recovery { after_s: None, ..quick }.wrong(500).len(), 1);
    }
}
