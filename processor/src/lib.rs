//! From the log to the books.
//!
//! 1. [`consume`]: one thread polls Kafka and claims each partition it is
//!    assigned in `partition_progress`; PostgreSQL, not Kafka, knows how far we
//!    are.
//! 2. [`work`]: each partition belongs to one worker. It takes what has queued,
//!    up to a batch, and decodes it.
//! 3. [`store`]: one transaction per batch — fence, dedupe, decide, write,
//!    stock last.
//! 4. [`decide`]: the decision in it, a pure function.
//! 5. [`payment`]: after the commit, outside any lock, each reserved order is
//!    charged; the answer rides in the worker's next commit.
//! 6. [`publish`]: after the commit, its events go to `order-events`; their
//!    outbox row goes once the broker has them all.
//!
//! A crash at any point loses nothing: whoever claims the partition next reads
//! on at `next_offset`, publishes what the outbox holds and charges the orders
//! that are still `RESERVED`, under the same idempotency keys.

pub mod config;
pub mod consume;
pub mod decide;
pub mod dlq;
pub mod lane;
pub mod metrics;
pub mod payment;
pub mod pipeline;
pub mod publish;
pub mod retention;
pub mod store;
pub mod work;
