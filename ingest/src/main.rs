//! `ingest`: arguments, logs, sockets, run, drain.

use std::process::ExitCode;

use clap::Parser;
use ingest::{Config, Sockets};
use mimalloc::MiMalloc;
use service::{admin, clock, open_files, shutdown, telemetry};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let config = Config::parse();
    telemetry::init_logs();
    shutdown::report(serve(config))
}

/// Sockets and reads live on this thread's runtime; requests on their workers'.
#[tokio::main(flavor = "current_thread")]
async fn serve(config: Config) -> anyhow::Result<()> {
    open_files::raise()?;
    clock::set_from_env()?;
    let stop = shutdown::on_signal()?;
    let metrics = telemetry::install_metrics()?;
    let sockets = Sockets {
        http: admin::bind(config.listen, "HTTP").await?,
        admin: admin::bind(config.admin_listen, "the admin port").await?,
    };
    tracing::info!(listen = %config.listen, admin = %config.admin_listen, "ingest listens");
    ingest::run(config, sockets, metrics, stop).await
}
