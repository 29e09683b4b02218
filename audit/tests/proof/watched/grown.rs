//! Partitions that are added while the watch goes on.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, message::OwnedHeaders};

use super::{config, level, open};
use crate::world::{self, World, id};

impl World {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bed.brokers);
        config
    }

    /// Adds a partition to `orders`; gives its number.
    async fn grow(&self) -> i32 {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let (topic, count) = (&self.bed.topics.orders, self.partitions() + 1);
        let wish = [NewPartitions::new(topic, count)];
        let grown = admin.create_partitions(&wish, &AdminOptions::new()).await.unwrap();
        assert!(grown.iter().all(Result::is_ok), "{grown:?}");
        i32::try_from(count).unwrap() - 1
    }

    fn partitions(&self) -> usize {
        use rdkafka::consumer::{BaseConsumer, Consumer};

        let consumer: BaseConsumer = self.client().create().unwrap();
        let (topic, wait) = (&*self.bed.topics.orders, Duration::from_secs(10));
        consumer.fetch_metadata(Some(topic), wait).unwrap().topics()[0].partitions().len()
    }

    /// A valid order that nobody processes.
    async fn order(&self, partition: i32) {
        // One of its own: others do not know of the partition yet.
        let producer: FutureProducer = self.client().create().unwrap();
        let key = id(300);
        let mut headers = OwnedHeaders::new();
        for (name, value) in world::headers(&key, "order.created.v1", "2026-11-21T08:50:00Z") {
            headers = headers.insert(rdkafka::message::Header { key: name, value: Some(value) });
        }
        let body = self.put["paid"].value.as_deref().unwrap();
        let record = FutureRecord::to(&self.bed.topics.orders).key(&key).payload(body);
        let record = record.partition(partition).headers(headers);
        let sent = producer.send_result(record).map_err(|(error, _)| error).unwrap();
        sent.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_partition_that_is_added_is_read_and_judged() {
    let world = World::honest("audit-watch-grown").await;
    let mut copy = world.copy().await;
    let mut config = config(&world.config());
    config.database_url.clone_from(&copy.url);
    let mut watch = open(&config).await;
    level(&mut watch).await;
    let partition = world.grow().await;
    let orders = &world.bed.topics.orders;
    let claimed = format!(
        "insert into partition_progress (topic, partition, epoch) values ('{orders}', {partition}, 1)"
    );
    copy.spoil(&claimed).await;
    level(&mut watch).await;
    assert_eq!(watch.report(1.0).broken(), [""; 0], "{}", watch.report(1.0));

    world.order(partition).await;
    let skipped =
        format!("update partition_progress set next_offset = 1 where partition = {partition}");
    copy.spoil(&format!("{claimed}; {skipped}")).await;
    level(&mut watch).await;
    let report = watch.report(1.0);
    assert!(report.broken().contains(&"order-missing"), "{report}");
    assert!(!report.broken().contains(&"progress-beyond-log"), "{report}");
}
