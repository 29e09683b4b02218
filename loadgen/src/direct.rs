//! Direct mode: the same orders as records on the `orders` topic, without the
//! gateway, as fast as the broker takes them or at a rate. For drain benchmarks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use contract::event::EventType;
use contract::event_id_for_key;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::backlog::Wait;
use crate::books::{Books, Recent};
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::{Deliveries, Delivery, hand_over, producer};
use crate::envelope::{self, TimeText};
use crate::error::RunError;
use crate::load::Load;
use crate::order_mix::Kind;
use crate::orders::{Generator, Step};
use crate::recorder::Recorder;
use crate::schedule::{Extent, Slot};

const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an interrupted run waits for what is under way.
const INTERRUPT_GRACE: Duration = Duration::from_secs(5);
/// Due records are handed over once a millisecond.
const TICK: Duration = Duration::from_millis(1);

/// Starts the producing thread.
///
/// # Errors
/// The broker does not answer or has no such topic.
pub fn start(
    config: &Config,
    generator: Arc<Generator>,
    books: Books,
    (clock, stop): (Clock, CancellationToken),
) -> Result<Load, RunError> {
    let recorder = Arc::<Recorder>::default();
    let context = Deliveries { clock, recorder: recorder.clone(), books };
    let producer = producer(config, context)?;
    let filler = Filler {
        producer,
        generator,
        recorder: recorder.clone(),
        clock,
        stop,
        topic: config.topics.orders.clone(),
        run: config.run.clone(),
        time: TimeText::default(),
        recent: Recent::default(),
        wait: Wait::None,
    };
    filler.restock(&config.topics.stock, config.stock)?;
    let (config, start_ns) = (config.clone(), clock.now_ns());
    let handle = std::thread::Builder::new()
        .name("direct".to_owned())
        .spawn(move || filler.fill(&config, start_ns))
        .context("cannot start the producing thread")?;
    Ok(Load::of_thread(recorder, start_ns, handle))
}

/// One record before it is sent.
struct Draft {
    kind: Kind,
    event: EventType,
    event_id: Uuid,
    subject: Uuid,
    value: Vec<u8>,
}

struct Filler {
    producer: ThreadedProducer<Deliveries>,
    generator: Arc<Generator>,
    recorder: Arc<Recorder>,
    clock: Clock,
    stop: CancellationToken,
    topic: String,
    run: String,
    time: TimeText,
    recent: Recent,
    /// Queued from a full queue on until the schedule is caught up: being late is
    /// the broker's doing then.
    wait: Wait,
}

impl Filler {
    fn fill(mut self, config: &Config, start_ns: u64) -> anyhow::Result<()> {
        let filled = match config.schedule() {
            Some(schedule) => self.fill_at_rate(schedule.slots(), start_ns),
            None => self.fill_at_once(config.extent, start_ns),
        };
        let grace = if self.stop.is_cancelled() { INTERRUPT_GRACE } else { FLUSH_TIMEOUT };
        // What is not delivered by then shows as unanswered.
        let _counted_as_unanswered = self.producer.flush(grace);
        filled
    }

    fn fill_at_rate(
        &mut self,
        slots: impl Iterator<Item = Slot>,
        start_ns: u64,
    ) -> anyhow::Result<()> {
        for slot in slots {
            let intended_ns = start_ns + slot.intended_ns;
            while self.clock.now_ns() < intended_ns {
                if self.stop.is_cancelled() {
                    return Ok(());
                }
                std::thread::sleep(TICK);
                self.wait = Wait::None;
            }
            if self.stop.is_cancelled() {
                return Ok(());
            }
            let lag_ns = self.clock.now_ns() - intended_ns;
            match self.wait {
                Wait::None => self.recorder.window().lag.record_ns(lag_ns),
                Wait::Queued => self.recorder.window().queued += 1,
            }
            self.send(slot.n, intended_ns)?;
        }
        Ok(())
    }

