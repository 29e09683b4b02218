//! The gateway: HTTP in, Kafka out, and a read side of its own.
//!
//! # The path of an order
//!
//! 1. [`server`] accepts a connection once one of the bounded permits is free
//!    and deals it to the worker with the fewest connections. A [`worker`] is a
//!    thread with a single-threaded runtime: a request never changes threads.
//! 2. [`routes`] reads method and path and hands `POST /orders` to
//!    [`place_order`], the other writes to [`requests`], reads to [`reads`].
//! 3. [`head`] refuses what needs no body to be refused. [`body`] collects at most
//!    64 KiB within a deadline. `contract::Order`
//!    decides with the processor's own code what a valid order is; every fault
//!    becomes one entry of an RFC 9457 [`problem`].
//! 4. [`publisher`] gives the untouched body bytes to librdkafka, keyed by order
//!    id, and takes a ticket for the answer. When nothing can be taken now (no
//!    broker, full queue, too many in flight) the client is told at once.
//! 5. The broker's acknowledgement comes back through the worker's
//!    [`publisher::acks`] and becomes a 202 in [`reply`], with the record's
//!    partition and offset in its headers.
//!
//! # What a 202 promises
//!
//! The record is in the log at that partition and offset, acknowledged by all
//! in-sync replicas. With a single broker that is its page cache. A 503 that
//! says "outcome unknown" promises nothing: the order may be in the log, and a
//! retry with the same `Idempotency-Key` makes it one order in either case. Its
//! answer names the same order; `createdAt` is the time of that answer's record.
//!
//! Writes never touch PostgreSQL. Reads run on another thread with a small pool
//! of their own, so that neither their number nor their slowness reaches a write.

pub mod body;
pub mod config;
pub mod gateway;
pub mod head;
pub mod idempotency;
pub mod metrics;
pub mod place_order;
pub mod problem;
pub mod publisher;
pub mod query;
pub mod reads;
pub mod reply;
pub mod requests;
pub mod routes;
pub mod server;
pub mod socket;
pub mod worker;

pub use config::Config;
pub use gateway::{Sockets, run};
