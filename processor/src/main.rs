//! `processor`: turns the orders of the log into exactly one outcome each.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use processor::config::RunArgs;
use processor::dlq::{self, DlqCommand};
use service::admin::{self, Admin};
use service::args::DatabaseArgs;
use service::health::Health;
use service::{clock, shutdown, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns the orders of the log into exactly one outcome each: stock reserved,
/// payment taken, analytics counted, events published.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:\n  processor migrate && processor run\n  eval \"$(cargo stack env)\"; processor run --workers 2\n  processor config\n  processor dlq list --since 1h; processor dlq redrive --reason invalid_body\n\n\
                  Exit codes: 0 stopped after a drain, 1 a failure, 2 wrong usage, 130 a second signal"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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

fn main() -> ExitCode {
    telemetry::init_logs();
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return shutdown::report(Err(error.into())),
        };
    let outcome = runtime.block_on(execute(Cli::parse().command));
    // The consumer's last goodbye may hang on a dead broker; nothing is owed it.
    runtime.shutdown_background();
    shutdown::report(outcome)
}

async fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Dlq(command) => {
            println!("{}", dlq::run(command).await?);
            Ok(())
        }
        Command::Migrate(database) => Ok(sql::migrate(&database.database_url).await?),
        Command::Config(args) => {
            check(&args);
            println!("{}", args.describe());
            Ok(())
        }
        Command::Run(args) => {
            check(&args);
            clock::set_from_env()?;
            let admin = Admin { health: Health::default(), metrics: telemetry::install_metrics()? };
            let listener = admin::bind(args.admin_listen, "the admin port").await?;
            processor::pipeline::run(args, listener, admin, shutdown::on_signal()?).await
        }
    }
}

/// Ends with the exit code of wrong usage, as clap does for what it checks itself.
fn check(args: &RunArgs) {
    if let Err(error) = args.check() {
        Cli::command().error(clap::error::ErrorKind::ValueValidation, format!("{error:#}")).exit();
    }
}
