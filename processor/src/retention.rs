//! Placeholder.

use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Waits.
pub async fn run(
    _database_url: String,
    _horizon: Duration,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    stop.cancelled().await;
    Ok(())
}