    fn fill_at_once(&mut self, extent: Extent, start_ns: u64) -> anyhow::Result<()> {
        for n in 0.. {
            let now_ns = self.clock.now_ns();
            let over = match extent {
                Extent::Orders(count) => n >= count,
                Extent::Duration(length) => now_ns - start_ns >= length.as_nanos() as u64,
            };
            if over || self.stop.is_cancelled() {
                break;
            }
            self.send(n, now_ns)?;
        }
        Ok(())
    }

    fn send(&mut self, n: u64, intended_ns: u64) -> anyhow::Result<()> {
        let draft = self.draft(n);
        let kind = draft.kind;
        let mut key = Uuid::encode_buffer();
        let key: &str = draft.subject.hyphenated().encode_lower(&mut key);
        let headers = envelope::headers(draft.event_id, draft.event, self.time.now(), key);
        let delivery =
            Delivery { kind, order_id: draft.subject, intended_ns, sent_ns: self.clock.now_ns() };
        let record = BaseRecord::with_opaque_to(&self.topic, Box::new(delivery))
            .key(key)
            .payload(&draft.value)
            .headers(headers);
        self.recorder.window().kinds[kind as usize].sent += 1;
        if hand_over(&self.producer, record)? == Wait::Queued {
            self.wait = Wait::Queued;
        }
        if kind == Kind::Order {
            self.recent.add(draft.subject);
        }
        Ok(())
    }

    fn draft(&mut self, n: u64) -> Draft {
        let (kind, order, value) = match self.generator.step(n) {
            Step::Order => (Kind::Order, n, self.generator.order(n)),
            Step::Retry(earlier) => (Kind::Retry, earlier, self.generator.order(earlier)),
            Step::Invalid => (Kind::Invalid, n, self.generator.invalid(n)),
            Step::Cancel => match self.recent.newest() {
                Some(order) => return follow_up(Kind::Cancel, order),
                None => (Kind::Order, n, self.generator.order(n)),
            },
            Step::Ship => match self.recent.oldest() {
                Some(order) => return follow_up(Kind::Ship, order),
                None => (Kind::Order, n, self.generator.order(n)),
            },
        };
        let id = self.order_id(order);
        Draft { kind, event: EventType::OrderCreated, event_id: id, subject: id, value }
    }

    /// Of an order with a key the id must follow from the number, as it follows from the
    /// key in the gateway.
    fn order_id(&self, n: u64) -> Uuid {
        if self.generator.has_key(n) {
            event_id_for_key("loadgen", &self.run, &n.to_string())
        } else {
            Uuid::now_v7()
        }
    }

    fn restock(&self, topic: &str, pieces: u32) -> anyhow::Result<()> {
        if pieces == 0 {
            return Ok(());
        }
        let value = format!("{{\"quantity\":{pieces},\"reason\":\"restock\"}}");
        let mut time = TimeText::default();
        for sku in self.generator.skus() {
            let (kind, id) = (EventType::StockAdjusted, Uuid::now_v7());
            // Counted as nothing: these records are not part of the load.
            let delivery =
                Delivery { kind: Kind::Invalid, order_id: id, intended_ns: 0, sent_ns: 0 };
            let record = BaseRecord::with_opaque_to(topic, Box::new(delivery))
                .key(&sku)
                .payload(value.as_str())
                .headers(envelope::headers(id, kind, time.now(), &sku));
            hand_over(&self.producer, record)?;
        }
        self.producer.flush(FLUSH_TIMEOUT).context("the restock was not delivered")?;
        let counted = std::mem::take(&mut *self.recorder.window());
        match counted.total().failed {
            0 => Ok(()),
            failed => bail!("{failed} products could not be restocked: the broker refused"),
        }
    }
}

fn follow_up(kind: Kind, order: Uuid) -> Draft {
    let event = match kind {
        Kind::Ship => EventType::OrderShipped,
        _ => EventType::OrderCancelRequested,
    };
    Draft { kind, event, event_id: Uuid::now_v7(), subject: order, value: b"{}".to_vec() }
}
