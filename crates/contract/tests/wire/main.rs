//! What stands in Kafka: golden records, their schemas, and the promise that old
//! and new programs read each other.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod compatibility;
mod files;
mod goldens;
mod limits;
