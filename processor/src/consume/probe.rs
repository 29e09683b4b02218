//! Looks into the log by a consumer of its own: whether it has something for a lane
//! that gets nothing (the end of a partition may be a marker of somebody's
//! transaction, which takes an offset and is no record), and whether it is the log
//! that was read before.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedMessage;
use rdkafka::{Offset, TopicPartitionList};
use service::kafka::let_go;
use uuid::Uuid;

use super::copy::readable;
use crate::lane::Witness;

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(5);
/// How long the broker may take to say where a log begins.
const EXTENT: Duration = Duration::from_secs(2);

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
    let found = ask(brokers, (topic, partition, offset), |_, first| match first {
        First::Record(_) => Found::Record,
        First::End | First::Silence => Found::Nothing,
    });
    found.unwrap_or(Found::Nothing)
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

/// Asks for the record of a witness. Blocks for up to seven seconds.
pub fn compare(brokers: &str, topic: &str, partition: i32, witness: &Witness) -> Log {
    let log = ask(brokers, (topic, partition, witness.offset), |consumer, first| match first {
        First::Record(record) => judge(&record, witness),
        // Whatever was there is gone by age, as it may, or the log is shorter than that.
        First::End => match consumer.fetch_watermarks(topic, partition, EXTENT) {
            Ok((low, _)) if low > witness.offset => Log::Known,
            _ => Log::Silent,
        },
        First::Silence => Log::Silent,
    });
    log.unwrap_or(Log::Silent)
}

fn judge(record: &OwnedMessage, witness: &Witness) -> Log {
    match record.offset().cmp(&witness.offset) {
        Ordering::Greater => Log::Known,
        Ordering::Equal if event_id(record) == Some(witness.event_id) => Log::Known,
        Ordering::Equal | Ordering::Less => Log::Another,
    }
}

fn event_id(record: &OwnedMessage) -> Option<Uuid> {
    // Of several the first that has a value counts, as it does where records are read.
    let mut ids = readable(record.headers()?).filter(|header| header.key == contract::header::ID);
    Uuid::try_parse_ascii(ids.find_map(|header| header.value)?).ok()
}

/// What there is from a place on.
enum First {
    Record(OwnedMessage),
    /// Nothing, up to the end of the partition.
    End,
    /// Kafka did not say.
    Silence,
}

/// Asks for the first record from a place on; `None` without a consumer.
fn ask<T>(
    brokers: &str,
    place: (&str, i32, i64),
    heard: impl FnOnce(&BaseConsumer, First) -> T,
) -> Option<T> {
    let consumer = reader(brokers, place).ok()?;
    let said = heard(&consumer, read(&consumer));
    // Whoever looks goes on, however long it takes to close.
    let_go(consumer);
    Some(said)
}

fn read(consumer: &BaseConsumer) -> First {
    let begun = Instant::now();
    while begun.elapsed() < LOOK {
        match consumer.poll(LOOK.saturating_sub(begun.elapsed())) {
            Some(Ok(record)) => return First::Record(record.detach()),
            Some(Err(KafkaError::PartitionEOF(_))) => return First::End,
            Some(Err(_)) | None => {}
        }
    }
    First::Silence
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
