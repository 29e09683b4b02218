//! Everything that must be true, each with the name under which it is reported.
//! The order is the order of the report: from the sender's receipts through the
//! log and the tables to what was told to others.

/// One statement about the books; a finding is one place where it is false.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "the table below says what each one means")]
pub enum Invariant {
    AckedInLog,
    AckedReadable,
    OrderMissing,
    OrderWithoutRecord,
    OrderDoubled,
    OrderContent,
    NotTerminal,
    StatusReason,
    StatusWithoutRequest,
    RejectedWithoutCause,
    DeadLetterMissing,
    DeadLetterUnexpected,
    DeadLetterContent,
    DeadLetterUnpublished,
    DlqRecordMissing,
    DlqRecordUnexpected,
    DlqRecordContent,
    RefusedEventMissing,
    RefusedEventUnexpected,
    BodyMismatchUnflagged,
    ProcessedEventMissing,
    ProcessedEventUnexpected,
    ProgressBehindLog,
    ProgressBeyondLog,
    EpochOrder,
    StockConservation,
    StockMissing,
    StockUnexpected,
    PaymentMissing,
    PaymentWithoutOrder,
    PaymentStatus,
    PaymentAmount,
    RefundPending,
    MetricMissing,
    MetricUnexpected,
    MetricDiffers,
    OutboxNotEmpty,
    EventMissing,
    EventUnexpected,
    EventContent,
    EventOrder,
}

use Invariant as I;

/// How many there are.
pub const COUNT: usize = TABLE.len();

const TABLE: [(Invariant, &str, &str); 41] = [
    (
        I::AckedInLog,
        "acked-in-log",
        "what was acknowledged is in the log at its partition and offset, body unchanged",
    ),
    (I::AckedReadable, "acked-readable", "nothing acknowledged is a record that nobody can read"),
    (I::OrderMissing, "order-missing", "every valid order in the log has a row"),
    (
        I::OrderWithoutRecord,
        "order-without-record",
        "every row of orders comes from a valid record",
    ),
    (I::OrderDoubled, "order-doubled", "no order has a second row"),
    (I::OrderContent, "order-content", "a row says what the first record of its order says"),
    (I::NotTerminal, "not-terminal", "no order is left waiting for its payment"),
    (I::StatusReason, "status-reason", "reason and shipment fit the status and what was asked for"),
    (
        I::StatusWithoutRequest,
        "status-without-request",
        "nothing is cancelled or shipped that nobody asked for",
    ),
    (
        I::RejectedWithoutCause,
        "rejected-without-cause",
        "stock that was certainly there is refused to nobody",
    ),
    (I::DeadLetterMissing, "dead-letter-missing", "every unreadable record is in dead_letters"),
    (I::DeadLetterUnexpected, "dead-letter-unexpected", "no readable record is in dead_letters"),
    (
        I::DeadLetterContent,
        "dead-letter-content",
        "a dead letter keeps key, value and headers and names a true defect",
    ),
    (I::DeadLetterUnpublished, "dead-letter-unpublished", "every dead letter has been published"),
    (
        I::DlqRecordMissing,
        "dlq-record-missing",
        "every unreadable record is on the dead letter topic",
    ),
    (I::DlqRecordUnexpected, "dlq-record-unexpected", "nothing else is on the dead letter topic"),
    (
        I::DlqRecordContent,
        "dlq-record-content",
        "its copy there has the same key, value, headers and reason",
    ),
    (
        I::RefusedEventMissing,
        "refused-event-missing",
        "a cancellation or shipment without effect is in refused_events",
    ),
    (
        I::RefusedEventUnexpected,
        "refused-event-unexpected",
        "every refused event was read, and its reason is true",
    ),
    (
        I::BodyMismatchUnflagged,
        "body-mismatch-unflagged",
        "a known event id with another body is flagged",
    ),
    (
        I::ProcessedEventMissing,
        "processed-event-missing",
        "every distinct readable record is in processed_events",
    ),
    (
        I::ProcessedEventUnexpected,
        "processed-event-unexpected",
        "every processed event is a record, with its place and body",
    ),
    (
        I::ProgressBehindLog,
        "progress-behind-log",
        "progress has reached the end of every partition",
    ),
    (
        I::ProgressBeyondLog,
        "progress-beyond-log",
        "progress is not beyond the end of any partition",
    ),
    (I::EpochOrder, "epoch-order", "along a partition the epoch of its owner never falls"),
    (
        I::StockConservation,
        "stock-conservation",
        "per product: received = available + reserved + sold, as log and orders say",
    ),
    (I::StockMissing, "stock-missing", "every product that was ever stocked has a row"),
    (I::StockUnexpected, "stock-unexpected", "no other product has one"),
    (I::PaymentMissing, "payment-missing", "every order that was to be paid has its payment"),
    (I::PaymentWithoutOrder, "payment-without-order", "every payment belongs to an order"),
    (I::PaymentStatus, "payment-status", "a payment's status fits the order's"),
    (I::PaymentAmount, "payment-amount", "a payment is of the order's exact total"),
    (I::RefundPending, "refund-pending", "no promised refund is open"),
    (I::MetricMissing, "metric-missing", "every metric that the orders add up to is shown"),
    (I::MetricUnexpected, "metric-unexpected", "no other metric is shown"),
    (I::MetricDiffers, "metric-differs", "every metric has the value that the orders add up to"),
    (I::OutboxNotEmpty, "outbox-not-empty", "the outbox is empty"),
    (I::EventMissing, "event-missing", "every step of every order was told"),
    (I::EventUnexpected, "event-unexpected", "nothing was told that did not happen"),
    (I::EventContent, "event-content", "every event says what order, payment and stock say"),
    (
        I::EventOrder,
        "event-order",
        "the events of an order were first told in the order of its steps",
    ),
];

impl Invariant {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// Its name; stable.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// What is true when nothing is found.
    pub fn meaning(self) -> &'static str {
        TABLE[self as usize].2
    }

    /// Whether it can be judged only with the sender's receipts.
    pub fn needs_receipts(self) -> bool {
        matches!(self, Self::AckedInLog | Self::AckedReadable)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_has_one_row_each_in_the_order_of_the_enum() {
        for (n, invariant) in Invariant::all().enumerate() {
            assert_eq!(invariant as usize, n);
        }
        assert_eq!(Invariant::EventOrder as usize + 1, COUNT);
        assert_eq!(Invariant::all().map(Invariant::name).collect::<BTreeSet<_>>().len(), COUNT);
    }
}
