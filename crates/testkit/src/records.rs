//! Reads back what is in a topic.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use service::kafka::extent;

use crate::servers::REQUEST;

/// A test reads at most some thousand records.
const DEADLINE: Duration = Duration::from_secs(30);

/// A record as it lies in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key, if any.
    pub key: Option<Vec<u8>>,
    /// Its value; none for a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl OwnedRecord {
    /// The last header of this name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().rev().find(|(found, _)| found == name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

impl From<&BorrowedMessage<'_>> for OwnedRecord {
    fn from(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
                .collect(),
        }
    }
}

/// Every record up to the ends that the partitions have now, by partition and offset.
pub fn read_all(brokers: &str, topic: &str) -> Result<Vec<OwnedRecord>, String> {
    read(brokers, topic).map_err(|error| format!("{topic}: {error}"))
}

fn read(brokers: &str, topic: &str) -> Result<Vec<OwnedRecord>, KafkaError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "testkit")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut missing = 0;
    let mut wanted = TopicPartitionList::new();
    for partition in partitions(&consumer, topic)? {
        let (first, end) = extent(&consumer, topic, partition, REQUEST)?;
        if end > first {
            wanted.add_partition_offset(topic, partition, Offset::Offset(first))?;
            missing += end - first;
        }
    }
    consumer.assign(&wanted)?;
    let deadline = Instant::now() + DEADLINE;
    let mut records: Vec<OwnedRecord> = Vec::new();
    while missing > 0 {
        if Instant::now() > deadline {
            return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::RequestTimedOut));
        }
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            records.push((&message?).into());
            missing -= 1;
        }
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    Ok(records)
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST)?;
    let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    Ok(partitions.map(MetadataPartition::id).collect())
}
