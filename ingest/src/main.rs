//! `ingest`: arguments, logs, sockets, run, drain.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use ingest::{Config, Sockets};
use mimalloc::MiMalloc;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use service::{admin, clock, shutdown, telemetry};

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
    raise_open_files().context("cannot raise the limit of open files")?;
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

/// The usual soft limit of 1024 is below the connection cap.
fn raise_open_files() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}
