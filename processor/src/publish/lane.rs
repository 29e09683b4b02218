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

/// Whether a parcel is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handed {
    /// The receipt tells what becomes of it.
    Over,
    /// The carrier had no room for all of it, and has to be given it again.
    NoRoom,
}

/// Takes parcels to the broker.
pub trait Carrier: Send + Sync {
    /// Sends a parcel and tells the receipt what becomes of it.
    fn send(&self, parcel: &Parcel, receipt: &Arc<Receipt>) -> Handed;

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
    /// In the order of commits; those without a receipt wait to be handed over, and
    /// so does everything behind them.
    sent: VecDeque<(Parcel, Option<Arc<Receipt>>)>,
    backoff: Backoff,
    /// Set while what failed or found no room waits to be sent again.
    again_at: Option<Instant>,
}

impl LanePublisher {
    /// A publisher with nothing under way. `wake` is told of acknowledgements.
    pub fn new(lane: LaneId, carrier: Arc<dyn Carrier>, wake: Arc<Notify>) -> Self {
        let backoff =
            Backoff::new(std::time::Duration::from_millis(20), std::time::Duration::from_secs(2));
        Self { lane, carrier, wake, sent: VecDeque::new(), backoff, again_at: None }
    }

    /// Publishes a parcel after all earlier ones.
    pub fn publish(&mut self, parcel: Parcel) {
        // One judgement, one client: should it be replaced meanwhile, it takes nothing.
        let generation = self.carrier.generation();
        // Ahead of one that is to be sent again it would overtake.
        let waits = self.again_at.is_some() || self.must_send_again(generation);
        let receipt = if waits { None } else { self.hand_over(&parcel, generation) };
        self.sent.push_back((parcel, receipt));
    }

    fn hand_over(&self, parcel: &Parcel, generation: u64) -> Option<Arc<Receipt>> {
        let receipt = Receipt::new(parcel.records(), generation, self.wake.clone());
        (self.carrier.send(parcel, &receipt) == Handed::Over).then_some(receipt)
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
            let delivery = receipt.as_ref().map(|receipt| receipt.delivery());
            if delivery != Some(Delivery::Acknowledged) {
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
        let generation = self.carrier.generation();
        match self.again_at {
            None if self.must_send_again(generation) => {
                self.again_at = Some(now + self.backoff.next_delay());
            }
            Some(at) if now >= at => self.send_again(generation, now),
            _ => {}
        }
    }

    fn must_send_again(&self, generation: u64) -> bool {
        self.has_failed(generation)
            || self.sent.back().is_some_and(|(_, receipt)| receipt.is_none())
    }

    fn has_failed(&self, generation: u64) -> bool {
        let mut receipts = self.sent.iter().filter_map(|(_, receipt)| receipt.as_ref());
        receipts.any(|receipt| {
            receipt.generation() != generation || receipt.delivery() == Delivery::Failed
        })
    }

    /// After a failure all that is not acknowledged; else what found no room.
    fn send_again(&mut self, mut generation: u64, now: Instant) {
        if self.has_failed(generation) {
            if let Err(error) = self.carrier.revive() {
                tracing::error!(error = %format!("{error:#}"), lane = %self.lane, "cannot publish");
                self.again_at = Some(now + self.backoff.next_delay());
                return;
            }
            generation = self.carrier.generation();
            self.sent.iter_mut().for_each(|(_, receipt)| *receipt = None);
        }
        let full = self.hand_over_rest(generation) == Handed::NoRoom;
        self.again_at = full.then(|| now + self.backoff.next_delay());
    }

    fn hand_over_rest(&mut self, generation: u64) -> Handed {
        let mut sent = std::mem::take(&mut self.sent);
        let mut waiting = sent.iter_mut().filter(|(_, receipt)| receipt.is_none());
        let full = waiting.any(|(parcel, receipt)| {
            *receipt = self.hand_over(parcel, generation);
            receipt.is_none()
        });
        self.sent = sent;
        if full { Handed::NoRoom } else { Handed::Over }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::lane::Source;

    const LANE: LaneId = LaneId { source: Source::Orders, partition: 0 };

    /// Takes so many parcels more, and acknowledges none by itself.
    #[derive(Default)]
    struct Line {
        room: Mutex<usize>,
        generation: Mutex<u64>,
        taken: Mutex<Vec<(i64, Arc<Receipt>)>>,
    }

    impl Line {
        fn taken(&self) -> Vec<i64> {
            self.taken.lock().unwrap().iter().map(|(id, _)| *id).collect()
        }

        fn acknowledge(&self) {
            self.taken.lock().unwrap().drain(..).for_each(|(_, receipt)| receipt.acknowledge());
        }
    }

    impl Carrier for Line {
        fn send(&self, parcel: &Parcel, receipt: &Arc<Receipt>) -> Handed {
            let mut room = self.room.lock().unwrap();
            let Some(left) = room.checked_sub(1) else { return Handed::NoRoom };
            *room = left;
            let Parcel::Events(id, _) = parcel else { return Handed::Over };
            self.taken.lock().unwrap().push((*id, receipt.clone()));
            Handed::Over
        }

        fn generation(&self) -> u64 {
            *self.generation.lock().unwrap()
        }

        fn revive(&self) -> anyhow::Result<()> {
            Ok(())
        }
    }

    fn row(id: i64) -> Parcel {
        let event = EventOut {
            id: id.to_string(),
            kind: "inventory.reserved.v1",
            subject: String::new(),
            time: "".into(),
            data: String::new(),
        };
        Parcel::Events(id, vec![event])
    }

    fn lane(line: &Arc<Line>) -> LanePublisher {
        LanePublisher::new(LANE, line.clone(), Arc::default())
    }

    fn retired(lane: &mut LanePublisher, now: Instant) -> Vec<i64> {
        let mut retired = Retired::default();
        lane.collect(&mut retired, now);
        retired.outbox
    }

    #[test]
    fn what_finds_no_room_is_sent_later_and_once() {
        let line = Arc::new(Line { room: Mutex::new(2), ..Line::default() });
        let (mut lane, now) = (lane(&line), Instant::now());
        (1..=4).for_each(|id| lane.publish(row(id)));
        assert_eq!(line.taken(), [1, 2]);
        assert!(retired(&mut lane, now).is_empty());
        *line.room.lock().unwrap() = 9;
        assert!(retired(&mut lane, now + Duration::from_secs(9)).is_empty());
        assert_eq!(line.taken(), [1, 2, 3, 4]);
        line.acknowledge();
        assert_eq!(retired(&mut lane, now), [1, 2, 3, 4]);
    }

    #[test]
    fn behind_a_client_that_was_replaced_nothing_overtakes() {
        let line = Arc::new(Line { room: Mutex::new(9), ..Line::default() });
        let (mut lane, now) = (lane(&line), Instant::now());
        lane.publish(row(1));
        line.taken.lock().unwrap().clear();
        *line.generation.lock().unwrap() = 1;
        lane.publish(row(2));
        assert!(line.taken().is_empty());
        assert!(retired(&mut lane, now).is_empty());
        assert!(retired(&mut lane, now + Duration::from_secs(9)).is_empty());
        assert_eq!(line.taken(), [1, 2]);
    }
}
