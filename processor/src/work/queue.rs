//! The queue from the poll loop to one worker: records, bounded in number and in bytes,
//! because a record may have a megabyte, and beside them claims, which no record may hold
//! up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::Notify;

use crate::lane::{Claim, Record};

/// More than a worker has lanes; what finds no room waits with the poll loop.
const CLAIMS_MAX: usize = 1024;

/// What the poll loop has for a worker.
#[derive(Debug)]
pub enum Task {
    /// A lane is ours from here on: take up what its last owner left.
    Claimed(Claim),
    /// A record of a claimed lane.
    Record(Read),
}

/// A record, and under which claim it was read, which was sent before it.
#[derive(Debug)]
pub struct Read {
    /// The claim's epoch.
    pub epoch: i64,
    /// The record.
    pub record: Record,
}

/// The task comes back: there is no room for it.
#[derive(Debug)]
pub struct QueueFull(pub Task);

/// The poll loop's end.
pub struct WorkQueue {
    claims: Sender<Claim>,
    records: Sender<Read>,
    shared: Arc<Shared>,
    bytes_max: usize,
}

/// The worker's end.
pub(super) struct Inbox {
    claims: Receiver<Claim>,
    records: Receiver<Read>,
    shared: Arc<Shared>,
}

struct Shared {
    bytes: AtomicUsize,
    wake: Arc<Notify>,
}

/// A queue of so many records and bytes of them. `wake` is told when the poll
/// loop has put something in.
pub fn queue(records_max: usize, bytes_max: usize, wake: Arc<Notify>) -> (WorkQueue, InboxHandle) {
    let (claim, claims) = bounded(CLAIMS_MAX);
    let (read, records) = bounded(records_max);
    let shared = Arc::new(Shared { bytes: AtomicUsize::new(0), wake });
    (
        WorkQueue { claims: claim, records: read, shared: shared.clone(), bytes_max },
        InboxHandle(Inbox { claims, records, shared }),
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
        match task {
            Task::Claimed(claim) => self
                .claims
                .try_send(claim)
                .map_err(|error| QueueFull(Task::Claimed(error.into_inner()))),
            Task::Record(read) => self.try_put_record(read),
        }
    }

    fn try_put_record(&self, read: Read) -> Result<(), QueueFull> {
        let size = read.record.size();
        if self.shared.bytes.load(Ordering::Relaxed) >= self.bytes_max {
            return Err(QueueFull(Task::Record(read)));
        }
        self.records.try_send(read).map_err(|error| QueueFull(Task::Record(error.into_inner())))?;
        self.shared.bytes.fetch_add(size, Ordering::Relaxed);
        Ok(())
    }

    /// Wakes the worker; once after a run of tasks, not once a task.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }
}

impl Inbox {
    pub(super) fn take_claim(&self) -> Option<Claim> {
        self.claims.try_recv().ok()
    }

    pub(super) fn take_record(&self) -> Option<Read> {
        let read = self.records.try_recv().ok()?;
        self.shared.bytes.fetch_sub(read.record.size(), Ordering::Relaxed);
        Some(read)
    }

    /// Records that wait.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }
}
