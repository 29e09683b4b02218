//! The edges: Kafka, PostgreSQL and the receipts files. Everything is read as a
//! stream; what is read is judged elsewhere.

pub mod log;
pub mod receipts;
pub mod record;
pub mod rows;
mod silent;
pub mod snapshot;
pub mod tables;
pub mod tail;
pub mod window;
