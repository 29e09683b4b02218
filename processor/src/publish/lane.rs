//! What one lane has handed to the broker and not yet seen acknowledged. Pure
//! but for the carrier it is given.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use service::backoff::Backoff;
use tokio::sync::Notify;

use super::Receipt;
use super::receipt::Delivery;
use crate::decide::EventOut;
use crate::lane::{LaneId, Record};
use crate::store::Retired;

/// Things that are published and retired together.
#[derive(Debug)]
pub enum Parcel {
    /// An outbox row: its id and its events.
    Events(i64, Vec<EventOut>),
    /// Dead letters with code and message.
    Dead(Vec<(Record, String, String)>),
}

impl Parcel {
    fn records(&self) -> usize {
        match self {
            Self::Events(_, events) => events.len(),
            Self::Dead(letters) => letters.len(),
        }
    }
}

/// Takes parcels to the broker.
pub trait Carrier: Send + Sync {
    /// Sends a parcel and tells the receipt what becomes of it.
    fn send(&self, parcel: &Parcel, receipt: &Arc<Receipt>);

    /// Counts the clients that it has had. What an earlier one was given and did not
    /// acknowledge is lost.
    fn generation(&self) -> u64;

    /// Makes sending possible again after a delivery failed.
    ///
    /// # Errors
    /// It is not possible now.
    fn revive(&self) -> anyhow::Result<()>;
}

/// The publisher of one lane; its owner is the only one.
pub struct LanePublisher {
    lane: LaneId,
    carrier: Arc<dyn Carrier>,
    wake: Arc<Notify>,
    sent: VecDeque<(Parcel, Arc<Receipt>)>,
    /// Of the client that everything in `sent` was given to.
    generation: u64,
    backoff: Backoff,
    /// Set while a failed delivery waits to be sent again.
    again_at: Option<Instant>,
}

impl LanePublisher {
    /// A publisher with nothing under way. `wake` is told of acknowledgements.
    pub fn new(lane: LaneId, carrier: Arc<dyn Carrier>, wake: Arc<Notify>) -> Self {
        let backoff =
            Backoff::new(std::time::Duration::from_millis(20), std::time::Duration::from_secs(2));
        let generation = carrier.generation();
        Self { lane, carrier, wake, sent: VecDeque::new(), generation, backoff, again_at: None }
    }

    /// Publishes a parcel after all earlier ones.
    pub fn publish(&mut self, parcel: Parcel) {
        if self.sent.is_empty() {
            self.generation = self.carrier.generation();
        }
        let receipt = Receipt::new(parcel.records(), self.generation, self.wake.clone());
        // Behind a failed parcel it would overtake; it goes when that goes again.
        if self.again_at.is_none() && !self.has_failed() {
            self.carrier.send(&parcel, &receipt);
        }
        self.sent.push_back((parcel, receipt));
    }

    /// Parcels without acknowledgement.
    pub fn under_way(&self) -> usize {
        self.sent.len()
    }

    /// Outbox rows without acknowledgement.
    pub fn rows(&self) -> impl Iterator<Item = i64> {
        self.sent.iter().filter_map(|(parcel, _)| match parcel {
            Parcel::Events(id, _) => Some(*id),
            Parcel::Dead(_) => None,
        })
    }

    /// When [`Self::collect`] has something to do although nobody wakes it.
    pub fn again_at(&self) -> Option<Instant> {
        self.again_at
    }

    /// Adds what the broker has acknowledged to `retired`, and sends again what
    /// failed.
    pub fn collect(&mut self, retired: &mut Retired, now: Instant) {
        while let Some((parcel, receipt)) = self.sent.front() {
            if receipt.delivery() != Delivery::Acknowledged {
                break;
            }
            match parcel {
                Parcel::Events(id, _) => retired.outbox.push(*id),
                Parcel::Dead(letters) => {
                    retired
                        .dead
                        .extend(letters.iter().map(|(record, ..)| (self.lane, record.offset)));
                }
            }
            self.sent.pop_front();
            self.backoff.reset();
        }
        self.retry(now);
    }

    fn retry(&mut self, now: Instant) {
        match self.again_at {
            None if self.has_failed() => self.again_at = Some(now + self.backoff.next_delay()),
            Some(at) if now >= at => self.send_all_again(now),
            _ => {}
        }
    }

    fn has_failed(&self) -> bool {
        let lost = !self.sent.is_empty() && self.generation != self.carrier.generation();
        lost || self.sent.iter().any(|(_, receipt)| receipt.delivery() == Delivery::Failed)
    }

    fn send_all_again(&mut self, now: Instant) {
        if let Err(error) = self.carrier.revive() {
            tracing::error!(error = %format!("{error:#}"), lane = %self.lane, "cannot publish");
            self.again_at = Some(now + self.backoff.next_delay());
            return;
        }
        self.again_at = None;
        self.generation = self.carrier.generation();
        for (parcel, receipt) in &mut self.sent {
            *receipt = Receipt::new(parcel.records(), self.generation, self.wake.clone());
            self.carrier.send(parcel, receipt);
        }
    }
}
