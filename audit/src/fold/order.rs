//! One order in about a hundred bytes: what its first record said, what its row
//! says, and what has been told about it.

use contract::OrderStatus;
use uuid::Uuid;

use super::by_id::Identified;
use super::told::Told;
use crate::place::{BodyHash, Place, Topic};
use crate::rules::money::Code;

/// An order.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its id.
    pub id: Uuid,
    /// Of its record's value.
    pub body: BodyHash,
    /// Where its record lies.
    pub partition: i32,
    /// Where its record lies.
    pub offset: i64,
    /// Microseconds since 1970.
    pub created_us: i64,
    /// When its record was written, by the log's clock.
    pub logged_s: u32,
    /// Minor units.
    pub total: i64,
    /// In which currency.
    pub currency: Code,
    /// Fingerprint of the customer's id.
    pub customer: u64,
    /// Fingerprint of the lines.
    pub lines: u64,
    /// Where its lines are kept.
    pub lines_at: u64,
    /// Its status, once a row was seen.
    pub status: Option<OrderStatus>,
    /// Why it is no sale, as a number of [`REASONS`].
    pub reason: Option<u8>,
    /// Fingerprint of what explains the status: reason or shipment.
    pub detail: u64,
    /// Its payment, once a row was seen.
    pub payment: Option<Payment>,
    /// Whether its event is in `processed_events`.
    pub processed: bool,
    /// What has been told.
    pub told: Told,
}

impl Identified for Order {
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Order {
    /// Where its record lies.
    pub fn place(&self) -> Place {
        Place { topic: Topic::Orders, partition: self.partition, offset: self.offset }
    }
}

/// The words of `payments.status`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payment {
    /// The money is there.
    Captured,
    /// The provider said no.
    Declined,
    /// It shall go back.
    RefundPending,
    /// It went back.
    Refunded,
}

impl Payment {
    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "CAPTURED" => Some(Self::Captured),
            "DECLINED" => Some(Self::Declined),
            "REFUND_PENDING" => Some(Self::RefundPending),
            "REFUNDED" => Some(Self::Refunded),
            _ => None,
        }
    }
}

/// The reasons for which an order is no sale.
pub const REASONS: [&str; 7] = [
    "insufficient_stock",
    "unknown_product",
    "requested",
    "insufficient_funds",
    "card_expired",
    "suspected_fraud",
    "declined",
];

/// The number of a reason that fits a status.
pub fn reason(status: OrderStatus, code: &str) -> Option<u8> {
    let fitting = match status {
        OrderStatus::Rejected => 0..2,
        OrderStatus::Cancelled => 2..3,
        OrderStatus::PaymentFailed => 3..7,
        OrderStatus::Reserved | OrderStatus::Paid | OrderStatus::Shipped => 0..0,
    };
    let number = REASONS.iter().position(|word| *word == code)?;
    fitting.contains(&number).then_some(u8::try_from(number).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_stays_small() {
        assert!(size_of::<Order>() <= 112, "{}", size_of::<Order>());
    }

    #[test]
    fn a_reason_fits_one_status() {
        assert_eq!(reason(OrderStatus::Rejected, "unknown_product"), Some(1));
        assert_eq!(reason(OrderStatus::Cancelled, "requested"), Some(2));
        assert_eq!(reason(OrderStatus::PaymentFailed, "declined"), Some(6));
        assert_eq!(reason(OrderStatus::PaymentFailed, "requested"), None);
        assert_eq!(reason(OrderStatus::Paid, "requested"), None);
    }
}
