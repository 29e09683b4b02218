//! The way of events: a process hands parcels to its line, the broker takes
//! records from the line in order, and acknowledges them or not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use processor::lane::LaneId;
use processor::publish::{Carrier, Handed, Parcel, Receipt};

use super::mutation::Mutation;

/// Records that librdkafka takes before it has no room.
const ROOM: usize = 12;

/// A record on its way.
#[derive(Clone, Debug)]
pub(crate) enum Sent {
    /// `ce_id`, `ce_subject` and data of an event.
    Event(String, String, String),
    Dead(LaneId, i64),
}

/// What a process has handed to librdkafka.
#[derive(Debug, Default)]
pub(crate) struct Line {
    queue: Mutex<Queue>,
    mutation: Mutation,
}

#[derive(Debug, Default)]
struct Queue {
    sent: VecDeque<(Sent, Arc<Receipt>)>,
    /// Delivered, the acknowledgement still under way.
    delivered: Vec<Arc<Receipt>>,
    /// Clients that died.
    generation: u64,
}

impl Line {
    pub(crate) fn new(mutation: Mutation) -> Arc<Self> {
        Arc::new(Self { queue: Mutex::default(), mutation })
    }

    /// The broker takes the next record; whether it says so is its affair.
    pub(crate) fn deliver(&self, acknowledge: bool) -> Option<Sent> {
        let mut queue = self.queue.lock().unwrap();
        let (sent, receipt) = queue.sent.pop_front()?;
        if self.mutation == Mutation::RetiredBeforeAcknowledged {
            return Some(sent);
        }
        if acknowledge {
            queue.delivered.drain(..).for_each(|earlier| earlier.acknowledge());
            receipt.acknowledge();
        } else {
            queue.delivered.push(receipt);
        }
        Some(sent)
    }

    /// Whether everything was delivered and acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        let queue = self.queue.lock().unwrap();
        queue.sent.is_empty() && queue.delivered.is_empty()
    }

    /// The client dies and another one takes its place: what is not sent is lost.
    /// Every second one tells what failed; of the others the generation tells.
    pub(crate) fn fail(&self) {
        let mut queue = self.queue.lock().unwrap();
        queue.generation += 1;
        let lost = queue.sent.drain(..).map(|(_, receipt)| receipt).collect::<Vec<_>>();
        let lost = lost.into_iter().chain(std::mem::take(&mut queue.delivered));
        if queue.generation.is_multiple_of(2) {
            lost.for_each(|receipt| receipt.fail());
        }
    }

    /// Late acknowledgements arrive.
    pub(crate) fn acknowledge(&self) -> bool {
        let delivered = std::mem::take(&mut self.queue.lock().unwrap().delivered);
        delivered.iter().for_each(|receipt| receipt.acknowledge());
        !delivered.is_empty()
    }
}

impl Carrier for Line {
    fn send(&self, parcel: &Parcel, from: usize, receipt: &Arc<Receipt>) -> Handed {
        let mut queue = self.queue.lock().unwrap();
        if queue.generation != receipt.generation() {
            receipt.fail();
            return Handed::Over;
        }
        let records: Vec<Sent> = match parcel {
            Parcel::Events(_, events) => {
                let sent = |event: &processor::decide::EventOut| {
                    Sent::Event(event.id.clone(), event.subject.clone(), event.data.clone())
                };
                events.iter().map(sent).collect()
            }
            Parcel::Dead(letters) => {
                letters.iter().map(|(record, ..)| Sent::Dead(record.lane, record.offset)).collect()
            }
        };
        for (n, record) in records.into_iter().enumerate().skip(from) {
            if queue.sent.len() >= ROOM {
                return Handed::UpTo(n);
            }
            if self.mutation == Mutation::RetiredBeforeAcknowledged {
                receipt.acknowledge();
            }
            queue.sent.push_back((record, receipt.clone()));
        }
        Handed::Over
    }

    fn generation(&self) -> u64 {
        self.queue.lock().unwrap().generation
    }

    fn revive(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

/// `order-events` and `orders.dlq` as consumers see them.
#[derive(Debug, Default)]
pub(crate) struct Topic {
    /// Data by event id, the first time it was told.
    pub(crate) told: BTreeMap<String, String>,
    /// Event ids by subject, in the order in which they were first told.
    pub(crate) of: BTreeMap<String, Vec<String>>,
    pub(crate) dead: BTreeSet<(LaneId, i64)>,
}

impl Topic {
    /// Appends a record and judges it: the same id says the same, and steps are
    /// first told in their order.
    pub(crate) fn append(&mut self, sent: Sent) -> Result<(), String> {
        let (id, subject, data) = match sent {
            Sent::Event(id, subject, data) => (id, subject, data),
            Sent::Dead(lane, offset) => {
                self.dead.insert((lane, offset));
                return Ok(());
            }
        };
        if let Some(first) = self.told.get(&id) {
            let same = *first == data;
            return if same { Ok(()) } else { Err(format!("{id} is told with other data")) };
        }
        let earlier = self.of.entry(subject).or_default();
        if earlier.iter().any(|other| rank(other) >= rank(&id)) {
            return Err(format!("{id} is told after {earlier:?}"));
        }
        earlier.push(id.clone());
        self.told.insert(id, data);
        Ok(())
    }
}

fn rank(id: &str) -> u8 {
    match id.split_once('/').map(|(_, kind)| kind) {
        Some("inventory.reserved" | "inventory.failed") => 0,
        Some("payment.completed" | "payment.failed") => 1,
        _ => 2,
    }
}
