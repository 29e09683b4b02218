//! What a run does, checked; made from the command line or by a program that
//! uses this crate.

use std::path::PathBuf;
use std::time::Duration;

use contract::topic::Topics;

use crate::order_mix::Mix;
use crate::progress::Progress;
use crate::schedule::{Arrivals, Extent, Schedule};
use crate::slo::Slo;

/// A run of the load generator.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the load goes.
    pub mode: Mode,
    /// Requests per second; `None` is as fast as possible, in direct mode only.
    pub rate: Option<f64>,
    /// How requests spread over time.
    pub arrivals: Arrivals,
    /// When the load ends.
    pub extent: Extent,
    /// Seed of orders, kinds and gaps.
    pub seed: u64,
    /// Name of this run: part of idempotency keys, so that a second run with the
    /// same seed places new orders.
    pub run: String,
    /// What the load consists of.
    pub mix: Mix,
    /// Pieces of every product to restock before the load; 0 is none.
    pub stock: u32,
    /// Kafka, for following and for direct mode.
    pub brokers: String,
    /// Names of the topics.
    pub topics: Topics,
    /// Follow orders until they settle, and wait this long after the load.
    pub follow: Option<Duration>,
    /// The run is invalid when the generator's own lag exceeds this at p99.
    pub lag_limit: Duration,
    /// Objectives.
    pub slos: Vec<Slo>,
    /// File for receipts.
    pub receipts: Option<PathBuf>,
    /// File for the HdrHistogram interval log.
    pub hlog: Option<PathBuf>,
    /// How progress is shown.
    pub progress: Progress,
}

/// Where the load goes.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Through the gateway.
    Http(Http),
    /// Straight onto the orders topic.
    Direct,
}

/// How the gateway is reached.
#[derive(Clone, Debug)]
pub struct Http {
    /// `http://host:port`
    pub url: String,
    /// Connections, over all threads.
    pub connections: usize,
    /// Load threads; one keeps 20,000 requests a second.
    pub threads: usize,
    /// How long a request waits for its answer.
    pub timeout: Duration,
    /// Due requests that may wait for a connection, over all threads.
    pub backlog: usize,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8080".to_owned(),
            // Enough for 10,000 requests/s at 25 ms each: below that the pool would be
            // the limit, not the target.
            connections: 256,
            threads: 1,
            timeout: Duration::from_secs(30),
            backlog: 1_000_000,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Http(Http::default()),
            rate: Some(1000.0),
            arrivals: Arrivals::Constant,
            extent: Extent::Duration(Duration::from_secs(60)),
            seed: 1,
            run: fresh_run_name(),
            mix: Mix::default(),
            stock: 0,
            brokers: "127.0.0.1:9092".to_owned(),
            topics: Topics::default(),
            follow: None,
            lag_limit: Duration::from_millis(10),
            slos: Vec::new(),
            receipts: None,
            hlog: None,
            progress: Progress::Silent,
        }
    }
}

impl Config {
    /// Refuses what cannot work, saying why.
    ///
    /// # Errors
    /// Settings contradict each other.
    pub fn check(&self) -> Result<(), String> {
        self.mix.check()?;
        if let Mode::Http(http) = &self.mode {
            if self.rate.is_none() {
                return Err("a rate is needed; only --direct can go as fast as possible".into());
            }
            if http.threads == 0 || http.connections < http.threads {
                return Err("every thread needs a connection; raise --connections".into());
            }
        }
        if self.follow.is_none() && self.slos.iter().any(Slo::needs_settlements) {
            return Err("an objective on settled needs --follow".into());
        }
        Ok(())
    }

    /// The intended send instants; `None` when there are none.
    pub fn schedule(&self) -> Option<Schedule> {
        let (arrivals, extent, seed) = (self.arrivals, self.extent, self.seed);
        self.rate.map(|rate| Schedule { rate, arrivals, extent, seed })
    }
}

/// A name no earlier run had: the time in milliseconds.
pub fn fresh_run_name() -> String {
    format!("{:x}", jiff::Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_run_and_contradictions_are_not() {
        assert_eq!(Config::default().check(), Ok(()));
        assert!(Config { rate: None, ..Config::default() }.check().is_err());
        let starved = Mode::Http(Http { connections: 1, threads: 2, ..Http::default() });
        assert!(Config { mode: starved, ..Config::default() }.check().is_err());
        let slos = vec![Slo::parse("settled.p95<90ms").unwrap()];
        assert!(Config { slos: slos.clone(), ..Config::default() }.check().is_err());
        let follow = Some(Duration::from_secs(1));
        assert_eq!(Config { slos, follow, ..Config::default() }.check(), Ok(()));
    }
}
