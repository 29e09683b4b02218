//! What the harness itself does to the broker.

mod admin;
mod events;
mod records;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{DefaultProducerContext, Producer, ThreadedProducer};

const DEADLINE: Duration = Duration::from_secs(10);
/// What the names of products of a flash sale begin with.
pub(crate) const FLASH_PREFIX: &str = "flash-";
/// The only product of a flash sale.
pub(crate) const FLASH_SKU: &str = "flash-00000";

/// One connection to the broker.
pub(crate) struct Kafka {
    consumer: BaseConsumer,
    producer: ThreadedProducer<DefaultProducerContext>,
    /// Settings of one more client.
    client: ClientConfig,
    orders: String,
    /// The topic of outgoing events.
    events: String,
    inputs: Vec<String>,
}

impl Kafka {
    /// The ends of `orders` and `stock` count; `events` are read.
    pub(crate) fn new(brokers: &str, [orders, stock, events]: [String; 3]) -> Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("reconnect.backoff.max.ms", "500");
        let producer = config.create().context("cannot make a Kafka producer")?;
        let client = config.clone();
        config.set("group.id", "faults").set("enable.auto.commit", "false");
        let consumer = config.create().context("cannot make a Kafka consumer")?;
        let inputs = vec![orders.clone(), stock];
        Ok(Self { consumer, producer, client, orders, events, inputs })
    }

    /// The topic of orders.
    pub(crate) fn orders(&self) -> &str {
        &self.orders
    }

    /// Where the input partitions end. A client that a fault has confused must not
    /// pass for a system that does not recover: a new one is asked, too.
    pub(crate) fn ends(&self, within: Duration) -> Result<HashMap<(String, i32), i64>> {
        self.ends_by(&self.consumer, within).or_else(|_first| {
            let fresh: BaseConsumer = self.client.create().context("cannot make a consumer")?;
            self.ends_by(&fresh, within)
        })
    }

    /// The partitions of `orders`. The producer asks, for it takes no record for one that
    /// was added since it last heard of them.
    fn partitions(&self) -> Result<Vec<i32>> {
        partitions(self.producer.client(), &self.orders, DEADLINE)
    }

    fn ends_by(
        &self,
        consumer: &BaseConsumer,
        within: Duration,
    ) -> Result<HashMap<(String, i32), i64>> {
        let mut ends = HashMap::new();
        for topic in &self.inputs {
            for partition in partitions(consumer.client(), topic, within)? {
                let (_, end) = consumer.fetch_watermarks(topic, partition, within)?;
                ends.insert((topic.clone(), partition), end);
            }
        }
        Ok(ends)
    }
}

fn partitions<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    within: Duration,
) -> Result<Vec<i32>> {
    let metadata = client.fetch_metadata(Some(topic), within)?;
    let topic = metadata.topics().first().context("the broker does not know the topic")?;
    Ok(topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect())
}
