//! Why an order did not become a sale, as closed words.

use serde::{Deserialize, Serialize};

/// Why stock was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// Fewer pieces available than ordered.
    InsufficientStock,
    /// No such product was ever stocked.
    UnknownProduct,
}

impl RejectReason {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::InsufficientStock, Self::UnknownProduct];

    /// The word in JSON, SQL and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientStock => "insufficient_stock",
            Self::UnknownProduct => "unknown_product",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// Why the payment provider said no.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineReason {
    /// Not enough money.
    InsufficientFunds,
    /// The card is not valid any more.
    CardExpired,
    /// The provider suspects fraud.
    SuspectedFraud,
    /// Any other refusal.
    Declined,
}

impl DeclineReason {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::InsufficientFunds, Self::CardExpired, Self::SuspectedFraud, Self::Declined];

    /// The word in JSON, SQL and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "insufficient_funds",
            Self::CardExpired => "card_expired",
            Self::SuspectedFraud => "suspected_fraud",
            Self::Declined => "declined",
        }
    }

    /// Reads the word; any other one is [`Self::Declined`].
    pub fn parse(word: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word).unwrap_or(Self::Declined)
    }
}
