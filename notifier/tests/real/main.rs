//! The program against a real Kafka: what it tells, when, and how often.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod gone;
mod once;
mod program;
mod support;
mod webhook;
