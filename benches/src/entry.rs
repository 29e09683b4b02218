//! The frame of a benchmark's `main`: one thread, Ctrl-C, exit code. What a
//! benchmark started ends with it: services die with this thread, servers with
//! the lease.

use std::process::ExitCode;

use crate::args::BenchArgs;
use crate::bed::Bed;
use crate::report::Report;

/// Exit code of a run that Ctrl-C ended.
const EXIT_INTERRUPTED: u8 = 130;

/// What a benchmark's `--help` says at its end.
pub const EXIT_CODES: &str = "Exit codes: 0 the audit is clean, 1 it is not or something failed, 2 wrong usage, 130 interrupted";

/// Runs a benchmark that says whether the books were clean.
pub fn run(bench: impl Future<Output = anyhow::Result<bool>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return service::shutdown::report(Err(error.into())),
    };
    let outcome = runtime.block_on(until_stopped(bench));
    // A leg that was interrupted is not waited for.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => service::shutdown::report(Err(error)),
    }
}

/// Writes what was asked for and lets the servers go; whether the books are clean.
///
/// # Errors
/// The report cannot be written, or the servers cannot be released.
pub async fn end(report: &Report, args: &BenchArgs, bed: Bed) -> anyhow::Result<bool> {
    report.write(args)?;
    bed.release().await?;
    Ok(report.audit.as_deref() == Some("clean"))
}

async fn until_stopped(bench: impl Future<Output = anyhow::Result<bool>>) -> anyhow::Result<u8> {
    let stop = service::shutdown::on_signal()?;
    tokio::select! {
        clean = bench => Ok(u8::from(!clean?)),
        () = stop.cancelled() => {
            eprintln!("interrupted; everything the benchmark started ends with it");
            Ok(EXIT_INTERRUPTED)
        }
    }
}
