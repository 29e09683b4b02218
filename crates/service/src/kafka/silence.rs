//! Clients that have lost Kafka for good.
//!
//! A broker that comes back from a long pause says for a moment that its cluster
//! has no brokers. librdkafka 2.12 believes it, drops the last one that it knows and
//! connects to none again
//! (<https://github.com/confluentinc/librdkafka/issues/5301>). Only a new client
//! helps; its owner makes one when [`has_lost_kafka`] after a long [`Silence`].

use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// How long a client may hear nothing before it is looked at. Clients that work
/// reconnect within a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a broker may take to answer a client that works, or that has to
/// connect first.
const ANSWER: Duration = Duration::from_secs(1);
const FIRST_ANSWER: Duration = Duration::from_secs(2);

/// Since when a client has heard nothing of Kafka.
#[derive(Debug)]
pub struct Silence {
    since: Instant,
}

impl Silence {
    /// Begins at `now`: something was heard, or has just been asked.
    pub fn from(now: Instant) -> Self {
        Self { since: now }
    }

    /// Whether the client is to be looked at; then it begins again.
    pub fn is_long(&mut self, now: Instant) -> bool {
        let long = now.duration_since(self.since) >= PATIENCE;
        if long {
            self.since = now;
        }
        long
    }
}

/// Whether Kafka answers a client that begins now, but not this one. Blocks for
/// up to four seconds.
pub fn has_lost_kafka<C: ClientContext>(client: &Client<C>, brokers: &str) -> bool {
    // A time-out would be a broker that is slow, or a question that waits behind a
    // request: a client without any broker says so.
    let lost = KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure);
    let alone = || client.fetch_metadata(None, ANSWER).is_err_and(|error| error == lost);
    // Asked again: Kafka may have come back for both meanwhile.
    alone() && answers_new_clients(brokers) && alone()
}

/// Drops a client that has lost Kafka, or asks while Kafka is only coming back: closing
/// it may wait for brokers that it does not have, and nobody else shall.
pub fn let_go(client: impl Send + 'static) {
    std::thread::spawn(move || drop(client));
}

fn answers_new_clients(brokers: &str) -> bool {
    let probe: Result<BaseConsumer, _> = super::client(brokers, "ordermill-probe").create();
    let Ok(probe) = probe else { return false };
    let answer = probe.fetch_metadata(None, FIRST_ANSWER);
    let_go(probe);
    answer.is_ok_and(|metadata| !metadata.brokers().is_empty())
}
