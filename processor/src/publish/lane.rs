//! What one lane has handed to the broker and not yet seen acknowledged. Pure
//! but for the carrier it is given.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use contract::topic::Topics;
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
    /// Where it goes.
    pub(super) fn topic<'t>(&self, topics: &'t Topics) -> &'t str {
        match self {
            Self::Events(..) => &topics.order_events,
            Self::Dead(_) => &topics.dlq,
        }
    }

    pub(super) fn records(&self) -> usize {
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
    /// The carrier has so many of its records and no room for the next one, from which it
    /// has to be given the parcel again.
    UpTo(usize),
}

/// Takes parcels to the broker.
pub trait Carrier: Send + Sync {
    /// Sends the records of a parcel from this one on, and tells the receipt what becomes
    /// of them.
    fn send(&self, parcel: &Parcel, from: usize, receipt: &Arc<Receipt>) -> Handed;

    /// Counts the clients that it has had. What an earlier one was given and did not
    /// acknowledge is lost.
    fn generation(&self) -> u64;

    /// Makes sending possible again after a delivery failed.
    ///
    /// # Errors
    /// It is not possible now.
    fn revive(&self) -> anyhow::Result<()>;
}

/// A parcel that is not acknowledged.
struct Sent {
    parcel: Parcel,
    /// What the carrier has of it.
    handed: Handed,
    receipt: Option<Arc<Receipt>>,
}

impl Sent {
    fn new(parcel: Parcel) -> Self {
        Self { parcel, handed: Handed::UpTo(0), receipt: None }
    }

    /// Hands over what the carrier does not have.
    fn hand_over(&mut self, carrier: &dyn Carrier, generation: u64, wake: &Arc<Notify>) {
        let Handed::UpTo(from) = self.handed else { return };
        let fresh = || Receipt::new(self.parcel.records(), generation, wake.clone());
        let receipt = self.receipt.get_or_insert_with(fresh);
        self.handed = carrier.send(&self.parcel, from, receipt);
    }

    /// Takes it back, whatever was handed over.
    fn take_back(&mut self) {
        (self.handed, self.receipt) = (Handed::UpTo(0), None);
    }
}

