//! `processor`: turns the orders of the log into exactly one outcome each.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use processor::dlq;
use service::admin::{self, Admin};
use service::health::Health;
use service::{clock, open_files, shutdown, telemetry};

use self::cli::{Cli, Command, check};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
            open_files::raise()?;
            clock::set_from_env()?;
            let admin = Admin { health: Health::default(), metrics: telemetry::install_metrics()? };
            let listener = admin::bind(args.admin_listen, "the admin port").await?;
            processor::pipeline::run(args, listener, admin, shutdown::on_signal()?).await
        }
    }
}
