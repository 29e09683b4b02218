//! The extent of a partition whose leader is just being chosen.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t as Answer;
use rdkafka::consumer::BaseConsumer;
use rdkafka::mocking::MockCluster;
use rdkafka::types::RDKafkaApiKey;
use service::kafka::{client, extent};

const NO_LEADER: Answer = Answer::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;

#[test]
fn a_partition_without_a_leader_yet_is_asked_again() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let consumer: BaseConsumer = client(&cluster.bootstrap_servers(), "test").create().unwrap();
    cluster.request_errors(RDKafkaApiKey::ListOffsets, &[NO_LEADER; 3]);
    assert_eq!(extent(&consumer, "orders", 0, Duration::from_secs(20)), Ok((0, 0)));
}

#[test]
fn a_partition_that_gets_none_is_told_when_patience_is_over() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let consumer: BaseConsumer = client(&cluster.bootstrap_servers(), "test").create().unwrap();
    cluster.request_errors(RDKafkaApiKey::ListOffsets, &[NO_LEADER; 200]);
    assert!(extent(&consumer, "orders", 0, Duration::from_secs(1)).is_err());
}
