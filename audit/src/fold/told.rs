//! What is told about one order: its steps, and which of them were told so far.

use std::fmt;

use contract::OrderStatus;

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

impl fmt::Display for Refund {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named => "named",
            Self::NotNamed => "not named",
        })
    }
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
    fn a_repetition_is_in_turn_and_a_late_first_time_is_not() {
        let mut told = Told::default();
        assert_eq!(told.add(Step::Reserved), InTurn::Yes);
        assert_eq!(told.add(Step::Shipped), InTurn::Yes);
        assert_eq!(told.add(Step::Reserved), InTurn::Yes);
        assert_eq!(told.add(Step::Paid), InTurn::No);
        assert!(told.has(Step::Paid) && !told.has(Step::Cancelled));
    }
}
