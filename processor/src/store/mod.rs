//! One worker's hold on PostgreSQL: a connection of its own, and the one
//! transaction in which a batch has its effects.

mod apply;
mod batch;
mod columns;
mod connection;
mod dead_letters;
mod dedupe;
mod fence;
mod metrics;
mod orders;
mod outbox;
mod payments;
mod pending;
mod recover;
mod refusals;
mod reserved;
pub mod sqlstate;
mod stock;
pub mod view;

pub use apply::{Applied, ApplyError, apply};
pub use batch::{Advance, Batch, BodyHash, DeadLetter, Retired};
pub use connection::{ANSWER_MAX, Database, answered, committed_seq};
pub(crate) use dead_letters::{OwnedHeader, headers_from_json};
pub use outbox::{decode, encode};
pub use pending::{Pending, pending};
pub use recover::{Recovered, recover};
pub use view::LastSeen;
