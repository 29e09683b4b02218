//! What the log holds of an order: the records with its key, in a window of time.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use service::args::KafkaArgs;
use uuid::Uuid;

use super::{Fact, Span};

const ANSWER: Duration = Duration::from_secs(10);
/// A search that takes longer has lost its broker.
const LONGEST: Duration = Duration::from_secs(60);

pub(super) fn facts(kafka: &KafkaArgs, order_id: Uuid, span: Span) -> anyhow::Result<Vec<Fact>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.brokers)
        .set("group.id", "audit-explain")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .create()
        .context("cannot make a Kafka consumer")?;
    let search = Search { consumer, key: order_id.to_string(), to_ms: span.to_ms };
    let (partition, offset) = span.source;
    let mut facts = search.read(&kafka.orders_topic, (partition, offset))?;
    // The same key is in the same partition only while both topics have as many.
    let events = &kafka.order_events_topic;
    let count = search.partitions(events)?;
    let chosen = match search.partitions(&kafka.orders_topic)? == count {
        true => partition..partition + 1,
        false => 0..count,
    };
    for partition in chosen {
        let begin = search.offset_at(events, partition, span.from_ms)?;
        facts.extend(search.read(events, (partition, begin))?);
    }
    Ok(facts)
}

struct Search {
    consumer: BaseConsumer,
    key: String,
    to_ms: i64,
}

impl Search {
    fn partitions(&self, topic: &str) -> anyhow::Result<i32> {
        let metadata = self.consumer.fetch_metadata(Some(topic), ANSWER);
        let metadata = metadata.context("cannot reach Kafka; is KAFKA_BROKERS right?")?;
        let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        Ok(i32::try_from(count)?)
    }

    /// The first offset that is not older; the end when all are.
    fn offset_at(&self, topic: &str, partition: i32, at_ms: i64) -> anyhow::Result<i64> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(at_ms))?;
        let found = self.consumer.offsets_for_times(list, ANSWER)?;
        match found.find_partition(topic, partition).map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => Ok(offset),
            _ => Ok(self.consumer.fetch_watermarks(topic, partition, ANSWER)?.1),
        }
    }

    /// Records with the key, from `begin` to the end of the window or the log.
    fn read(&self, topic: &str, (partition, begin): (i32, i64)) -> anyhow::Result<Vec<Fact>> {
        let (low, end) = self.consumer.fetch_watermarks(topic, partition, ANSWER)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(begin.max(low)))?;
        self.consumer.assign(&list)?;
        let (mut facts, mut next, started) = (Vec::new(), begin.max(low), Instant::now());
        while next < end {
            ensure!(started.elapsed() < LONGEST, "{topic}/{partition} cannot be read in time");
            let Some(message) = self.consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message?;
            next = message.offset() + 1;
            let at_ms = message.timestamp().to_millis().unwrap_or_default();
            if at_ms > self.to_ms {
                break;
            }
            if message.key() == Some(self.key.as_bytes()) {
                facts.push(fact(&message, at_ms));
            }
        }
        self.consumer.unassign()?;
        Ok(facts)
    }
}

fn fact(message: &BorrowedMessage<'_>, at_ms: i64) -> Fact {
    let header = |name: &str| {
        let mut headers = message.headers().into_iter().flat_map(Headers::iter);
        let value = headers.find(|header| header.key == name).and_then(|header| header.value);
        value.map_or_else(|| "?".into(), |value| String::from_utf8_lossy(value).into_owned())
    };
    let value = message.payload().map_or_else(|| "(none)".into(), String::from_utf8_lossy);
    Fact {
        at_ms,
        place: format!("{}/{}/{}", message.topic(), message.partition(), message.offset()),
        words: format!(
            "{} {}: {value}",
            header(contract::header::TYPE),
            header(contract::header::ID)
        ),
    }
}
