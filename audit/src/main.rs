//! `audit`: config → run → report. The exit code is the verdict. `explain` tells the
//! life of one order instead.

mod serve;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use audit::{Args, Command, Report};
use clap::Parser;

use self::serve::watch;

/// Not 1: that would be a finding.
const COULD_NOT_JUDGE: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    service::telemetry::init_logs();
    let mut args = Args::parse();
    if let Some(Command::Explain(order)) = args.command.take() {
        return told(audit::explain::run(&order).await);
    }
    let (json, watching) = (args.json(), args.watching());
    let config = args.into_config();
    let report = match watching {
        None => audit::run(&config).await,
        Some(watching) => match watch(&config, watching).await {
            Ok(report) => report,
            Err(error) => return failed(&error),
        },
    };
    // A reader that left early (`| head`) does not change the verdict.
    let _closed_pipe = write!(std::io::stdout().lock(), "{report}");
    match json.map_or(Ok(()), |path| write(&path, &report)) {
        Ok(()) => report.exit_code(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::from(COULD_NOT_JUDGE)
}

fn told(life: anyhow::Result<String>) -> ExitCode {
    match life {
        Ok(life) => {
            let _closed_pipe = writeln!(std::io::stdout().lock(), "{life}");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn write(path: &Path, report: &Report) -> anyhow::Result<()> {
    let json = serde_json::to_vec_pretty(report).context("cannot encode the report")?;
    std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))
}
