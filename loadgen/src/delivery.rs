//! The Kafka side of direct mode: a producer set up like the gateway's, and what
//! becomes of its delivery reports.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, ToBytes};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use uuid::Uuid;

use crate::answer::Place;
use crate::backlog::Wait;
use crate::books::Books;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::RunError;
use crate::order_mix::Kind;
use crate::recorder::{Failure, Recorder, Sample, Verdict};

const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
/// A full queue has room again after this.
const QUEUE_FULL_PAUSE: Duration = Duration::from_micros(500);
/// Longer than the producer keeps a record: by then there is room or no hope.
const QUEUE_FULL_TIMEOUT: Duration = Duration::from_secs(60);

/// What must be known when the delivery report of a record comes.
#[derive(Debug)]
pub struct Delivery {
    /// What it was.
    pub kind: Kind,
    /// Which order it is about.
    pub order_id: Uuid,
    /// When it should have been sent.
    pub intended_ns: u64,
    /// When it was handed to the producer.
    pub sent_ns: u64,
}

/// Notes every delivery where acknowledgements are noted.
#[derive(Debug)]
pub struct Deliveries {
    /// The common time.
    pub clock: Clock,
    /// What happened.
    pub recorder: Arc<Recorder>,
    /// What was acknowledged.
    pub books: Books,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Box<Delivery>) {
        let Delivery { kind, order_id, intended_ns, sent_ns } = *delivery;
        let ended_ns = self.clock.now_ns();
        let verdict = match result {
            Ok(message) => {
                self.note(&delivery, message);
                Verdict::Acknowledged
            }
            Err(_) => Verdict::Failed(Failure::Broker),
        };
        if kind == Kind::Order && verdict == Verdict::Acknowledged {
            self.books.follow(order_id, intended_ns);
        }
        self.recorder.window().record(Sample { kind, intended_ns, sent_ns, ended_ns, verdict });
    }
}

impl Deliveries {
    fn note(&self, delivery: &Delivery, message: &impl Message) {
        let asked = delivery.kind != Kind::Invalid;
        if let Some(hash) =
            message.payload().and_then(|body| self.books.hash(body)).filter(|_| asked)
        {
            let place = Place { partition: message.partition(), offset: message.offset() };
            self.books.receipt(delivery.order_id, place, hash);
        }
    }
}

/// A producer like the gateway's, once the broker answers and has the topics.
///
/// # Errors
/// It does not answer, or has no such topic.
pub fn producer(
    config: &Config,
    context: Deliveries,
) -> Result<ThreadedProducer<Deliveries>, RunError> {
    let producer: ThreadedProducer<Deliveries> =
        service::kafka::producer(&config.brokers, "loadgen")
            .set("linger.ms", "2")
            .set("queue.buffering.max.messages", "200000")
            .set("queue.buffering.max.kbytes", "262144")
            .set("message.timeout.ms", "30000")
            .create_with_context(context)
            .context("cannot make a producer")?;
    for topic in [&config.topics.orders, &config.topics.stock] {
        let metadata = producer.client().fetch_metadata(Some(topic), METADATA_TIMEOUT);
        let missing = match metadata {
            Ok(metadata) if metadata.topics().iter().any(|t| !t.partitions().is_empty()) => {
                continue;
            }
            Ok(_) => "there is no such topic".to_owned(),
            Err(error) => error.to_string(),
        };
        return Err(RunError::Unreachable(format!(
            "cannot write to {topic} at {}: {missing}; is the stack up?",
            config.brokers
        )));
    }
    Ok(producer)
}

/// Hands a record to the producer, waiting while its queue is full; says whether
/// it had to.
///
/// # Errors
/// The producer cannot take it, or had no room for very long.
pub fn hand_over<'a, K: ToBytes + ?Sized, P: ToBytes + ?Sized>(
    producer: &ThreadedProducer<Deliveries>,
    mut record: BaseRecord<'a, K, P, Box<Delivery>>,
) -> anyhow::Result<Wait> {
    let (started, mut wait) = (Instant::now(), Wait::None);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(wait),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent))
                if started.elapsed() < QUEUE_FULL_TIMEOUT =>
            {
                (record, wait) = (unsent, Wait::Queued);
                std::thread::sleep(QUEUE_FULL_PAUSE);
            }
            Err((error, _)) => return Err(error).context("cannot produce"),
        }
    }
}
