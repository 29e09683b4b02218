//! What stands still is not ready, until it gets on.

use std::time::Duration;

use contract::OrderId;
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use sqlx::Connection;
use testkit::Topics;

use super::world::{Running, World, body};

/// A lane is told of after 30 s.
const AT_LENGTH: Duration = Duration::from_secs(60);

const LANES: &str = "select count(*)::text from partition_progress";

fn names(topics: &Topics) -> [&str; 4] {
    [&topics.orders, &topics.stock, &topics.order_events, &topics.dlq]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_deleted_is_named_until_it_is_there_again() {
    let mut world = World::new("deleted").await;
    let processor = Running::start(&world.bed, &[]).await;
    // Without a lane it would be at its claims still, and those wait for the topic.
    world.until(LANES, "6").await;
    processor.until_ready().await;
    let (orders, options) = (&world.bed.topics.orders, AdminOptions::new());
    world.admin().delete_topics(&[orders], &options).await.unwrap();
    processor.until_problem(&format!("topics: {orders}")).await;
    let anew = NewTopic::new(orders, 4, TopicReplication::Fixed(1));
    world.admin().create_topics(&[anew], &options).await.unwrap();
    processor.until_ready().await;
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_commits_nothing_is_named_until_it_does() {
    let mut world = World::new("locked").await;
    let processor = Running::start(&world.bed, &[]).await;
    world.stock("p-1", 10).await;
    let mut idle = world.bed.connect().await;
    let mut holder = idle.begin().await.unwrap();
    sqlx::query("lock table orders").execute(&mut *holder).await.unwrap();
    let (partition, _) = world.order(OrderId::mint(), &body("p-1", 1, "1")).await;
    let words = format!("lanes: orders/{partition} stands still");
    processor.until_problem_within(AT_LENGTH, &words).await;
    holder.rollback().await.unwrap();
    world.until("select count(*)::text from orders", "1").await;
    processor.until_ready().await;
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_that_does_not_say_where_its_logs_end_is_told_until_it_does() {
    let mut world = World::new("endless").await;
    let cluster = MockCluster::new(1).unwrap();
    for topic in names(&world.bed.topics) {
        cluster.create_topic(topic, 2, 1).unwrap();
    }
    world.bed.brokers = cluster.bootstrap_servers();
    let processor = Running::start(&world.bed, &[]).await;
    world.until(LANES, "4").await;
    processor.until_ready().await;
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::ListOffsets, &[refusal; 100]);
    processor.until_problem_within(AT_LENGTH, "lanes: Kafka does not say where").await;
    cluster.clear_request_errors(RDKafkaApiKey::ListOffsets);
    processor.until_ready().await;
    processor.stop().await;
}
