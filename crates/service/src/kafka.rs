//! Every Kafka client setting that differs from librdkafka's default, with its
//! reason, and what all clients do about a broker that is away. Processes add what
//! only they need.

mod extent;
pub mod membership;
mod silence;

use rdkafka::ClientConfig;

pub use self::extent::extent;
pub use self::silence::{Silence, has_lost_kafka, let_go};

/// What consumers and producers have in common.
pub fn client(brokers: &str, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", client_id)
        // A dead peer is noticed without waiting for a request to time out.
        .set("socket.keepalive.enable", "true")
        // Small requests must not wait for one another's acknowledgements.
        .set("socket.nagle.disable", "true")
        // A restarted broker is found again within a second.
        .set("reconnect.backoff.max.ms", "1000")
        // Partitions that were added are found within seconds, not five minutes.
        .set("topic.metadata.refresh.interval.ms", "10000")
        // Brokers collect client metrics over this by default; ours go to Prometheus.
        .set("enable.metrics.push", "false");
    config
}

/// A producer that neither loses nor reorders what it took: idempotent, so
/// retries keep order, `acks=all`, and the partitioner of the Java client, so
/// that other clients' keys land beside ours.
pub fn producer(brokers: &str, client_id: &str) -> ClientConfig {
    let mut config = client(brokers, client_id);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // While a request is unanswered the next one gathers records instead of
        // waiting in a busy loop for a free place (ADR 9).
        .set("max.in.flight.requests.per.connection", "1")
        .set("partitioner", "murmur2_random")
        // At 256 connections the gateway takes a fifth less CPU with it (ADR 12).
        .set("compression.type", "lz4")
        .set("batch.size", "524288");
    config
}

/// A consumer whose progress we keep ourselves.
pub fn consumer(brokers: &str, client_id: &str, group: &str) -> ClientConfig {
    let mut config = client(brokers, client_id);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // The log is the truth: a reader without progress starts at its beginning.
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        // Members that come and go move only their own partitions.
        .set("partition.assignment.strategy", "cooperative-sticky")
        // Twenty heartbeats may get lost before a member counts as dead. A member
        // learns of a rebalance with its next heartbeat, so a partition that changes
        // hands waits for one.
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "500")
        // At low rates a fetch per record would cost more than the record: the
        // broker collects for a moment, which every order waits for twice until its
        // settlement is known. Under load the bytes come first.
        .set("fetch.min.bytes", "65536")
        .set("fetch.wait.max.ms", "5")
        // A full local queue is looked at again soon; the default of a second
        // makes throughput a sawtooth.
        .set("fetch.queue.backoff.ms", "20")
        .set("queued.min.messages", "20000")
        .set("queued.max.messages.kbytes", "32768");
    config
}