/// The publisher of one lane; its owner is the only one.
pub struct LanePublisher {
    lane: LaneId,
    carrier: Arc<dyn Carrier>,
    wake: Arc<Notify>,
    /// In the order of commits.
    sent: VecDeque<Sent>,
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
        let mut sent = Sent::new(parcel);
        // Ahead of one that is to be sent again it would overtake.
        if self.again_at.is_none() && !self.must_send_again(generation) {
            sent.hand_over(&*self.carrier, generation, &self.wake);
        }
        self.sent.push_back(sent);
    }

    /// Parcels without acknowledgement.
    pub fn under_way(&self) -> usize {
        self.sent.len()
    }

    /// Outbox rows without acknowledgement.
    pub fn rows(&self) -> impl Iterator<Item = i64> {
        self.sent.iter().filter_map(|sent| match &sent.parcel {
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
        while let Some(Sent { parcel, receipt, .. }) = self.sent.front() {
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
            || self.sent.back().is_some_and(|sent| sent.handed != Handed::Over)
    }

    fn has_failed(&self, generation: u64) -> bool {
        let mut receipts = self.sent.iter().filter_map(|sent| sent.receipt.as_ref());
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
            self.sent.iter_mut().for_each(Sent::take_back);
        }
        self.hand_over_rest(generation);
        let full = self.must_send_again(generation);
        self.again_at = full.then(|| now + self.backoff.next_delay());
    }

    /// Hands over what was not, up to the first that finds no room.
    fn hand_over_rest(&mut self, generation: u64) {
        for sent in &mut self.sent {
            sent.hand_over(&*self.carrier, generation, &self.wake);
            if sent.handed != Handed::Over {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::lane::Source;

    const LANE: LaneId = LaneId { source: Source::Orders, partition: 0 };

    /// Takes so many records more, and acknowledges none by itself.
    #[derive(Default)]
    struct Line {
        room: Mutex<usize>,
        generation: Mutex<u64>,
        taken: Mutex<Vec<(String, Arc<Receipt>)>>,
    }

    impl Line {
        fn taken(&self) -> Vec<String> {
            self.taken.lock().unwrap().iter().map(|(id, _)| id.clone()).collect()
        }

        fn acknowledge(&self) {
            self.taken.lock().unwrap().drain(..).for_each(|(_, receipt)| receipt.acknowledge());
        }
    }

    impl Carrier for Line {
        fn send(&self, parcel: &Parcel, from: usize, receipt: &Arc<Receipt>) -> Handed {
            let Parcel::Events(_, events) = parcel else { return Handed::Over };
            for (n, event) in events.iter().enumerate().skip(from) {
                let mut room = self.room.lock().unwrap();
                let Some(left) = room.checked_sub(1) else { return Handed::UpTo(n) };
                *room = left;
                self.taken.lock().unwrap().push((event.id.clone(), receipt.clone()));
            }
            Handed::Over
        }

        fn generation(&self) -> u64 {
            *self.generation.lock().unwrap()
        }

        fn revive(&self) -> anyhow::Result<()> {
            Ok(())
        }
    }

    /// An outbox row with these events.
    fn row<const N: usize>(id: i64, events: [&str; N]) -> Parcel {
        let event = |id: &str| EventOut {
            id: id.to_owned(),
            kind: "inventory.reserved.v1",
            subject: String::new(),
            time: "".into(),
            data: String::new(),
        };
        Parcel::Events(id, events.into_iter().map(event).collect())
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
        let line = Arc::new(Line { room: Mutex::new(3), ..Line::default() });
        let (mut lane, now) = (lane(&line), Instant::now());
        lane.publish(row(1, ["a", "b"]));
        lane.publish(row(2, ["c", "d", "e"]));
        lane.publish(row(3, ["f"]));
        assert_eq!(line.taken(), ["a", "b", "c"]);
        line.acknowledge();
        assert_eq!(retired(&mut lane, now), [1]);
        *line.room.lock().unwrap() = 1;
        let mut later = now + Duration::from_secs(9);
        assert!(retired(&mut lane, later).is_empty());
        *line.room.lock().unwrap() = 9;
        later += Duration::from_secs(9);
        assert!(retired(&mut lane, later).is_empty());
        assert_eq!(line.taken(), ["d", "e", "f"]);
        line.acknowledge();
        assert_eq!(retired(&mut lane, later), [2, 3]);
    }

    #[test]
    fn what_was_sent_in_part_and_failed_is_sent_again_as_a_whole() {
        let line = Arc::new(Line { room: Mutex::new(1), ..Line::default() });
        let (mut lane, now) = (lane(&line), Instant::now());
        lane.publish(row(1, ["a", "b"]));
        line.taken.lock().unwrap().drain(..).for_each(|(_, receipt)| receipt.fail());
        *line.room.lock().unwrap() = 9;
        assert!(retired(&mut lane, now).is_empty());
        assert!(retired(&mut lane, now + Duration::from_secs(9)).is_empty());
        assert_eq!(line.taken(), ["a", "b"]);
    }

    #[test]
    fn behind_a_client_that_was_replaced_nothing_overtakes() {
        let line = Arc::new(Line { room: Mutex::new(9), ..Line::default() });
        let (mut lane, now) = (lane(&line), Instant::now());
        lane.publish(row(1, ["a"]));
        line.taken.lock().unwrap().clear();
        *line.generation.lock().unwrap() = 1;
        lane.publish(row(2, ["b"]));
        assert!(line.taken().is_empty());
        assert!(retired(&mut lane, now).is_empty());
        assert!(retired(&mut lane, now + Duration::from_secs(9)).is_empty());
        assert_eq!(line.taken(), ["a", "b"]);
    }
}
