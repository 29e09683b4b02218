//! Watches the producer: records that wait while none is acknowledged may wait in a
//! client that will never connect again, and a topic that takes none holds up the work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use service::health::Health;
use service::kafka::Silence;
use tokio_util::sync::CancellationToken;

use super::Producer;

const TICK: Duration = Duration::from_secs(1);
/// What is refused is sent again every two seconds: so long without a refusal is an end.
const QUIET: Duration = Duration::from_secs(5);

/// Runs until `stop`.
///
/// # Errors
/// A new client cannot be made.
pub async fn watch(
    producer: Arc<Producer>,
    health: Health,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (mut silence, mut heard) = (Silence::from(Instant::now()), 0);
    let mut refused_at = None;
    while stop.run_until_cancelled(tokio::time::sleep(TICK)).await.is_some() {
        let now = Instant::now();
        if let Some(why) = producer.take_refusal() {
            health.fail("publish", why);
            refused_at = Some(now);
        } else if refused_at.take_if(|at| now.duration_since(*at) >= QUIET).is_some() {
            health.pass("publish");
        }
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
