//! What a batch of records and payment outcomes does to the books, as a pure
//! function: it reads a [`Books`] view, advances it in offset order, and returns
//! [`Effects`] for one transaction. Running it again on the same view gives the
//! same effects, so a transaction that failed is simply decided again.

mod books;
mod effects;
mod rollup;
mod step;
mod stock;

pub use books::{Books, OrderState, OrdersById, Pieces, pieces};
pub use effects::{
    Charge, Effects, EventOut, PaymentRow, Questions, Refund, Refusal, StatusChange, StockDelta,
};
pub use rollup::{Metric, Rollup};
pub use step::{Decided, NotSure, Outcome, decide};
pub use stock::{Certainty, Shelf, StockView};
