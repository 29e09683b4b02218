//! Reads `order-events` beside the load and notes when orders settle. It takes
//! all partitions by itself, without a consumer group, from the ends they had
//! before the first order was sent, and reads on from where it is with a new client
//! should this one lose Kafka.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use contract::event::EventType;
use contract::header;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::{Offset, TopicPartitionList};
use service::kafka::{Silence, has_lost_kafka, let_go};
use uuid::Uuid;

use crate::books::SharedSettlements;
use crate::clock::Clock;
use crate::error::RunError;
use crate::settlements::Settled;

const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_TIMEOUT: Duration = Duration::from_millis(50);

/// A running reader of `order-events`.
#[derive(Debug)]
pub struct Follower {
    settlements: SharedSettlements,
    stop: Arc<AtomicBool>,
    reader: JoinHandle<anyhow::Result<()>>,
}

impl Follower {
    /// Starts reading at the end of the topic.
    ///
    /// # Errors
    /// The broker does not answer, or there is no such topic.
    pub fn start(brokers: &str, topic: &str, clock: Clock) -> Result<Self, RunError> {
        let mut events = Events::open(brokers, topic).map_err(|error| {
            RunError::Unreachable(format!(
                "cannot follow {topic} at {brokers}: {error:#}; is the stack up?"
            ))
        })?;
        let (settlements, stop) = (SharedSettlements::default(), Arc::new(AtomicBool::new(false)));
        let (shared, stopped) = (settlements.clone(), stop.clone());
        let reader = std::thread::Builder::new()
            .name("follow".to_owned())
            .spawn(move || read(&mut events, clock, &shared, &stopped))
            .context("cannot start the follower")?;
        Ok(Self { settlements, stop, reader })
    }

    /// What is settled and what is not.
    pub fn settlements(&self) -> SharedSettlements {
        self.settlements.clone()
    }

    /// Fails when the reader ended by itself.
    ///
    /// # Errors
    /// It did; [`Follower::finish`] would say why.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.reader.is_finished() {
            bail!("the reader of order events ended early; settlements would be missing");
        }
        Ok(())
    }

    /// Stops reading.
    ///
    /// # Errors
    /// Reading had failed.
    pub fn finish(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.reader.join().map_err(|_| anyhow!("the reader of order events died"))?
    }
}

/// The partitions of the topic.
struct Events {
    consumer: BaseConsumer,
    brokers: String,
    topic: String,
    /// Where each partition is read next.
    next: BTreeMap<i32, i64>,
    silence: Silence,
}

impl Events {
    /// Begins where the partitions end.
    fn open(brokers: &str, topic: &str) -> anyhow::Result<Self> {
        let consumer = client(brokers)?;
        let metadata = consumer.fetch_metadata(Some(topic), METADATA_TIMEOUT)?;
        let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
        let end = |partition: &MetadataPartition| {
            let id = partition.id();
            Ok((id, consumer.fetch_watermarks(topic, id, METADATA_TIMEOUT)?.1))
        };
        let next = partitions.map(end).collect::<anyhow::Result<BTreeMap<_, _>>>()?;
        if next.is_empty() {
            bail!("there is no such topic");
        }
        let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
        let silence = Silence::from(Instant::now());
        let events = Self { consumer, brokers, topic, next, silence };
        events.assign(&events.consumer)?;
        Ok(events)
    }

    fn assign(&self, consumer: &BaseConsumer) -> anyhow::Result<()> {
        let mut assignment = TopicPartitionList::new();
        for (partition, next) in &self.next {
            assignment.add_partition_offset(&self.topic, *partition, Offset::Offset(*next))?;
        }
        Ok(consumer.assign(&assignment)?)
    }

    /// Shows what comes next, if something comes soon.
    fn read(&mut self, visit: impl FnOnce(&BorrowedMessage<'_>)) -> anyhow::Result<()> {
        match self.consumer.poll(POLL_TIMEOUT) {
            None => return self.look_for_kafka(),
            Some(Ok(message)) => {
                self.next.insert(message.partition(), message.offset() + 1);
                self.silence = Silence::from(Instant::now());
                visit(&message);
            }
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                bail!("reading order events failed for good: {code}");
            }
            // Heals by itself once the broker is back, or with a new client.
            Some(Err(error)) => tracing::warn!(%error, "cannot read order events for now"),
        }
        Ok(())
    }

    fn look_for_kafka(&mut self) -> anyhow::Result<()> {
        let lost = self.silence.is_long(Instant::now())
            && has_lost_kafka(self.consumer.client(), &self.brokers);
        if lost {
            let fresh = client(&self.brokers)?;
            self.assign(&fresh)?;
            let_go(std::mem::replace(&mut self.consumer, fresh));
        }
        Ok(())
    }
}

/// The group is a label that the client library asks for; nobody joins it.
fn client(brokers: &str) -> anyhow::Result<BaseConsumer> {
    Ok(service::kafka::consumer(brokers, "loadgen", "loadgen-follow").create()?)
}

fn read(
    events: &mut Events,
    clock: Clock,
    settlements: &SharedSettlements,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        events.read(|message| {
            if let Some((order_id, how)) = settlement(message) {
                settlements.lock().settled(order_id, how, clock.now_ns());
            }
        })?;
    }
    Ok(())
}

fn settlement(message: &BorrowedMessage<'_>) -> Option<(Uuid, Settled)> {
    let order_id = Uuid::try_parse_ascii(message.key()?).ok()?;
    Some((order_id, Settled::by(event_type(message)?)?))
}

fn event_type(message: &BorrowedMessage<'_>) -> Option<EventType> {
    let headers = message.headers()?;
    // The binding panics on a header name that is not UTF-8. Such a record is
    // not from our processor, so it settles nothing.
    let find = AssertUnwindSafe(|| {
        let mut all = (0..headers.count()).filter_map(|n| headers.try_get(n));
        let kind = all.find(|header| header.key == header::TYPE)?;
        EventType::parse(std::str::from_utf8(kind.value?).ok()?)
    });
    catch_unwind(find).unwrap_or(None)
}
