//! `cargo bench --bench drain`: the real processor drains a filled topic, and a
//! bare loop runs the same transactions from memory, in turn, in one run.
//!
//! Every leg begins with a copy of the same stocked database and a checkpoint.
//! The first two drains of a run are not counted: while it is new a JVM compiles, and
//! Kafka's part of an order falls from 34 to 29, 16 and 14 µs from drain to drain.

mod bare;
mod drain;
mod leg;
mod measure;
mod memory;
mod report;

use std::process::ExitCode;

use benches::args::BenchArgs;
use benches::entry;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Drains a filled topic with the real processor, in turn with the same SQL in
/// a bare loop without Kafka
#[derive(Parser, Debug)]
#[command(name = "cargo bench --bench drain --", after_help = entry::EXIT_CODES)]
struct Args {
    #[command(flatten)]
    bench: BenchArgs,
    /// Orders of each leg [default: 400000, quick: 60000]
    #[arg(long, env = "BENCH_ORDERS")]
    orders: Option<u64>,
    /// Legs of each kind that count [default: 3, quick: 1]
    #[arg(long, env = "BENCH_LEGS")]
    legs: Option<u16>,
    /// Records of one transaction at most, in both
    #[arg(long, env = "PROCESSOR_BATCH_MAX", default_value_t = 3000)]
    batch_max: usize,
    /// Workers of both, each with one connection
    #[arg(long, env = "PROCESSOR_WORKERS", default_value_t = 2)]
    workers: usize,
}

fn main() -> ExitCode {
    let args = Args::parse();
    entry::run(measure::measure(args))
}
