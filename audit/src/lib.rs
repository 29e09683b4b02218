//! The independent proof that the books are right.
//!
//! Three parties wrote down what happened: the sender (receipts), Kafka (the
//! log) and PostgreSQL (the tables). The audit
//! 1. waits until nothing is under way, and fixes one view of tables and log
//!    ([`quiescence`]);
//! 2. reads the input topics by rules of its own ([`rules`]) into a compact
//!    ledger ([`fold`]);
//! 3. streams receipts, tables and outgoing topics past that ledger, and notes
//!    every contradiction ([`judge`], [`findings`]) under the name of the
//!    invariant that it breaks ([`invariants`]).
//!
//! It shares no decision code with gateway or processor: of the contract crate
//! it uses words only (names of topics, headers and statuses).
//!
//! Limits: whether a shipment came before its payment was settled, and in which
//! order restocks and orders met, is not in the log. There the audit checks that what
//! the tables say is possible: by their times, as far as those prove an order, so a
//! shipment refused within seconds of its payment may be refused wrongly unseen.

pub mod config;
pub mod error;
pub mod explain;
pub mod findings;
pub mod fold;
pub mod invariants;
pub mod judge;
pub mod place;
pub mod progress;
pub mod quiescence;
pub mod read;
pub mod report;
pub mod rules;
pub mod watch;

use std::time::Instant;

pub use config::{Args, Begin, Command, Config, Progress, Receipts, Settle, Watching};
pub use report::{Report, Verdict};

use error::CannotJudge;
use judge::Judge;
use read::log::Log;
use report::{Counts, Times};

/// Audits once. Whatever goes wrong is in the report, as a verdict that is not
/// clean.
pub async fn run(config: &Config) -> Report {
    let mut times = Times::default();
    let mut read = Counts::default();
    match attempt(config, &mut times, &mut read).await {
        Ok(report) => report,
        Err(why) => Report::unjudged(why, read, times),
    }
}

async fn attempt(
    config: &Config,
    times: &mut Times,
    read: &mut Counts,
) -> Result<Report, CannotJudge> {
    let log = Log::new(&config.brokers, &config.topics, config.progress);
    let waiting = Instant::now();
    let view = quiescence::view(config, &log).await;
    times.waited_seconds = waiting.elapsed().as_secs_f64();
    let view = view?;
    let judging = Instant::now();
    let mut judge = Judge::new(config, &view.log);
    let outcome = judge.run(&log, view).await;
    times.seconds = judging.elapsed().as_secs_f64();
    *read = judge.read;
    outcome?;
    Ok(Report::judged(&judge.findings, judge.read, *times, &config.receipts, &config.topics))
}
