//! The edges all processes share: logs and metrics, the admin port, signals and
//! drain, Kafka client settings, backoff. Nothing here knows what an order is.

pub mod admin;
pub mod args;
pub mod backoff;
pub mod clock;
pub mod health;
pub mod kafka;
pub mod open_files;
pub mod quiet;
pub mod shutdown;
pub mod telemetry;
