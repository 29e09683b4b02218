//! The command line.

use std::path::PathBuf;

use clap::Parser;

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
    #[arg(long, env = "DEMO_RATE", default_value = "1000")]
    pub(crate) rate: String,
    /// How long orders come in
    #[arg(long, env = "DEMO_DURATION", default_value = "60s")]
    pub(crate) duration: String,
    /// Seed of the orders
    #[arg(long, env = "DEMO_SEED", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Share of orders sent twice under one Idempotency-Key
    #[arg(long, env = "DEMO_DUPLICATES", default_value = "1%")]
    pub(crate) duplicates: String,
    /// Share of orders cancelled after they were accepted
    #[arg(long, env = "DEMO_CANCELS", default_value = "1%")]
    pub(crate) cancels: String,
    /// Pieces of every product to begin with
    #[arg(long, env = "DEMO_STOCK", default_value_t = 1_000_000)]
    pub(crate) stock: u32,
    /// Write all results as JSON to this file
    #[arg(long, env = "DEMO_JSON", value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Leave everything running afterwards and say how to look at it
    #[arg(long)]
    pub(crate) keep: bool,
}
