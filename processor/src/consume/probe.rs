//! Looks into the log by a consumer of its own: whether it has something for a lane
//! that gets nothing (the end of a partition may be a marker of somebody's
//! transaction, which takes an offset and is no record), and whether it is the log
//! that was read before.

use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedMessage;
use rdkafka::{Offset, TopicPartitionList};
use service::kafka::let_go;

use crate::lane::Witness;

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(5);

/// What is at an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// A record, there or further on.
    Record,
    /// The end of the partition, or Kafka did not say.
    Nothing,
}

/// Looks into a partition from this offset on. Blocks for up to five seconds.
pub fn look(brokers: &str, topic: &str, partition: i32, offset: i64) -> Found {
    match first(brokers, (topic, partition, offset)) {
        Some(_) => Found::Record,
        None => Found::Nothing,
    }
}

/// Which log a partition holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Log {
    /// The one that was read before, as far as it goes back.
    Known,
    /// Another one: its topic was made anew.
    Another,
    /// Kafka did not say.
    Silent,
}

/// Asks for the record of a witness. Blocks for up to five seconds.
pub fn compare(brokers: &str, topic: &str, partition: i32, witness: &Witness) -> Log {
    let key = witness.order_id.to_string();
    match first(brokers, (topic, partition, witness.offset)) {
        Some(record) if record.offset() > witness.offset => Log::Known,
        Some(record) if record.offset() < witness.offset => Log::Another,
        Some(record) if record.key() == Some(key.as_bytes()) => Log::Known,
        Some(_) => Log::Another,
        None => Log::Silent,
    }
}

/// The first record from a place on.
fn first(brokers: &str, place: (&str, i32, i64)) -> Option<OwnedMessage> {
    let consumer = reader(brokers, place).ok()?;
    let found = read(&consumer);
    // Whoever looks goes on, however long it takes to close.
    let_go(consumer);
    found
}

fn read(consumer: &BaseConsumer) -> Option<OwnedMessage> {
    let begun = Instant::now();
    while begun.elapsed() < LOOK {
        match consumer.poll(LOOK.saturating_sub(begun.elapsed())) {
            Some(Ok(record)) => return Some(record.detach()),
            Some(Err(KafkaError::PartitionEOF(_))) => return None,
            Some(Err(_)) | None => {}
        }
    }
    None
}

fn reader(
    brokers: &str,
    (topic, partition, offset): (&str, i32, i64),
) -> Result<BaseConsumer, KafkaError> {
    let mut settings = service::kafka::consumer(brokers, "ordermill-probe", "ordermill-probe");
    let consumer: BaseConsumer = settings.set("enable.partition.eof", "true").create()?;
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    consumer.assign(&place)?;
    Ok(consumer)
}
