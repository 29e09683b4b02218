//! Tells what became of orders: reads `order-events`, writes to sinks.
//!
//! # The way of a notification
//!
//! One [`lane`] per sink, each with its own thread, Kafka consumer and group
//! (`notifier.<sink>`). Lanes share nothing, so a sink that is down delays only
//! itself: its lane stops reading, the log keeps what it has not read, and
//! nobody upstream notices. A lane turns in one circle:
//!
//! 1. **gather** what is there, up to a chunk (never longer than 100 ms);
//!    records nobody can read are counted and skipped, duplicates dropped;
//! 2. **commit** the progress behind the chunk;
//! 3. **tell** the sink, again and again with backoff until it took everything,
//!    polling the paused consumer meanwhile so that the group stays whole.
//!
//! # At most once
//!
//! Upstream publishes at least once: after a crash the next owner of a partition
//! sends again what its outbox still holds. The event id is made of order and
//! type, so a second copy has the same id and lands in the same partition. Each
//! partition has a [`window`] of the ids last seen. It is kept nowhere: on
//! assignment the consumer starts that many records *before* its progress and
//! only notes their ids. The log is its own dedupe store.
//!
//! Because progress is committed *before* telling, a crash loses at most the
//! chunk in hand and never tells one twice: customers would rather miss one
//! "your order is paid" than get it again and again from a crash loop; the
//! truth is in `GET /orders/{id}`. An orderly stop, or handing a partition to
//! another instance, loses nothing: the progress of what the sink has not taken
//! is moved back. A commit whose answer is lost is asked again; when its partitions
//! left meanwhile, the progress is read back once the group has a new generation, which
//! takes no commit of the one before, and the mark that this lane's commits
//! carry says whether it took place. Three limits, stated: a copy that comes more
//! than a window behind its first occurrence is told again; a webhook that took an
//! event but did not answer in time gets it again, with the same `Idempotency-Key`;
//! and what such a commit reached is not told when another instance took the
//! partition over and has gone on from there: nobody can say any more who told it.

pub mod chunk;
pub mod config;
pub mod consumer;
pub mod lane;
pub mod metrics;
pub mod notification;
pub mod pipeline;
pub mod progress;
pub mod record;
pub mod sink;
pub mod window;
