//! `cargo bench --bench end_to_end`: orders through gateway, log, processor and
//! notifier at rising rates, until the knee: the first step that is not
//! accepted as offered, settles too late, or shows errors.
//!
//! The load is open-loop: latencies count from the instant an order should have
//! been sent, so an overloaded step shows as one.

mod measure;
mod report;

use std::process::ExitCode;

use benches::args::BenchArgs;
use benches::entry;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Drives orders through the whole pipeline at rising rates, until the knee
#[derive(Parser, Debug)]
#[command(name = "cargo bench --bench end_to_end --", after_help = entry::EXIT_CODES)]
struct Args {
    #[command(flatten)]
    bench: BenchArgs,
    /// Orders a second of each step, comma separated
    #[arg(long, env = "BENCH_RATES", value_delimiter = ',')]
    rates: Vec<u32>,
    /// Seconds of each step [default: 30, quick: 5]
    #[arg(long, env = "BENCH_SECONDS")]
    seconds: Option<u16>,
    /// Go on beyond the knee, as a quick run always does
    #[arg(long, env = "BENCH_ALL_STEPS")]
    all_steps: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    entry::run(measure::measure(args))
}
