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
        let refusal = producer.take_refusal();
        if refusal.is_some() {
            refused_at = Some(now);
        }
        // Asked for in any case: it forgets what was answered.
        let overdue = producer.overdue(now);
        match refusal.or(overdue) {
            Some(why) => tell(&health, why),
            None if refused_at.is_some_and(|at| now.duration_since(at) < QUIET) => {}
            None => health.pass("publish"),
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

fn tell(health: &Health, why: String) {
    if !health.is_failing("publish") {
        tracing::error!(why, "events or dead letters are not published");
    }
    health.fail("publish", why);
}

#[cfg(test)]
mod tests {
    use contract::topic::Topics;
    use rdkafka::mocking::MockCluster;
    use testkit::wait_until_named;

    use super::super::{Carrier, Parcel, Receipt};
    use super::*;
    use crate::decide::EventOut;

    const SOON: Duration = Duration::from_secs(30);

    fn parcel(id: i64) -> Parcel {
        let event = EventOut {
            id: id.to_string(),
            kind: "inventory.reserved.v1",
            subject: id.to_string(),
            time: "".into(),
            data: "{}".into(),
        };
        Parcel::Events(id, vec![event])
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_topic_with_one_partition_that_says_nothing_is_named_until_it_does() {
        let cluster = MockCluster::new(1).unwrap();
        let topics = Topics::default();
        cluster.create_topic(&topics.order_events, 2, 1).unwrap();
        cluster.partition_leader(&topics.order_events, 1, None).unwrap();
        let producer = Producer::new(&cluster.bootstrap_servers(), topics.clone()).unwrap();
        let (producer, health) = (Arc::new(producer), Health::default());
        let stop = CancellationToken::new();
        let watch = tokio::spawn(watch(producer.clone(), health.clone(), stop.clone()));
        for id in 0..16 {
            producer.send(&parcel(id), 0, &Receipt::new(1, 0, Arc::default()));
        }
        let names = async |words: &str| health.problem().is_some_and(|said| said.contains(words));
        wait_until_named("the topic", SOON, async || names(&topics.order_events).await).await;
        let (acknowledged, waiting) = producer.progress();
        assert!(acknowledged > 0 && waiting > 0, "{acknowledged} taken, {waiting} wait");
        cluster.partition_leader(&topics.order_events, 1, Some(1)).unwrap();
        wait_until_named("readiness", SOON, async || health.problem().is_none()).await;
        assert_eq!(producer.progress().0, 16);
        stop.cancel();
        watch.await.unwrap().unwrap();
    }
}
