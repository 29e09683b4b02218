//! Writes of one worker that wait for the broker's word.
//!
//! Acknowledgements arrive by the hundred on another thread. Waking a task of
//! another runtime costs a system call, so they are put into an inbox and only
//! the first one of a burst wakes the worker; it then answers all of them
//! without leaving its thread. Deadlines are kept by one sweep instead of a
//! timer for each request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

/// How exact deadlines are: a write remembers a count of sweeps, not a time.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// Where a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
}

/// Why nobody knows whether a record is in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unconfirmed {
    /// No word within the time that a client waits.
    TooLate,
    /// The producer gave up; an earlier try may have reached the log.
    Failed,
}

/// What became of a record.
pub type Outcome = Result<Position, Unconfirmed>;

/// Says which waiting write a delivery report is about: worker, slot, and how
/// often the slot was used before, so that a late report finds nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    worker: u8,
    slot: u32,
    generation: u32,
}

const SLOT_BITS: u32 = 24;
const SLOTS_MAX: usize = 1 << SLOT_BITS;
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

/// The waiting writes of one worker.
pub struct Acks {
    worker: u8,
    table: Mutex<Table>,
    inbox: Mutex<Vec<(Ticket, Outcome)>>,
    arrived: Notify,
}

impl Acks {
    /// At most `capacity` writes of this worker wait, each for `timeout`.
    pub fn new(worker: u8, capacity: usize, timeout: Duration) -> Self {
        let sweeps = timeout.as_millis().div_ceil(SWEEP_INTERVAL.as_millis()).max(1);
        let table = Table {
            capacity: capacity.clamp(1, SLOTS_MAX),
            sweeps_max: u64::try_from(sweeps).unwrap_or(u64::MAX),
            ..Table::default()
        };
        let table = Mutex::new(table);
        Self { worker, table, inbox: Mutex::default(), arrived: Notify::new() }
    }

    /// A ticket for one more write, unless too many wait.
    pub(super) fn open(&self) -> Option<(Ticket, oneshot::Receiver<Outcome>)> {
        let (sender, receiver) = oneshot::channel();
        let (slot, generation) = locked(&self.table).insert(sender)?;
        Some((Ticket { worker: self.worker, slot, generation }, receiver))
    }

    /// Whether one more may wait.
    pub(super) fn has_room(&self) -> bool {
        let table = locked(&self.table);
        table.used < table.capacity
    }

    /// Takes a ticket back that was never sent.
    pub(super) fn withdraw(&self, ticket: Ticket) {
        locked(&self.table).remove(ticket);
    }

    /// Reports what became of a record; for the producer's polling thread.
    pub(super) fn deliver(&self, ticket: Ticket, outcome: Outcome) {
        let mut inbox = locked(&self.inbox);
        let first = inbox.is_empty();
        inbox.push((ticket, outcome));
        drop(inbox);
        if first {
            self.arrived.notify_one();
        }
    }

    /// Writes that wait.
    pub fn in_flight(&self) -> usize {
        locked(&self.table).used
    }

    /// Hands reports to those who wait; the worker runs it as long as it lives.
    pub async fn dispatch(&self) {
        let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
        let mut reports = Vec::new();
        loop {
            tokio::select! {
                () = self.arrived.notified() => {
                    std::mem::swap(&mut *locked(&self.inbox), &mut reports);
                    locked(&self.table).settle(reports.drain(..));
                }
                _ = sweep.tick() => locked(&self.table).sweep(),
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here panics half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    capacity: usize,
    used: usize,
    sweeps: u64,
    sweeps_max: u64,
}

impl Table {
    fn insert(&mut self, sender: oneshot::Sender<Outcome>) -> Option<(u32, u32)> {
        if self.used == self.capacity {
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

    fn remove(&mut self, ticket: Ticket) -> Option<Waiting> {
        let slot = self.slots.get_mut(ticket.slot as usize)?;
        if slot.generation != ticket.generation {
            return None;
        }
        let waiting = slot.waiting.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(ticket.slot);
        self.used -= 1;
        Some(waiting)
    }

    fn settle(&mut self, reports: impl Iterator<Item = (Ticket, Outcome)>) {
        for (ticket, outcome) in reports {
            if let Some(waiting) = self.remove(ticket) {
                // Whoever waited may have hung up; the record stays where it is.
                let _hung_up = waiting.sender.send(outcome);
            }
        }
    }

    /// Tells those who have waited too long.
    fn sweep(&mut self) {
        self.sweeps += 1;
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            let waited = slot.waiting.as_ref().map(|waiting| self.sweeps - waiting.since);
            // The first of its sweeps came too early to count.
            if waited.is_some_and(|sweeps| sweeps > self.sweeps_max) {
                let ticket = Ticket { worker: 0, slot: index as u32, generation: slot.generation };
                self.settle(std::iter::once((ticket, Err(Unconfirmed::TooLate))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Outcome = Ok(Position { partition: 1, offset: 2 });

    fn acks(capacity: usize) -> Acks {
        Acks::new(5, capacity, Duration::from_secs(10))
    }

    fn settle(acks: &Acks, ticket: Ticket, outcome: Outcome) {
        locked(&acks.table).settle(std::iter::once((ticket, outcome)));
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
        let acks = acks(1);
        let (ticket, mut receiver) = acks.open().unwrap();
        assert!(acks.open().is_none());
        settle(&acks, ticket, HERE);
        assert_eq!(receiver.try_recv(), Ok(HERE));
        assert!(acks.open().is_some());
        assert_eq!(acks.in_flight(), 1);
    }

    #[test]
    fn a_late_report_does_not_answer_the_next_user_of_its_slot() {
        let acks = acks(1);
        let (old, _) = acks.open().unwrap();
        acks.withdraw(old);
        let (new, mut receiver) = acks.open().unwrap();
        assert_eq!(old.slot, new.slot);
        settle(&acks, old, HERE);
        assert!(receiver.try_recv().is_err());
        settle(&acks, new, Err(Unconfirmed::Failed));
        assert_eq!(receiver.try_recv(), Ok(Err(Unconfirmed::Failed)));
    }

    #[test]
    fn who_waits_too_long_is_told() {
        let acks = Acks::new(5, 4, Duration::from_millis(250));
        let (_, mut old) = acks.open().unwrap();
        for _ in 0..3 {
            locked(&acks.table).sweep();
        }
        let (_, mut young) = acks.open().unwrap();
        assert!(old.try_recv().is_err());
        locked(&acks.table).sweep();
        assert_eq!(old.try_recv(), Ok(Err(Unconfirmed::TooLate)));
        assert!(young.try_recv().is_err());
        assert_eq!(acks.in_flight(), 1);
    }

    #[tokio::test]
    async fn reports_from_another_thread_reach_those_who_wait() {
        let acks = std::sync::Arc::new(acks(1000));
        let open: Vec<_> = (0..1000).map(|_| acks.open().unwrap()).collect();
        let (tickets, receivers): (Vec<_>, Vec<_>) = open.into_iter().unzip();
        let reporter = std::sync::Arc::clone(&acks);
        let thread = std::thread::spawn(move || {
            for ticket in tickets {
                reporter.deliver(ticket, HERE);
            }
        });
        let all = async {
            for receiver in receivers {
                assert_eq!(receiver.await, Ok(HERE));
            }
        };
        tokio::select! {
            () = all => {}
            () = acks.dispatch() => {}
            () = tokio::time::sleep(Duration::from_secs(10)) => panic!("reports got lost"),
        }
        thread.join().unwrap();
    }
}
