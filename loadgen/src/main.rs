//! `loadgen`: arguments → run → report → exit code.

use std::process::ExitCode;

use clap::Parser;
use loadgen::args::Args;
use loadgen::{Report, RunError};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    let json = args.json();
    let outcome = load(args).and_then(|report| {
        print!("{report}");
        if let Some(path) = &json {
            std::fs::write(path, report.to_json()).map_err(|error| {
                anyhow::anyhow!("cannot write the report to {}: {error}", path.display())
            })?;
        }
        Ok(report.exit_code())
    });
    ExitCode::from(outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        error.exit_code()
    }))
}

fn load(args: Args) -> Result<Report, RunError> {
    service::telemetry::init_logs();
    service::open_files::raise()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    runtime.block_on(async {
        let stop = service::shutdown::on_signal()?;
        loadgen::run(args.into_config(), stop).await
    })
}
