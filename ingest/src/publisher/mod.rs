//! Gives records to librdkafka and learns what became of them.
//!
//! A record that is taken gets a ticket in its worker's [`acks`]. The ticket
//! travels through librdkafka as the delivery opaque (a number, so nothing is
//! allocated) and comes back on the producer's polling thread. Nothing here
//! blocks or sleeps: what cannot be taken now is refused now.

pub mod acks;
pub mod availability;
pub mod event;
mod filling;
mod producer;
mod table;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use contract::OrderId;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer};
use service::clock;
use tokio::sync::oneshot;

pub use self::acks::{Acks, Outcome, Position, Unconfirmed};
use self::availability::{Availability, State};
pub use self::event::Event;
use self::filling::Filling;
use self::producer::GatewayProducer;
pub use self::producer::ProducerConfig;
pub use self::watch::{CONDITION, watch};

/// Why a record was not taken; nothing was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// As many writes wait for acknowledgements as may.
    TooManyInFlight,
    /// The producer's memory is full.
    QueueFull,
    /// There is no broker to send to.
    Away(State),
    /// The topic is not there, or not ours to write; others may be.
    NoTopic,
}

/// The one producer of the process and the workers that use it.
pub struct Publisher {
    config: ProducerConfig,
    /// Replaced after a fatal error.
    producer: ArcSwap<GatewayProducer>,
    availability: Arc<Availability>,
    filling: Filling,
    desks: Arc<[Arc<Acks>]>,
}

impl Publisher {
    /// A producer for these workers. It connects by itself; until a broker has
    /// answered, records are refused.
    ///
    /// # Errors
    /// librdkafka refuses the configuration.
    pub fn new(config: ProducerConfig, desks: Arc<[Arc<Acks>]>) -> anyhow::Result<Self> {
        let availability = Arc::new(Availability::default());
        let producer = producer::create(&config, &desks, &availability)
            .context("cannot create the Kafka producer")?;
        let (filling, producer) = (Filling::new(config.linger), ArcSwap::from_pointee(producer));
        Ok(Self { config, producer, availability, filling, desks })
    }

    /// Whether a record would be taken now.
    ///
    /// # Errors
    /// It would not.
    pub fn admits(&self, acks: &Acks) -> Result<(), Refusal> {
        match self.availability.state() {
            State::Up if acks.has_room() => Ok(()),
            State::Up => Err(Refusal::TooManyInFlight),
            away => Err(Refusal::Away(away)),
        }
    }

    /// A fresh id for an order that is sent now.
    pub fn mint(&self) -> OrderId {
        self.filling.steer(OrderId(clock::mint()))
    }

    /// Gives one record to the producer; the receiver gets what became of it.
    ///
    /// # Errors
    /// The record was not taken.
    pub fn send(
        &self,
        acks: &Acks,
        event: &Event<'_>,
    ) -> Result<oneshot::Receiver<Outcome>, Refusal> {
        let (ticket, receiver) = acks.open().ok_or(Refusal::TooManyInFlight)?;
        let record = BaseRecord::with_opaque_to(event.topic, ticket.into())
            .key(event.key)
            .payload(event.value)
            .headers(event.headers());
        self.producer.load().send(record).map_err(|(error, _)| {
            acks.withdraw(ticket);
            self.refusal(event.topic, &error)
        })?;
        Ok(receiver)
    }

    fn refusal(&self, topic: &str, error: &KafkaError) -> Refusal {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Refusal::QueueFull,
            // Orders are taken without it.
            Some(code) if code != RDKafkaErrorCode::Fatal && topic != self.config.topics.orders => {
                tracing::debug!(topic, %error, "a write was refused");
                Refusal::NoTopic
            }
            _ => {
                // A fatal error, or a topic that went away: the watch finds out which.
                self.availability.suspect();
                Refusal::Away(self.availability.state())
            }
        }
    }

    /// Whether nothing is known about the brokers yet.
    pub fn is_starting(&self) -> bool {
        self.availability.state() == State::Starting
    }

    /// Records that wait for acknowledgements.
    pub fn queued(&self) -> u64 {
        u64::try_from(self.producer.load().in_flight_count()).unwrap_or(0)
    }

    /// Waits until every record was acknowledged or refused. Blocks.
    ///
    /// # Errors
    /// Some are left after `deadline`.
    pub fn flush(&self, deadline: Duration) -> Result<(), KafkaError> {
        self.producer.load_full().flush(deadline)
    }
}
