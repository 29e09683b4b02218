//! An open-loop load generator for the order pipeline.
//!
//! The way of a request: [`schedule`] says when it shall be sent, [`orders`] what
//! it says, both as pure functions of seed and number. A [`lane`] (one thread)
//! releases it when it is due and sends it over a [`client`] connection; when all
//! are busy it waits in the [`backlog`], and that wait counts. The [`recorder`]
//! takes the latency from the intended instant, [`receipts`] what was
//! acknowledged; [`follow`] sees the order settle. [`watch`] gathers once a
//! second, [`summary`] makes the [`report`]. [`run()`] wires it, top to bottom.
//!
//! [`direct`] is the other way in: the same orders straight onto the topic.

pub mod answer;
pub mod args;
pub mod backlog;
pub mod books;
pub mod client;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod direct;
pub mod envelope;
pub mod error;
mod events;
pub mod follow;
pub mod hlog;
pub mod lane;
pub mod latency;
pub mod load;
pub mod order_mix;
pub mod orders;
pub mod popularity;
pub mod progress;
pub mod random;
pub mod receipts;
pub mod recorder;
pub mod report;
pub mod resources;
mod run;
pub mod schedule;
pub mod settlements;
pub mod slo;
pub mod stock;
pub mod summary;
mod table;
pub mod watch;

pub use config::{Config, Http, Mode};
pub use error::RunError;
pub use report::Report;
pub use run::run;
