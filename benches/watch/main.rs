//! `cargo bench --bench watch`: what `audit --watch` takes from what it watches. The same
//! load in turn with it and without it, on one stack; the ratios are of the medians.

mod measure;
mod report;

use std::process::ExitCode;

use benches::args::BenchArgs;
use benches::entry;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Drives orders through the whole pipeline, in turn with and without `audit --watch`
#[derive(Parser, Debug)]
#[command(name = "cargo bench --bench watch --", after_help = entry::EXIT_CODES)]
struct Args {
    #[command(flatten)]
    bench: BenchArgs,
    /// Orders a second
    #[arg(long, env = "BENCH_RATE", default_value_t = 3_000)]
    rate: u32,
    /// Seconds of each leg [default: 30, quick: 5]
    #[arg(long, env = "BENCH_SECONDS")]
    seconds: Option<u16>,
    /// Legs with and as many without [default: 5, quick: 1]
    #[arg(long, env = "BENCH_LEGS")]
    legs: Option<u16>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    entry::run(measure::measure(args))
}
