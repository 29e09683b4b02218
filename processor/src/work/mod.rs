//! Workers: each owns some lanes, one thread, one connection and one
//! transaction at a time.

mod dead_letter_limit;
mod desk;
mod intake;
mod queue;
pub mod read;
pub mod unsettled;
mod worker;

pub use desk::{Desk, OwnedLane};
pub use queue::{InboxHandle, QueueFull, Read, Task, WorkQueue, queue};
pub use worker::{Worker, WorkerConfig, WorkerParts};
