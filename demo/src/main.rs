//! `cargo demo`: the whole pipeline on real servers, driven, measured and
//! audited, in one command.

mod args;
mod farewell;
mod processes;
mod report;
mod run;
mod tables;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // The alias ends in `--` already, so that both `cargo demo --keep` and the
    // customary `cargo demo -- --keep` work.
    let words = std::env::args_os().enumerate().filter(|(n, word)| *n != 1 || word != "--");
    let args = args::Args::parse_from(words.map(|(_, word)| word));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return service::shutdown::report(Err(error.into())),
    };
    let outcome = runtime.block_on(run::run(&args));
    // Whoever interrupts must not wait for the thread that waits for servers; those end
    // with this process.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => service::shutdown::report(Err(error)),
    }
}
