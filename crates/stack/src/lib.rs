//! Starts Kafka and PostgreSQL for a demo, a test or a benchmark, and stops
//! what it started.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let options = stack::Options::named("demo");
//! let stack = stack::up(&options, &mut stack::Progress::stderr())?;
//! println!("{} {}", stack.brokers(), stack.database_url());
//! // The servers stop when `stack` is dropped, or when this process dies.
//! # Ok(()) }
//! ```
//!
//! Each server is looked for in this order: the address in `KAFKA_BROKERS` or
//! `DATABASE_URL`, unless [`env::exports`] put it there; Docker Compose, when an engine
//! answers; native processes.
//! Servers belong to a supervisor process ([`supervisor`]); callers hold
//! leases on it ([`lease`]). Topics and schema are brought up to date by the
//! caller itself, so that they are the caller's version.

pub mod build;
pub mod compose;
mod database;
pub mod env;
pub mod lease;
pub mod logs;
pub mod native;
pub mod options;
pub mod place;
pub mod program;
pub mod progress;
pub mod protocol;
pub mod running;
pub mod service;
mod socket;
pub mod state;
pub mod supervisor;
pub mod topics;
pub mod turn;
pub mod usage;

pub use options::{Data, Hold, Options, PartitionOverride, Ports, Schema, Server, Source, Topic};
pub use progress::Progress;
pub use protocol::{Signal, StandbyStep};
pub use running::{Stack, up};
