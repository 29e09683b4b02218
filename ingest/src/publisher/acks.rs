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

use super::table::{Table, Ticket};

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
        let table = Table::new(capacity, u64::try_from(sweeps).unwrap_or(u64::MAX));
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
        locked(&self.table).has_room()
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
        locked(&self.table).used()
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

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Outcome = Ok(Position { partition: 1, offset: 2 });

    #[tokio::test]
    async fn reports_from_another_thread_reach_those_who_wait() {
        let acks = std::sync::Arc::new(Acks::new(5, 1000, Duration::from_secs(10)));
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
