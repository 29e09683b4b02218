//! A client of Kafka that writes no log of its own.

use rdkafka::ClientContext;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

/// Says nothing: every error also comes back from the call, and the end of a
/// partition is none.
pub(super) struct Silent;

impl ClientContext for Silent {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Silent {}
