//! Reads `order-events` beside the load and notes when orders settle, from the ends
//! that the partitions had before the first order was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, anyhow, bail};
use contract::event::EventType;
use contract::header;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use uuid::Uuid;

use crate::books::SharedSettlements;
use crate::clock::Clock;
use crate::error::RunError;
use crate::events::Events;
use crate::settlements::Settled;

/// A running reader of `order-events`.
#[derive(Debug)]
pub struct Follower {
    settlements: SharedSettlements,
    stop: Arc<AtomicBool>,
    reader: JoinHandle<anyhow::Result<()>>,
}

impl Follower {
    /// Starts reading at the end of the topic.
    ///
    /// # Errors
    /// The broker does not answer, or there is no such topic.
    pub fn start(brokers: &str, topic: &str, clock: Clock) -> Result<Self, RunError> {
        let mut events = Events::open(brokers, topic).map_err(|error| {
            RunError::Unreachable(format!(
                "cannot follow {topic} at {brokers}: {error:#}; is the stack up?"
            ))
        })?;
        let (settlements, stop) = (SharedSettlements::default(), Arc::new(AtomicBool::new(false)));
        let (shared, stopped) = (settlements.clone(), stop.clone());
        let reader = std::thread::Builder::new()
            .name("follow".to_owned())
            .spawn(move || read(&mut events, clock, &shared, &stopped))
            .context("cannot start the follower")?;
        Ok(Self { settlements, stop, reader })
    }

    /// What is settled and what is not.
    pub fn settlements(&self) -> SharedSettlements {
        self.settlements.clone()
    }

    /// Fails when the reader ended by itself.
    ///
    /// # Errors
    /// It did; [`Follower::finish`] would say why.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.reader.is_finished() {
            bail!("the reader of order events ended early; settlements would be missing");
        }
        Ok(())
    }

    /// Stops reading.
    ///
    /// # Errors
    /// Reading had failed.
    pub fn finish(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.reader.join().map_err(|_| anyhow!("the reader of order events died"))?
    }
}

fn read(
    events: &mut Events,
    clock: Clock,
    settlements: &SharedSettlements,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        events.read(|message| {
            if let Some((order_id, how)) = settlement(message) {
                settlements.lock().settled(order_id, how, clock.now_ns());
            }
        })?;
    }
    Ok(())
}

fn settlement(message: &BorrowedMessage<'_>) -> Option<(Uuid, Settled)> {
    let order_id = Uuid::try_parse_ascii(message.key()?).ok()?;
    Some((order_id, Settled::by(event_type(message)?)?))
}

fn event_type(message: &BorrowedMessage<'_>) -> Option<EventType> {
    let headers = message.headers()?;
    // The binding panics on a header name that is not UTF-8. Such a record is
    // not from our processor, so it settles nothing.
    let find = || {
        let mut all = (0..headers.count()).filter_map(|n| headers.try_get(n));
        let kind = all.find(|header| header.key == header::TYPE)?;
        EventType::parse(std::str::from_utf8(kind.value?).ok()?)
    };
    service::quiet::catch(find).flatten()
}
