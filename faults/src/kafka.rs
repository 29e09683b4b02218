//! Records that the harness itself reads and writes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

const DEADLINE: Duration = Duration::from_secs(10);
/// Copies made by one redelivery, of each partition.
const COPIES: i64 = 500;

/// One connection to the broker.
pub(crate) struct Kafka {
    consumer: BaseConsumer,
    producer: ThreadedProducer<DefaultProducerContext>,
    orders: String,
    inputs: Vec<String>,
}

impl Kafka {
    /// `inputs` are the topics whose ends count, with `orders` among them.
    pub(crate) fn new(brokers: &str, orders: &str, stock: &str) -> Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("reconnect.backoff.max.ms", "500");
        let producer = config.create().context("cannot make a Kafka producer")?;
        let mut config = config.clone();
        config.set("group.id", "faults").set("enable.auto.commit", "false");
        let consumer = config.create().context("cannot make a Kafka consumer")?;
        let (orders, inputs) = (orders.to_owned(), vec![orders.to_owned(), stock.to_owned()]);
        Ok(Self { consumer, producer, orders, inputs })
    }

    /// Where the input partitions end.
    pub(crate) fn ends(&self, within: Duration) -> Result<HashMap<(String, i32), i64>> {
        let mut ends = HashMap::new();
        for topic in &self.inputs {
            for partition in self.partitions(topic, within)? {
                let (_, end) = self.consumer.fetch_watermarks(topic, partition, within)?;
                ends.insert((topic.clone(), partition), end);
            }
        }
        Ok(ends)
    }

    fn partitions(&self, topic: &str, within: Duration) -> Result<Vec<i32>> {
        let metadata = self.consumer.fetch_metadata(Some(topic), within)?;
        let topic = metadata.topics().first().context("the broker does not know the topic")?;
        Ok(topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect())
    }

    /// Puts records on `orders` that nobody can read, one kind on each partition.
    pub(crate) fn poison(&self) -> Result<()> {
        let bodies: [Option<&[u8]>; 4] =
            [None, Some(b"\xff\xfe"), Some(b"{\"customerId\":"), Some(b"[]")];
        for partition in self.partitions(&self.orders, DEADLINE)? {
            for body in bodies {
                let mut record = BaseRecord::<[u8], [u8]>::to(&self.orders).partition(partition);
                record.payload = body;
                self.producer.send(record).map_err(|(error, _)| error)?;
            }
        }
        Ok(self.producer.flush(DEADLINE)?)
    }

    /// Puts copies of the newest orders of each partition on the next one.
    pub(crate) fn redeliver(&self) -> Result<()> {
        let partitions = self.partitions(&self.orders, DEADLINE)?;
        let count = i32::try_from(partitions.len())?;
        for partition in partitions {
            let (low, end) = self.consumer.fetch_watermarks(&self.orders, partition, DEADLINE)?;
            self.copy(partition, (low.max(end - COPIES), end), (partition + 1) % count)?;
        }
        Ok(self.producer.flush(DEADLINE)?)
    }

    fn copy(&self, from: i32, (begin, end): (i64, i64), to: i32) -> Result<()> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.orders, from, Offset::Offset(begin))?;
        self.consumer.assign(&list)?;
        let deadline = Instant::now() + DEADLINE;
        let mut next = begin;
        while next < end {
            ensure!(Instant::now() < deadline, "{} / {from} cannot be read", self.orders);
            let Some(message) = self.consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message?;
            next = message.offset() + 1;
            // A cancellation that overtakes its order is another event, not a copy.
            if is_new_order(&message) {
                self.send_copy(&message, to)?;
            }
        }
        self.consumer.unassign()?;
        Ok(())
    }

    fn send_copy(&self, message: &BorrowedMessage<'_>, to: i32) -> Result<()> {
        let mut headers = OwnedHeaders::new();
        for header in message.headers().into_iter().flat_map(Headers::iter) {
            headers = headers.insert(Header { key: header.key, value: header.value });
        }
        let mut record = BaseRecord::to(&self.orders).partition(to).headers(headers);
        (record.key, record.payload) = (message.key(), message.payload());
        self.producer.send::<[u8], [u8]>(record).map_err(|(error, _)| error)?;
        Ok(())
    }
}

fn is_new_order(message: &BorrowedMessage<'_>) -> bool {
    let mut headers = message.headers().into_iter().flat_map(Headers::iter);
    headers.any(|header| {
        header.key == contract::header::TYPE && header.value == Some(b"order.created.v1")
    })
}
