//! The life of an order as a closed set of words and the steps between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an order stands. `CREATED` is not among them: an accepted order is in
/// the log, and has a status once the processor decided it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Stock is set aside; the payment is under way.
    Reserved,
    /// Payment captured, stock sold.
    Paid,
    /// Handed over.
    Shipped,
    /// No stock; nothing was taken.
    Rejected,
    /// Payment declined; the stock went back.
    PaymentFailed,
    /// Cancelled; stock back, money refunded.
    Cancelled,
}

impl OrderStatus {
    /// All of them, in the order of the SQL enum.
    pub const ALL: [Self; 6] = [
        Self::Reserved,
        Self::Paid,
        Self::Shipped,
        Self::Rejected,
        Self::PaymentFailed,
        Self::Cancelled,
    ];

    /// The word in JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "RESERVED",
            Self::Paid => "PAID",
            Self::Shipped => "SHIPPED",
            Self::Rejected => "REJECTED",
            Self::PaymentFailed => "PAYMENT_FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether an order may go from here to there. The database holds the same
    /// table in a trigger.
    pub fn may_become(self, next: Self) -> bool {
        use OrderStatus::{Cancelled, Paid, PaymentFailed, Reserved, Shipped};
        matches!(
            (self, next),
            (Reserved, Paid | PaymentFailed | Cancelled) | (Paid, Shipped | Cancelled)
        )
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
