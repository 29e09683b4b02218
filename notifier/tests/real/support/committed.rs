//! What a group has committed and whether anybody is in it, as any Kafka tool sees it.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use testkit::Bed;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A view of one group's progress through `order-events`.
pub struct Group {
    name: String,
    consumer: BaseConsumer,
    partitions: TopicPartitionList,
}

/// Of the sink of this name.
pub fn of(bed: &Bed, sink: &str) -> Group {
    let name = format!("{}.{sink}", super::group(bed));
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &bed.brokers)
        .set("group.id", &name)
        .create()
        .unwrap();
    let topic = &bed.topics.order_events;
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        partitions.add_partition(topic, partition.id());
    }
    Group { name, consumer, partitions }
}

/// Records that the group has dealt with.
pub fn sum(group: &Group) -> i64 {
    let committed = group.consumer.committed_offsets(group.partitions.clone(), TIMEOUT).unwrap();
    let offsets = committed.elements().into_iter().map(|element| match element.offset() {
        Offset::Offset(next) => next,
        _ => 0,
    });
    offsets.sum()
}

/// Whether the group has no members.
pub fn is_empty(group: &Group) -> bool {
    let groups = group.consumer.fetch_group_list(Some(&group.name), TIMEOUT).unwrap();
    groups.groups().iter().all(|found| found.members().is_empty())
}
