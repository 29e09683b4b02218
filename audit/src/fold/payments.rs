//! The table `payments` against the orders: each order's money, exactly once.

use contract::OrderStatus;
use uuid::Uuid;

use super::ledger::{Ledger, print_texts};
use super::order::{Order, Payment, REASONS};
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;

/// A row.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Row<'a> {
    pub order_id: Uuid,
    pub status: &'a str,
    pub currency: &'a str,
    pub amount_minor: i64,
    pub reason: Option<&'a str>,
    pub decided_us: i64,
}

/// Judges one row and notes it.
pub fn judge(ledger: &mut Ledger, row: &Row<'_>, findings: &mut Findings) {
    let found = ledger.orders.find(row.order_id);
    let order = found.map(|number| ledger.orders.get_mut(number));
    let Some(order) = order.filter(|order| order.status.is_some()) else {
        return findings.add(Invariant::PaymentWithoutOrder, || Sample {
            id: row.order_id.to_string(),
            place: None,
            detail: format!("{} {} {}", row.status, row.amount_minor, row.currency),
        });
    };
    let place = order.place();
    let sample = |detail: String| {
        move || Sample { id: row.order_id.to_string(), place: Some(place), detail }
    };
    let payment = Payment::parse(row.status);
    if row.amount_minor != order.total || row.currency != order.currency.as_str() {
        let (amount, currency) = (order.total, order.currency.as_str());
        let detail = format!("{} {} for {amount} {currency}", row.amount_minor, row.currency);
        findings.add(Invariant::PaymentAmount, sample(detail));
    }
    if let Some(detail) = misfit(order, payment, row) {
        findings.add(Invariant::PaymentStatus, sample(detail));
    }
    order.payment = payment;
    ledger.settled.note(row.order_id, row.decided_us);
}

fn misfit(order: &Order, payment: Option<Payment>, row: &Row<'_>) -> Option<String> {
    let status = order.status?;
    if order.payment.is_some() {
        return Some(format!("a second payment, {}", row.status));
    }
    let fits = match status {
        OrderStatus::Paid | OrderStatus::Shipped => payment == Some(Payment::Captured),
        OrderStatus::PaymentFailed => payment == Some(Payment::Declined),
        // Nothing of its money is kept, captured or not.
        OrderStatus::Cancelled => {
            matches!(payment, Some(Payment::Refunded | Payment::RefundPending))
        }
        OrderStatus::Reserved | OrderStatus::Rejected => false,
    };
    if !fits {
        return Some(format!("{} for an order that is {status}", row.status));
    }
    // A word of the provider that is none of ours counts as "declined".
    let word = row.reason.filter(|word| REASONS[3..].contains(word)).unwrap_or("declined");
    let explained =
        status != OrderStatus::PaymentFailed || print_texts(&[Some(word)]) == order.detail;
    (!explained).then(|| format!("declined for {word}, the order says otherwise"))
}

/// After the last row: orders whose payment is not there, or not at its end.
pub fn judge_missing(ledger: &Ledger, findings: &mut Findings) {
    ledger.orders.items().iter().for_each(|order| judge_end(order, findings));
}

/// Whether an order has the payment that it needs, and nothing is to be paid back.
pub fn judge_end(order: &Order, findings: &mut Findings) {
    let (invariant, detail) = match order.payment {
        None if needs_payment(order) => {
            let status = order.status.map_or("", |status| status.as_str());
            (Invariant::PaymentMissing, format!("{status} without a payment"))
        }
        Some(Payment::RefundPending) => (Invariant::RefundPending, "REFUND_PENDING".to_owned()),
        _ => return,
    };
    findings.add(invariant, || Sample {
        id: order.id.to_string(),
        place: Some(order.place()),
        detail,
    });
}

/// Whether orders with its status have a payment.
pub fn needs_payment(order: &Order) -> bool {
    use OrderStatus::{Cancelled, Paid, PaymentFailed, Shipped};
    matches!(order.status, Some(Paid | Shipped | PaymentFailed | Cancelled))
}
