//! Watches the producer: records that wait while none is acknowledged may wait in a
//! client that will never connect again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use service::kafka::Silence;
use tokio_util::sync::CancellationToken;

use super::Producer;

const TICK: Duration = Duration::from_secs(1);

/// Runs until `stop`.
///
/// # Errors
/// A new client cannot be made.
pub async fn watch(producer: Arc<Producer>, stop: CancellationToken) -> anyhow::Result<()> {
    let (mut silence, mut heard) = (Silence::from(Instant::now()), 0);
    while stop.run_until_cancelled(tokio::time::sleep(TICK)).await.is_some() {
        let now = Instant::now();
        let (acknowledged, waiting) = producer.progress();
        if acknowledged != heard || waiting == 0 {
            heard = acknowledged;
            silence = Silence::from(now);
        }
        if silence.is_long(now) {
            let producer = producer.clone();
            let look = tokio::task::spawn_blocking(move || producer.replace_if_lost());
            look.await.context("the look at the producer panicked")??;
        }
    }
    Ok(())
}
