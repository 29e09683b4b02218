//! What a careless administrator does to `order-events`.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use testkit::{Bed, wait_until_named};

const DEADLINE: Duration = Duration::from_secs(20);

/// Deletes the topic and makes it anew with one partition.
pub async fn remake(bed: &Bed) {
    let (admin, topic) = (admin(bed), bed.topics.order_events.as_str());
    let deleted = admin.delete_topics(&[topic], &options()).await.unwrap();
    assert_eq!(deleted, [Ok(topic.to_owned())]);
    let anew = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    wait_until_named("the topic", DEADLINE, async || {
        let told = admin.create_topics([&anew], &options()).await.unwrap().remove(0);
        // The broker is still at the deletion.
        !told.is_err_and(|(_, code)| code == RDKafkaErrorCode::TopicAlreadyExists)
    })
    .await;
}

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
