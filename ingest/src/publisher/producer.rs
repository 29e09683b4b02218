//! The librdkafka producer: its settings and what it tells us.

use std::sync::Arc;
use std::time::Duration;

use contract::topic::Topics;
use metrics::Counter;
use rdkafka::client::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{ProducerContext, ThreadedProducer};

use super::acks::{Acks, Position, Unconfirmed};
use super::availability::Availability;
use super::table::Ticket;
use crate::metrics::DELIVERY_ERRORS;

/// The producer with its polling thread.
pub(super) type GatewayProducer = ThreadedProducer<Deliveries>;

/// What is set from outside.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// Bootstrap servers.
    pub brokers: String,
    /// Topic names.
    pub topics: Topics,
    /// How long a batch is gathered.
    pub linger: Duration,
    /// Memory for records that are not acknowledged.
    pub queue_kib: u32,
    /// How long clients wait for an acknowledgement.
    pub ack_timeout: Duration,
    /// How long without an acknowledgement until the broker counts as away.
    pub stall_after: Duration,
}

/// Takes librdkafka's reports on its polling thread.
pub(super) struct Deliveries {
    desks: Arc<[Arc<Acks>]>,
    availability: Arc<Availability>,
    errors: Counter,
}

/// A new producer.
pub(super) fn create(
    config: &ProducerConfig,
    desks: &Arc<[Arc<Acks>]>,
    availability: &Arc<Availability>,
) -> KafkaResult<GatewayProducer> {
    let mut client = service::kafka::producer(&config.brokers, "ordermill-ingest");
    // Past this nobody waits any more; half as long again lets a record that was
    // sent twice reach the log rather than leave a gap.
    let give_up = config.ack_timeout + config.ack_timeout / 2;
    client
        .set("linger.ms", (config.linger.as_secs_f64() * 1000.0).to_string())
        .set("queue.buffering.max.kbytes", config.queue_kib.to_string())
        .set("message.timeout.ms", give_up.as_millis().to_string())
        // A frozen broker is given up sooner than the default minute.
        .set("socket.timeout.ms", "10000");
    let context = Deliveries {
        desks: Arc::clone(desks),
        availability: Arc::clone(availability),
        errors: metrics::counter!(DELIVERY_ERRORS),
    };
    GatewayProducer::from_config_and_context(&client, context)
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                // The watch says so once; this comes with every failed connect.
                tracing::debug!(reason, "all brokers are down");
                self.availability.lost_all_brokers();
            }
            Some(RDKafkaErrorCode::Fatal) => {
                self.availability.suspect();
            }
            // librdkafka recovers from all others by itself.
            _ => tracing::debug!(%error, reason, "producer trouble"),
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let outcome = match result {
            Ok(message) => {
                self.availability.acknowledged();
                Ok(Position { partition: message.partition(), offset: message.offset() })
            }
            Err((error, _)) => {
                self.errors.increment(1);
                tracing::debug!(%error, "record was not delivered");
                Err(Unconfirmed::Failed)
            }
        };
        let ticket = Ticket::from(ticket);
        if let Some(acks) = self.desks.get(ticket.worker()) {
            acks.deliver(ticket, outcome);
        }
    }
}
