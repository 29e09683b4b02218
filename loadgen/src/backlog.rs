//! Slots that are due and wait for a free connection: the open end of the open
//! loop. It is bounded; what does not fit is dropped and counted.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::schedule::Slot;

/// Whether a slot found a connection free when it was due. One that did not
/// waits for the target, not for the generator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// A connection was free: any delay is the generator's own.
    None,
    /// All connections were busy.
    Queued,
}

/// A slot that may be sent now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    /// Which.
    pub slot: Slot,
    /// Whether it had to queue.
    pub wait: Wait,
    /// When the scheduler let it go, in nanoseconds since the start.
    pub released_ns: u64,
}

/// Due slots of one thread.
#[derive(Debug)]
pub struct Backlog {
    state: Mutex<State>,
    arrived: Notify,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    due: VecDeque<Due>,
    idle: usize,
    closed: bool,
}

impl Backlog {
    /// An empty backlog that holds at most `limit` slots.
    pub fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), arrived: Notify::new(), limit }
    }

    /// Adds a slot that is due; `None` when there is no room.
    pub fn release(&self, slot: Slot, released_ns: u64) -> Option<Wait> {
        let mut state = self.state();
        // What a free connection is about to take does not queue.
        if state.due.len() >= self.limit.saturating_add(state.idle) {
            return None;
        }
        let wait = if state.idle > state.due.len() { Wait::None } else { Wait::Queued };
        state.due.push_back(Due { slot, wait, released_ns });
        drop(state);
        self.arrived.notify_one();
        Some(wait)
    }

    /// The oldest due slot, waiting for one; `None` once closed and empty.
    pub async fn next(&self) -> Option<Due> {
        loop {
            {
                let mut state = self.state();
                if let Some(due) = state.due.pop_front() {
                    return Some(due);
                }
                if state.closed {
                    return None;
                }
                state.idle += 1;
            }
            self.arrived.notified().await;
            self.state().idle -= 1;
        }
    }

    /// No more slots will come.
    pub fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_waiters();
    }

    /// Removes all slots and says how many there were.
    pub fn discard(&self) -> u64 {
        let mut state = self.state();
        let count = state.due.len() as u64;
        state.due.clear();
        count
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The queue is whole even when a holder panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinHandle;

    use super::*;

    fn slot(n: u64) -> Slot {
        Slot { n, intended_ns: n }
    }

    /// A connection that waits for a slot.
    async fn free_connection(backlog: &Arc<Backlog>) -> JoinHandle<Option<Due>> {
        let taker = backlog.clone();
        let connection = tokio::spawn(async move { taker.next().await });
        while backlog.state().idle == 0 {
            tokio::task::yield_now().await;
        }
        connection
    }

    #[tokio::test]
    async fn slots_leave_in_order_and_the_end_is_seen() {
        let backlog = Backlog::new(10);
        assert_eq!(backlog.release(slot(0), 0), Some(Wait::Queued));
        backlog.release(slot(1), 0);
        backlog.close();
        assert_eq!(backlog.next().await.map(|due| due.slot.n), Some(0));
        assert_eq!(backlog.next().await.map(|due| due.slot.n), Some(1));
        assert_eq!(backlog.next().await, None);
    }

    #[tokio::test]
    async fn a_full_backlog_takes_no_more() {
        let backlog = Backlog::new(2);
        backlog.release(slot(0), 0);
        backlog.release(slot(1), 0);
        assert_eq!(backlog.release(slot(2), 0), None);
        assert_eq!(backlog.discard(), 2);
    }

    #[tokio::test]
    async fn a_free_connection_is_no_room_of_the_backlog() {
        let backlog = Arc::new(Backlog::new(0));
        let connection = free_connection(&backlog).await;
        assert_eq!(backlog.release(slot(0), 0), Some(Wait::None));
        assert_eq!(backlog.release(slot(1), 0), None);
        assert_eq!(connection.await.unwrap().map(|due| due.slot.n), Some(0));
    }

    #[tokio::test]
    async fn a_slot_queues_only_when_no_connection_is_free() {
        let backlog = Arc::new(Backlog::new(10));
        let connection = free_connection(&backlog).await;
        assert_eq!(backlog.release(slot(0), 0), Some(Wait::None));
        assert_eq!(backlog.release(slot(1), 0), Some(Wait::Queued));
        assert_eq!(connection.await.unwrap().map(|due| due.slot.n), Some(0));
    }
}
