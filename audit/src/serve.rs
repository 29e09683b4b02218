//! `audit --watch` as a process: the watch beside its admin port.

use anyhow::Context;
use audit::{Config, Report, Watching};
use service::admin::{self, Admin};
use service::health::Health;
use service::{shutdown, telemetry};
use tokio_util::sync::CancellationToken;

/// Watches until a signal and returns what was proved.
///
/// # Errors
/// The admin port cannot be opened.
pub async fn watch(config: &Config, watching: Watching) -> anyhow::Result<Report> {
    let stop = shutdown::on_signal()?;
    let health = Health::default();
    health.fail("watch", "no step was made yet");
    let admin = Admin { health: health.clone(), metrics: telemetry::install_metrics()? };
    let listener = admin::bind(watching.admin_listen, "/livez, /readyz and /metrics").await?;
    let closed = CancellationToken::new();
    let admin = tokio::spawn(admin::serve(listener, admin, closed.clone()));
    let report = audit::watch::run(config, &watching, &health, &stop).await;
    closed.cancel();
    admin.await.context("the admin port failed")?;
    Ok(report)
}
