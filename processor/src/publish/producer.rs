//! The producer of a process: one librdkafka client, replaced when it dies.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use arc_swap::ArcSwap;
use contract::header;
use contract::topic::Topics;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use service::kafka::has_lost_kafka;

use super::overdue::Overdue;
use super::{Carrier, Handed, Parcel, Receipt};
use crate::decide::EventOut;
use crate::lane::Record;

/// Takes librdkafka's reports, on its polling thread.
#[derive(Clone, Default)]
struct Acknowledger {
    /// Records that the broker has taken.
    acknowledged: Arc<AtomicU64>,
    /// Why the last record was not taken, until somebody looks.
    refusal: Arc<Mutex<Option<String>>>,
}

impl Acknowledger {
    fn refused(&self, topic: &str, error: &KafkaError) {
        tracing::warn!(topic, %error, "a record was not taken, its lane sends it again");
        let words = format!("{topic} takes no records: {error}");
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }
}

impl ClientContext for Acknowledger {}

impl ProducerContext for Acknowledger {
    type DeliveryOpaque = Arc<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Arc<Receipt>) {
        match result {
            Ok(_) => {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                receipt.acknowledge();
            }
            Err((error, record)) => {
                self.refused(record.topic(), error);
                receipt.fail();
            }
        }
    }
}

/// A librdkafka client, and how many came before it.
struct Client {
    inner: ThreadedProducer<Acknowledger>,
    generation: u64,
}

/// Sends events and dead letters.
pub struct Producer {
    client: ArcSwap<Client>,
    config: rdkafka::ClientConfig,
    acknowledger: Acknowledger,
    overdue: Overdue,
    topics: Topics,
}

impl Producer {
    /// A producer for these topics.
    ///
    /// # Errors
    /// librdkafka refuses the configuration.
    pub fn new(brokers: &str, topics: Topics) -> anyhow::Result<Self> {
        let mut config = service::kafka::producer(brokers, "ordermill-processor");
        config
            // Never give up: an event given up and sent again later would stand
            // behind its successors. Fatal errors end the client instead.
            .set("message.timeout.ms", "0")
            // Compressing events takes a sixth of the processor's CPU (ADR 12).
            .set("compression.type", "none")
            // Events come in batches already; a little waiting fills requests.
            .set("linger.ms", "2")
            // A dead letter is as large as any record, and its headers come on top. The
            // topic allows 1 KiB more, for it counts the batch's header as well.
            .set("message.max.bytes", "2096128")
            .set("queue.buffering.max.messages", "200000")
            .set("queue.buffering.max.kbytes", "131072");
        let acknowledger = Acknowledger::default();
        let client = ArcSwap::from_pointee(connect(&config, &acknowledger, 0)?);
        Ok(Self { client, config, acknowledger, overdue: Overdue::default(), topics })
    }

    /// Records that the broker has taken, and how many wait for that.
    pub(super) fn progress(&self) -> (u64, i32) {
        let acknowledged = self.acknowledger.acknowledged.load(Ordering::Relaxed);
        (acknowledged, self.client.load().inner.in_flight_count())
    }

