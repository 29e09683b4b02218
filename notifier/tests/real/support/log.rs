//! What a careless administrator does to `order-events`.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use testkit::Bed;

const DEADLINE: Duration = Duration::from_secs(20);

/// Deletes the records of partition 0 below `low`.
pub async fn expire(bed: &Bed, low: i64) {
    let mut records = TopicPartitionList::new();
    records.add_partition_offset(&bed.topics.order_events, 0, Offset::Offset(low)).unwrap();
    let deleted = admin(bed).delete_records(&records, &options()).await.unwrap();
    deleted.elements()[0].error().unwrap();
}

fn admin(bed: &Bed) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &bed.brokers).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(DEADLINE)).request_timeout(Some(DEADLINE))
}
