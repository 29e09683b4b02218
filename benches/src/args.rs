//! The command line that the benchmarks of whole programs share.

use std::path::PathBuf;

use clap::Args;

/// How much is measured, and where the figures go.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// A short run: shows that everything works, its figures are rough
    #[arg(long, env = "BENCH_QUICK")]
    pub quick: bool,
    /// Write the figures as JSON to this file too
    #[arg(long, env = "BENCH_JSON", value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

impl BenchArgs {
    /// One of two values: for a whole run, or for a quick one.
    pub fn pick<T>(&self, whole: T, quick: T) -> T {
        if self.quick { quick } else { whole }
    }

    /// `quick` or `full`, for the report.
    pub fn extent(&self) -> &'static str {
        self.pick("full", "quick")
    }
}
