//! What every integration test starts from: a real Kafka and a real PostgreSQL,
//! started once for a whole `cargo test`, and in them a bed of its own for each
//! test: a migrated database and empty topics.
//!
//! ```no_run
//! # #[tokio::main] async fn main() {
//! let bed = testkit::bed("apply").await;
//! bed.produce(&bed.topics.orders, Some(b"key"), Some(b"{}"), &[("name", b"value")]).await;
//! assert_eq!(bed.read_all(&bed.topics.orders).await.len(), 1);
//! # }
//! ```
//!
//! For tests only: everything here panics with a clear message where a
//! program would return an error.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test reports by panicking, and this crate is for tests only"
)]

mod bed;
mod database;
mod forgetful;
mod janitor;
mod open_files;
mod provider;
mod records;
mod servers;
mod startup;
mod vanishing;
mod wait;

pub use bed::{Bed, Builder, Topics, bed};
pub use forgetful::{ForgetfulBroker, Memory};
pub use open_files::until_open_files_are_raised;
pub use provider::PaymentProvider;
pub use records::OwnedRecord;
pub use startup::Alone;
pub use vanishing::Way;
pub use wait::{wait_until, wait_until_named};
