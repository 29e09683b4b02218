//! Publishing: from memory right after the commit that wrote the outbox row;
//! the row is retired once the broker has acknowledged every event in it.
//!
//! A lane publishes in the order of its commits. When a delivery fails or the
//! producer dies, everything unacknowledged is sent again in that order: a
//! duplicate that consumers can tell by its id, never a loss. It is a reversal only when
//! the broker refuses one record for good and takes those behind it.

mod lane;
mod overdue;
mod producer;
mod receipt;
mod watch;

pub use lane::{Carrier, Handed, LanePublisher, Parcel};
pub use producer::Producer;
pub use receipt::Receipt;
pub use watch::watch;
