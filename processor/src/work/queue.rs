//! The queue from the poll loop to one worker: bounded in records and in bytes,
//! because a record may have a megabyte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::Notify;

use crate::lane::{Claim, LaneId, Record};

/// What the poll loop asks of a worker.
#[derive(Debug)]
pub enum Task {
    /// The lane is ours from here on: take up what its last owner left.
    Claimed(Claim),
    /// The lane is not ours any more.
    Revoked(LaneId),
    /// A record of a claimed lane.
    Record(Record),
}

/// The task comes back: there is no room for it.
#[derive(Debug)]
pub struct QueueFull(pub Task);

/// The poll loop's end.
pub struct WorkQueue {
    sender: Sender<Task>,
    shared: Arc<Shared>,
    bytes_max: usize,
}

/// The worker's end.
pub(super) struct Inbox {
    receiver: Receiver<Task>,
    shared: Arc<Shared>,
}

struct Shared {
    bytes: AtomicUsize,
    wake: Arc<Notify>,
}

/// A queue of so many tasks and bytes of records. `wake` is told when the poll
/// loop has put something in.
pub fn queue(tasks_max: usize, bytes_max: usize, wake: Arc<Notify>) -> (WorkQueue, InboxHandle) {
    let (sender, receiver) = bounded(tasks_max);
    let shared = Arc::new(Shared { bytes: AtomicUsize::new(0), wake });
    (
        WorkQueue { sender, shared: shared.clone(), bytes_max },
        InboxHandle(Inbox { receiver, shared }),
    )
}

/// The worker's end before the worker has it.
pub struct InboxHandle(pub(super) Inbox);

impl WorkQueue {
    /// Puts a task in, or gives it back.
    ///
    /// # Errors
    /// [`QueueFull`] when there is no room, or the worker is gone.
    pub fn try_put(&self, task: Task) -> Result<(), QueueFull> {
        let size = size(&task);
        if size > 0 && self.shared.bytes.load(Ordering::Relaxed) >= self.bytes_max {
            return Err(QueueFull(task));
        }
        match self.sender.try_send(task) {
            Ok(()) => {
                self.shared.bytes.fetch_add(size, Ordering::Relaxed);
                Ok(())
            }
            Err(TrySendError::Full(task) | TrySendError::Disconnected(task)) => {
                Err(QueueFull(task))
            }
        }
    }

    /// Wakes the worker; once after a run of tasks, not once a task.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }
}

impl Inbox {
    pub(super) fn take(&self) -> Option<Task> {
        let task = self.receiver.try_recv().ok()?;
        self.shared.bytes.fetch_sub(size(&task), Ordering::Relaxed);
        Some(task)
    }

    pub(super) fn len(&self) -> usize {
        self.receiver.len()
    }
}

fn size(task: &Task) -> usize {
    match task {
        Task::Record(record) => record.size(),
        Task::Claimed(_) | Task::Revoked(_) => 0,
    }
}
