//! What a client sees of a broker.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

const REQUEST: Duration = Duration::from_secs(20);

pub fn partitions(brokers: &str, topic: &str) -> usize {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST).unwrap();
    metadata.topics()[0].partitions().len()
}

/// Writes one record to the first partition of `orders`.
pub fn write(brokers: &str, value: &str) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let record = BaseRecord::<(), _>::to("orders").partition(0).payload(value);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(REQUEST).unwrap();
}

/// The end of the first partition of `orders`.
pub fn records(brokers: &str) -> i64 {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    consumer.fetch_watermarks("orders", 0, REQUEST).unwrap().1
}
