//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use service::args::{duration, rate, share};

/// A longer warm-up changes nothing: the broker's machine code is compiled by then.
const WARMUP_MAX: Duration = Duration::from_secs(30);

/// Runs the whole pipeline on a real Kafka and a real PostgreSQL: drives orders
/// through the gateway, prints latency, throughput, cost and the top of
/// the sales metrics, and has the books audited.
#[derive(Parser, Debug)]
#[command(
    name = "cargo demo --",
    after_help = "Examples:\n  cargo demo\n  cargo demo -- --rate 5000 --duration 30s\n  cargo demo -- --keep\n\n\
                  Exit codes: 0 the audit is clean, 1 it is not or something failed, 2 wrong usage, 130 interrupted"
)]
pub(crate) struct Args {
    /// Orders per second
    #[arg(long, env = "DEMO_RATE", value_parser = rate, default_value = "1000")]
    pub(crate) rate: f64,
    /// How long orders come in
    #[arg(long, env = "DEMO_DURATION", value_parser = duration, default_value = "60s")]
    pub(crate) duration: Duration,
    /// How long orders come in before that: audited too, not in the latencies and
    /// costs; 0s for none [default: a tenth of the duration, 30s at most]
    #[arg(long, env = "DEMO_WARMUP", value_parser = duration)]
    warmup: Option<Duration>,
    /// Seed of the orders
    #[arg(long, env = "DEMO_SEED", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Share of orders sent twice under one Idempotency-Key; one in ten has a key then
    #[arg(long, env = "DEMO_DUPLICATES", value_parser = share, default_value = "1%")]
    pub(crate) duplicates: f64,
    /// Share of orders cancelled after they were accepted
    #[arg(long, env = "DEMO_CANCELS", value_parser = share, default_value = "1%")]
    pub(crate) cancels: f64,
    /// Pieces of every product to begin with
    #[arg(long, env = "DEMO_STOCK", default_value_t = 10_000_000)]
    pub(crate) stock: u32,
    /// Do not run `audit --watch` beside the load, which leaves its CPU to the rest; the
    /// audit afterwards is the same
    #[arg(long, env = "DEMO_UNWATCHED")]
    pub(crate) unwatched: bool,
    /// Write all results as JSON to this file
    #[arg(long, env = "DEMO_JSON", value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Leave everything running afterwards and say how to look at it
    #[arg(long)]
    pub(crate) keep: bool,
}

impl Args {
    /// How long to warm up.
    pub(crate) fn warmup(&self) -> Duration {
        self.warmup.unwrap_or_else(|| (self.duration / 10).min(WARMUP_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warmup_is_a_tenth_unless_said_otherwise() {
        let warmup = |line: &str| Args::try_parse_from(line.split(' ')).unwrap().warmup().as_secs();
        assert_eq!(warmup("demo"), 6);
        assert_eq!(warmup("demo --duration 1h"), 30);
        assert_eq!(warmup("demo --warmup 0s"), 0);
        assert_eq!(warmup("demo --duration 5s --warmup 1m"), 60);
    }

    #[test]
    fn what_no_load_can_be_driven_with_is_refused() {
        let parsed = |line: &str| Args::try_parse_from(line.split(' '));
        let good = parsed("demo --rate 2.5k --cancels 0.5%").unwrap();
        assert_eq!((good.rate, good.cancels), (2500.0, 0.005));
        for line in ["demo --rate 0", "demo --rate many", "demo --cancels 120%"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
