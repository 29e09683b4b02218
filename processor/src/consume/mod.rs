//! Reading Kafka: one consumer on one thread that never blocks on anything but
//! Kafka itself, and claims in PostgreSQL for every partition it is assigned.

mod assignment;
mod claims;
mod copy;
mod doubts;
mod lag;
mod poll_loop;
pub mod probe;
mod stash;
mod watchdog;

pub use claims::Claims;
pub use poll_loop::{PollConfig, PollLoop};
