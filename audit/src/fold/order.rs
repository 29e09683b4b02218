//! One order in about a hundred bytes: what its first record said, what its row
//! says, and what has been told about it.

use contract::OrderStatus;
use uuid::Uuid;

use super::by_id::Identified;
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

/// One thing that is told about an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// `inventory.reserved`
    Reserved,
    /// `inventory.failed`
    OutOfStock,
    /// `payment.completed`
    Paid,
    /// `payment.failed`
    Declined,
    /// `order.cancelled`
    Cancelled,
    /// `order.shipped`
    Shipped,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Reserved,
        Self::OutOfStock,
        Self::Paid,
        Self::Declined,
        Self::Cancelled,
        Self::Shipped,
    ];

    /// The event's name: its type without the version.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reserved => "inventory.reserved",
            Self::OutOfStock => "inventory.failed",
            Self::Paid => "payment.completed",
            Self::Declined => "payment.failed",
            Self::Cancelled => "order.cancelled",
            Self::Shipped => "order.shipped",
        }
    }

    /// What is told of an order with that status. A cancellation that names no
    /// refund came before the payment was told.
    pub fn of(status: OrderStatus, refund: bool) -> &'static [Self] {
        match status {
            OrderStatus::Reserved => &[Self::Reserved],
            OrderStatus::Paid => &[Self::Reserved, Self::Paid],
            OrderStatus::Shipped => &[Self::Reserved, Self::Paid, Self::Shipped],
            OrderStatus::Rejected => &[Self::OutOfStock],
            OrderStatus::PaymentFailed => &[Self::Reserved, Self::Declined],
            OrderStatus::Cancelled if refund => &[Self::Reserved, Self::Paid, Self::Cancelled],
            OrderStatus::Cancelled => &[Self::Reserved, Self::Cancelled],
        }
    }

    /// How far along an order's life it stands.
    pub fn rank(self) -> u8 {
        match self {
            Self::Reserved | Self::OutOfStock => 0,
            Self::Paid | Self::Declined => 1,
            Self::Cancelled | Self::Shipped => 2,
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl std::fmt::Display for Refund {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Named => "named",
            Self::NotNamed => "not named",
        })
    }
}

/// What has been told about one order.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Told {
    steps: u8,
    cancellation: u8,
    /// In which partition, plus one; 0 before the first event.
    pub lane: u16,
}

/// Whether a cancellation names what is paid back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refund {
    /// It does.
    Named = 1,
    /// It came before there was a payment.
    NotNamed = 2,
}

impl Told {
    /// All that there was to tell of an order which had this status when nobody
    /// watched: its cancellation may have named a refund, or none.
    pub fn all_of(status: OrderStatus) -> Self {
        let mut told = Self::default();
        if status == OrderStatus::Cancelled {
            told.cancellation = Refund::Named as u8 | Refund::NotNamed as u8;
        }
        told.steps = Step::of(status, told.names_refund()).iter().fold(0, |all, s| all | s.bit());
        told
    }

    /// Whether its cancellation named a refund.
    pub fn names_refund(self) -> bool {
        self.cancellation & Refund::Named as u8 != 0
    }

    /// Notes what a cancellation says of a refund; gives what another had said.
    pub fn note_refund(&mut self, refund: Refund) -> Option<Refund> {
        let before = self.cancellation;
        self.cancellation |= refund as u8;
        let other = if refund == Refund::Named { Refund::NotNamed } else { Refund::Named };
        (before == other as u8).then_some(other)
    }

    /// Whether this step has been told.
    pub fn has(self, step: Step) -> bool {
        self.steps & step.bit() != 0
    }

    /// Notes a step; says whether one further along had been told before it
    /// was told for the first time.
    pub fn add(&mut self, step: Step) -> InTurn {
        let first = !self.has(step);
        let overtaken = Step::ALL.iter().any(|s| self.has(*s) && s.rank() > step.rank());
        self.steps |= step.bit();
        if first && overtaken { InTurn::No } else { InTurn::Yes }
    }
}

/// Whether an event came in the order of its order's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InTurn {
    /// As it should.
    Yes,
    /// A later step had been told already.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_stays_small() {
        assert!(size_of::<Order>() <= 112, "{}", size_of::<Order>());
    }

    #[test]
    fn a_repetition_is_in_turn_and_a_late_first_time_is_not() {
        let mut told = Told::default();
        assert_eq!(told.add(Step::Reserved), InTurn::Yes);
        assert_eq!(told.add(Step::Shipped), InTurn::Yes);
        assert_eq!(told.add(Step::Reserved), InTurn::Yes);
        assert_eq!(told.add(Step::Paid), InTurn::No);
        assert!(told.has(Step::Paid) && !told.has(Step::Cancelled));
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
