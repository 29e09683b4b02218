//! The audit's own books, folded from the log, and the comparison of each
//! table and each outgoing topic with them. No I/O: rows and records come in as
//! values, findings go out.

pub mod by_id;
pub mod causes;
pub mod compact;
pub mod dead_letters;
pub mod events;
pub mod ledger;
pub mod lines;
pub mod metrics;
pub mod order;
pub mod orders;
pub mod payments;
pub mod processed;
pub mod progress;
pub mod receipts;
pub mod refused;
pub mod request;
pub mod requests;
pub mod rivals;
pub mod settled;
pub mod stock;
pub mod told;
pub mod totals;