    /// Why the broker took no record of late.
    pub(super) fn take_refusal(&self) -> Option<String> {
        self.acknowledger.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Which topic leaves a record without a word, neither taken nor refused.
    pub(super) fn overdue(&self, now: Instant) -> Option<String> {
        self.overdue.problem(now)
    }

    /// Replaces a client that has lost Kafka; what waited in it fails, and is sent
    /// again by its lanes. Blocks for some seconds.
    pub(super) fn replace_if_lost(&self) -> anyhow::Result<()> {
        let current = self.client.load_full();
        let brokers = self.config.get("bootstrap.servers").unwrap_or_default();
        if has_lost_kafka(current.inner.client(), brokers) {
            tracing::error!("Kafka answers others and not our producer: replacing it");
            self.replace(&current)?;
        }
        Ok(())
    }

    /// Several callers replace a client once.
    fn replace(&self, current: &Arc<Client>) -> anyhow::Result<()> {
        metrics::counter!("producer_restarts_total").increment(1);
        let generation = current.generation + 1;
        let fresh = Arc::new(connect(&self.config, &self.acknowledger, generation)?);
        self.client.compare_and_swap(current, fresh);
        Ok(())
    }

    /// Sends this record of a parcel.
    fn send_one(
        &self,
        client: &ThreadedProducer<Acknowledger>,
        parcel: &Parcel,
        n: usize,
        receipt: &Arc<Receipt>,
    ) -> Result<(), KafkaError> {
        match parcel {
            Parcel::Events(_, events) => self.send_event(client, &events[n], receipt),
            Parcel::Dead(letters) => {
                let (record, code, message) = &letters[n];
                self.send_dead(client, record, (code, message), receipt)
            }
        }
    }

    fn send_event(
        &self,
        client: &ThreadedProducer<Acknowledger>,
        event: &EventOut,
        receipt: &Arc<Receipt>,
    ) -> Result<(), KafkaError> {
        let headers = OwnedHeaders::new_with_capacity(7)
            .insert(text(header::SPEC_VERSION, header::SPEC_VERSION_VALUE))
            .insert(text(header::ID, &event.id))
            .insert(text(header::SOURCE, "/processor"))
            .insert(text(header::TYPE, event.kind))
            .insert(text(header::TIME, &event.time))
            .insert(text(header::SUBJECT, &event.subject))
            .insert(text(header::CONTENT_TYPE, header::JSON));
        let record = BaseRecord::with_opaque_to(&self.topics.order_events, receipt.clone())
            .key(&event.subject)
            .payload(&event.data)
            .headers(headers);
        client.send(record).map_err(|(error, _)| error)
    }

    /// A letter that is too large for a record goes without what it was: PostgreSQL
    /// has that, and the log at its place.
    fn send_dead(
        &self,
        client: &ThreadedProducer<Acknowledger>,
        record: &Record,
        (code, message): (&str, &str),
        receipt: &Arc<Receipt>,
    ) -> Result<(), KafkaError> {
        let topic = record.lane.topic(&self.topics);
        let reasons = |headers: OwnedHeaders| {
            headers
                .insert(text(header::DLQ_TOPIC, topic))
                .insert(text(header::DLQ_PARTITION, &record.lane.partition.to_string()))
                .insert(text(header::DLQ_OFFSET, &record.offset.to_string()))
                .insert(text(header::DLQ_CODE, code))
                .insert(text(header::DLQ_MESSAGE, message))
        };
        let letter = |headers| {
            BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topics.dlq, receipt.clone())
                .headers(reasons(headers))
        };
        let own = record.headers().fold(OwnedHeaders::new(), |headers, (name, value)| {
            headers.insert(Header { key: &String::from_utf8_lossy(name), value })
        });
        let mut dead = letter(own);
        if let Some(key) = record.key() {
            dead = dead.key(key);
        }
        if let Some(value) = record.value() {
            dead = dead.payload(value);
        }
        let sent = match client.send(dead) {
            Err((error, _)) if is(&error, RDKafkaErrorCode::MessageSizeTooLarge) => {
                client.send(letter(OwnedHeaders::new()))
            }
            sent => sent,
        };
        sent.map_err(|(error, _)| error)
    }
}

fn is(error: &KafkaError, code: RDKafkaErrorCode) -> bool {
    error.rdkafka_error_code() == Some(code)
}

impl Carrier for Producer {
    fn send(&self, parcel: &Parcel, from: usize, receipt: &Arc<Receipt>) -> Handed {
        let client = self.client.load();
        if client.generation != receipt.generation() {
            receipt.fail();
            return Handed::Over;
        }
        let (topic, client) = (parcel.topic(&self.topics), &client.inner);
        for n in from..parcel.records() {
            match self.send_one(client, parcel, n, receipt) {
                Ok(()) if n == 0 => self.overdue.watch(topic, receipt, Instant::now()),
                Ok(()) => {}
                Err(error) if is(&error, RDKafkaErrorCode::QueueFull) => return Handed::UpTo(n),
                Err(error) => {
                    self.acknowledger.refused(topic, &error);
                    receipt.fail();
                    break;
                }
            }
        }
        Handed::Over
    }

    fn generation(&self) -> u64 {
        self.client.load().generation
    }

    /// Replaces a client that met a fatal error.
    fn revive(&self) -> anyhow::Result<()> {
        let current = self.client.load_full();
        if let Some((code, reason)) = current.inner.client().fatal_error() {
            tracing::error!(%code, %reason, "the producer died, starting a new one");
            self.replace(&current)?;
        }
        Ok(())
    }
}

fn connect(
    config: &rdkafka::ClientConfig,
    acknowledger: &Acknowledger,
    generation: u64,
) -> anyhow::Result<Client> {
    let inner =
        config.create_with_context(acknowledger.clone()).context("cannot make a Kafka producer")?;
    Ok(Client { inner, generation })
}

fn text<'a>(name: &'a str, value: &'a str) -> Header<'a, &'a [u8]> {
    Header { key: name, value: Some(value.as_bytes()) }
}
