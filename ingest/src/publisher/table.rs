//! The table behind [`super::acks`]: who waits, found by ticket.

use std::iter;

use tokio::sync::oneshot;

use super::acks::{Outcome, Unconfirmed};

/// Says which waiting write a delivery report is about: worker, slot, and how
/// often the slot was used before, so that a late report finds nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    pub(super) worker: u8,
    pub(super) slot: u32,
    pub(super) generation: u32,
}

const SLOT_BITS: u32 = 24;
/// No table is larger.
pub(super) const SLOTS_MAX: usize = 1 << SLOT_BITS;
// A ticket travels as a pointer-sized number.
const _: () = assert!(usize::BITS == 64);

impl From<Ticket> for usize {
    fn from(ticket: Ticket) -> usize {
        (usize::from(ticket.worker) << (SLOT_BITS + 32))
            | ((ticket.slot as usize) << 32)
            | ticket.generation as usize
    }
}

impl From<usize> for Ticket {
    fn from(number: usize) -> Self {
        Self {
            worker: (number >> (SLOT_BITS + 32)) as u8,
            slot: (number >> 32) as u32 & (SLOTS_MAX as u32 - 1),
            generation: number as u32,
        }
    }
}

impl Ticket {
    /// Which worker waits.
    pub fn worker(self) -> usize {
        usize::from(self.worker)
    }
}

struct Waiting {
    /// The sweep before it came.
    since: u64,
    sender: oneshot::Sender<Outcome>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    waiting: Option<Waiting>,
}

/// Slots that are reused, newest first, so that few of them stay warm.
#[derive(Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    capacity: usize,
    used: usize,
    sweeps: u64,
    sweeps_max: u64,
}

impl Table {
    /// At most `capacity` wait, each for `sweeps_max` sweeps.
    pub(super) fn new(capacity: usize, sweeps_max: u64) -> Self {
        Self { capacity: capacity.clamp(1, SLOTS_MAX), sweeps_max, ..Self::default() }
    }

    /// How many wait.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Whether one more may.
    pub(super) fn has_room(&self) -> bool {
        self.used < self.capacity
    }

    pub(super) fn insert(&mut self, sender: oneshot::Sender<Outcome>) -> Option<(u32, u32)> {
        if !self.has_room() {
            return None;
        }
        self.used += 1;
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.waiting = Some(Waiting { since: self.sweeps, sender });
        Some((index, slot.generation))
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<oneshot::Sender<Outcome>> {
        let slot = self.slots.get_mut(ticket.slot as usize)?;
        if slot.generation != ticket.generation {
            return None;
        }
        let waiting = slot.waiting.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(ticket.slot);
        self.used -= 1;
        Some(waiting.sender)
    }

    pub(super) fn settle(&mut self, reports: impl Iterator<Item = (Ticket, Outcome)>) {
        for (ticket, outcome) in reports {
            if let Some(sender) = self.remove(ticket) {
                // Whoever waited may have hung up; the record stays where it is.
                let _hung_up = sender.send(outcome);
            }
        }
    }

    /// Tells those who have waited too long.
    pub(super) fn sweep(&mut self) {
        self.sweeps += 1;
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            let waited = slot.waiting.as_ref().map(|waiting| self.sweeps - waiting.since);
            // The first of its sweeps came too early to count.
            if waited.is_some_and(|sweeps| sweeps > self.sweeps_max) {
                let ticket = Ticket { worker: 0, slot: index as u32, generation: slot.generation };
                self.settle(iter::once((ticket, Err(Unconfirmed::TooLate))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publisher::Position;

    const HERE: Outcome = Ok(Position { partition: 1, offset: 2 });

    fn open(table: &mut Table) -> Option<(Ticket, oneshot::Receiver<Outcome>)> {
        let (sender, receiver) = oneshot::channel();
        let (slot, generation) = table.insert(sender)?;
        Some((Ticket { worker: 5, slot, generation }, receiver))
    }

    fn settle(table: &mut Table, ticket: Ticket, outcome: Outcome) {
        table.settle(iter::once((ticket, outcome)));
    }

    #[test]
    fn a_ticket_survives_its_trip_as_a_number() {
        for (worker, slot, generation) in [(0, 0, 0), (7, 9, 11), (255, 0x00ff_ffff, u32::MAX)] {
            let ticket = Ticket { worker, slot, generation };
            assert_eq!(Ticket::from(usize::from(ticket)), ticket);
        }
    }

    #[test]
    fn a_full_table_takes_no_more_until_one_is_answered() {
        let mut table = Table::new(1, 1);
        let (ticket, mut receiver) = open(&mut table).unwrap();
        assert!(open(&mut table).is_none());
        settle(&mut table, ticket, HERE);
        assert_eq!(receiver.try_recv(), Ok(HERE));
        assert!(open(&mut table).is_some());
        assert_eq!(table.used(), 1);
    }

    #[test]
    fn a_late_report_does_not_answer_the_next_user_of_its_slot() {
        let mut table = Table::new(1, 1);
        let (old, _) = open(&mut table).unwrap();
        assert!(table.remove(old).is_some());
        let (new, mut receiver) = open(&mut table).unwrap();
        assert_eq!(old.slot, new.slot);
        settle(&mut table, old, HERE);
        assert!(receiver.try_recv().is_err());
        settle(&mut table, new, Err(Unconfirmed::Failed));
        assert_eq!(receiver.try_recv(), Ok(Err(Unconfirmed::Failed)));
    }

    #[test]
    fn who_waits_too_long_is_told() {
        let mut table = Table::new(4, 3);
        let (_, mut old) = open(&mut table).unwrap();
        for _ in 0..3 {
            table.sweep();
        }
        let (_, mut young) = open(&mut table).unwrap();
        assert!(old.try_recv().is_err());
        table.sweep();
        assert_eq!(old.try_recv(), Ok(Err(Unconfirmed::TooLate)));
        assert!(young.try_recv().is_err());
        assert_eq!(table.used(), 1);
    }
}
