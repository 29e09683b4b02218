//! The words all processes share: ids, money, orders, events, topics and their
//! bytes on Kafka. No I/O, and no clock but in [`OrderId::mint`], which tests and tools
//! use: everything else is a pure function, so the gateway and the processor decide with
//! the same code what a valid order is.
//!
//! Versioning: an event type ends in `.v1`. Fields may be added to a version,
//! never removed or retyped; readers ignore fields they do not know. Anything
//! else is a new type, `.v2`.

mod body;
pub mod event;
pub mod header;
mod id;
pub mod inbound;
pub mod json;
mod money;
pub mod order;
mod pointer;
mod settlement;
mod status;
pub mod topic;
mod violation;

pub use body::{
    ADJUSTMENT_MAX, AdjustmentReason, CancelRequest, Shipment, StockAdjustment, TEXT_CHARS_MAX,
};
pub use id::{CustomerId, ID_CHARS_MAX, OrderId, Sku, event_id_for_key};
pub use money::{Amount, Currency, MINOR_MAX};
pub use order::{LINES_MAX, Line, Order, QUANTITY_MAX, Scratch};
pub use settlement::{DeclineReason, RejectReason};
pub use status::OrderStatus;
pub use violation::{Violation, Violations};
