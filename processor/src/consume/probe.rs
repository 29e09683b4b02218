//! Whether the log has something for a lane that gets nothing, by a consumer of its
//! own: the end of a partition may be a marker of somebody's transaction, which takes
//! an offset and is no record.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

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
    let begun = Instant::now();
    let Ok(consumer) = reader(brokers, (topic, partition, offset)) else {
        return Found::Nothing;
    };
    while begun.elapsed() < LOOK {
        match consumer.poll(LOOK.saturating_sub(begun.elapsed())) {
            Some(Ok(_)) => return Found::Record,
            Some(Err(KafkaError::PartitionEOF(_))) => return Found::Nothing,
            Some(Err(_)) | None => {}
        }
    }
    Found::Nothing
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
