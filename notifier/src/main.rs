//! `notifier`: configuration, telemetry, wiring, run, drain.

use std::process::ExitCode;

use clap::Parser;
use notifier::config::{Args, Config};
use notifier::pipeline;
use service::admin::{self, Admin};
use service::health::Health;
use service::{open_files, shutdown, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// The lanes have threads of their own; this one serves the admin port.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    telemetry::init_logs();
    shutdown::report(run(args).await)
}

async fn run(args: Args) -> anyhow::Result<()> {
    let config = Config::try_from(args)?;
    open_files::raise()?;
    let stop = shutdown::on_signal()?;
    let admin = Admin { health: Health::default(), metrics: telemetry::install_metrics()? };
    let listener = admin::bind(config.admin_listen, "/livez, /readyz and /metrics").await?;
    pipeline::run(&config, listener, admin, stop).await
}
