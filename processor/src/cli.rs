//! The command line of `processor`.

use clap::{CommandFactory, Parser, Subcommand};
use processor::config::RunArgs;
use processor::dlq::DlqCommand;
use service::args::DatabaseArgs;

/// Turns the orders of the log into exactly one outcome each: stock reserved,
/// payment taken, analytics counted, events published.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:\n  processor migrate && processor run\n  eval \"$(cargo stack env)\"; processor run --workers 2\n  processor config\n  processor dlq list --since 1h; processor dlq redrive --reason invalid_body\n\n\
                  Exit codes: 0 stopped after a drain, 1 a failure, 2 wrong usage, 130 a second signal"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Process orders until stopped
    Run(RunArgs),
    /// List, show and redrive dead letters
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Bring the database to the current schema
    Migrate(DatabaseArgs),
    /// Print the effective configuration, secrets left out
    Config(RunArgs),
}

/// Ends with the exit code of wrong usage, as clap does for what it checks itself.
pub fn check(args: &RunArgs) {
    if let Err(error) = args.check() {
        Cli::command().error(clap::error::ErrorKind::ValueValidation, format!("{error:#}")).exit();
    }
}
