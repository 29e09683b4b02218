//! Watches the producer: says when brokers are away and when they are back, and
//! replaces a producer that failed for good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rdkafka::producer::Producer;
use service::health::Health;
use service::kafka::{Silence, has_lost_kafka};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Publisher;
use super::availability::{Progress, State, Verdict};
use super::producer::{self, GatewayProducer};
use crate::metrics::PRODUCER_RESTARTS;

const TICK: Duration = Duration::from_millis(100);
/// A live broker answers in milliseconds.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// The readiness condition that this watch keeps.
pub const CONDITION: &str = "kafka";

/// Runs until `stop`.
pub async fn watch(publisher: Arc<Publisher>, health: Health, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut progress = Progress::new(publisher.config.stall_after);
    let mut silence = Silence::from(Instant::now());
    let (mut told, mut unanswered) = (None, String::new());
    loop {
        // Before the look, which may take some seconds, and after it.
        tell(&publisher, &health, &mut told);
        if let Err(error) = look(&publisher, &mut progress, &mut silence).await {
            // A topic that is missing is not a broker that is away: say which.
            let words = format!("{error:#}");
            if words != unanswered {
                tracing::warn!(error = words, "no writes can be taken");
                unanswered.clone_from(&words);
            }
            health.fail(CONDITION, words);
        }
        tell(&publisher, &health, &mut told);
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
            () = publisher.availability.changed() => {}
        }
    }
}

fn tell(publisher: &Publisher, health: &Health, told: &mut Option<State>) {
    let state = publisher.availability.state();
    if told.replace(state) == Some(state) {
        return;
    }
    match state {
        State::Up => {
            tracing::info!("broker is there, taking writes");
            health.pass(CONDITION);
        }
        State::Starting => health.fail(CONDITION, state.reason()),
        State::Unreachable | State::Stalled | State::Failed => {
            tracing::warn!(reason = state.reason(), "refusing writes");
            health.fail(CONDITION, state.reason());
        }
    }
}

/// Why the producer cannot go on: it says so, or it has lost brokers that are there.
async fn death(publisher: &Publisher, silence: &mut Silence) -> Option<String> {
    let producer = publisher.producer.load_full();
    if let Some((code, reason)) = producer.client().fatal_error() {
        return Some(format!("{code}: {reason}"));
    }
    let now = Instant::now();
    if publisher.availability.state() == State::Up {
        *silence = Silence::from(now);
    }
    if !silence.is_long(now) {
        return None;
    }
    let brokers = publisher.config.brokers.clone();
    let look = move || has_lost_kafka(producer.client(), &brokers);
    let lost = tokio::task::spawn_blocking(look).await.unwrap_or(false);
    lost.then(|| "Kafka answers others and not this producer".to_owned())
}

/// Looks at the producer; an error is why no writes can be taken: a producer that
/// cannot be replaced yet, or a broker that was asked and is of no use.
async fn look(
    publisher: &Arc<Publisher>,
    progress: &mut Progress,
    silence: &mut Silence,
) -> anyhow::Result<()> {
    if let Some(reason) = death(publisher, silence).await {
        tracing::error!(reason, "replacing the producer");
        publisher.availability.set(State::Failed);
        replace(publisher).await.context("cannot replace the producer yet")?;
    }
    let availability = &publisher.availability;
    let acknowledged = availability.acknowledged_total();
    match progress.look(availability.state(), publisher.queued(), acknowledged, Instant::now()) {
        Verdict::Keep => {}
        Verdict::Become(state) => availability.set(state),
        Verdict::Probe => {
            probe(publisher).await?;
            availability.set(State::Up);
        }
    }
    Ok(())
}

/// Asks for the topics; asking also makes librdkafka connect and learn their
/// partitions, so that the first record of each does not wait for that. Orders
/// can be taken without the stock topic, so only theirs decides.
async fn probe(publisher: &Arc<Publisher>) -> anyhow::Result<()> {
    let publisher = Arc::clone(publisher);
    let asked = tokio::task::spawn_blocking(move || {
        let producer = publisher.producer.load_full();
        let topics = &publisher.config.topics;
        publisher.filling.set_partitions(ask_for(&producer, &topics.orders)?);
        if let Err(error) = ask_for(&producer, &topics.stock) {
            tracing::warn!(error = format!("{error:#}"), "stock cannot be adjusted yet");
        }
        Ok(())
    });
    asked.await.context("probe ended early")?
}

/// How many partitions the topic has.
fn ask_for(producer: &GatewayProducer, topic: &str) -> anyhow::Result<usize> {
    let metadata = producer.client().fetch_metadata(Some(topic), PROBE_TIMEOUT)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found.map(|found| (found.error(), found.partitions())) {
        Some((None, partitions)) if partitions.iter().any(|p| p.leader() >= 0) => {
            Ok(partitions.len())
        }
        _ => bail!("topic {topic} does not exist or has no leader"),
    }
}

async fn replace(publisher: &Publisher) -> anyhow::Result<()> {
    let new = producer::create(&publisher.config, &publisher.desks, &publisher.availability)
        .context("cannot create a producer")?;
    let old = publisher.producer.swap(Arc::new(new));
    metrics::counter!(PRODUCER_RESTARTS).increment(1);
    publisher.availability.set(State::Starting);
    tokio::task::spawn_blocking(move || retire(old)).await.context("old producer panicked")
}

/// Ends a producer: those who wait for its records learn that the outcome is
/// unknown. Dropping blocks, so it must not happen on a worker that still holds
/// the producer for one send.
fn retire(mut old: Arc<GatewayProducer>) {
    loop {
        match Arc::try_unwrap(old) {
            Ok(last) => return drop(last),
            Err(shared) => old = shared,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
