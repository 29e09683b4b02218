//! The sender's receipts against the log: what was acknowledged is there.

use uuid::Uuid;

use super::ledger::Ledger;
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;
use crate::place::{BodyHash, Place};

/// One acknowledged order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Its id.
    pub order_id: Uuid,
    /// Where the broker said that it lies.
    pub place: Place,
    /// Of the body that was sent.
    pub body: BodyHash,
}

/// Judges one receipt.
pub fn judge(ledger: &Ledger, receipt: &Receipt, findings: &mut Findings) {
    let sample = |detail: &'static str| {
        move || Sample {
            id: receipt.order_id.to_string(),
            place: Some(receipt.place),
            detail: detail.to_owned(),
        }
    };
    let there = at(ledger, receipt);
    let detail = match there {
        None => "no such order lies there",
        Some((Some(id), _)) if id != receipt.order_id => "another order lies there",
        Some((_, body)) if body != receipt.body => "the body in the log is another one",
        Some(_) => {
            if ledger.unreadable.contains_key(&receipt.place) {
                findings.add(Invariant::AckedReadable, sample("acknowledged and unreadable"));
            }
            return;
        }
    };
    findings.add(Invariant::AckedInLog, sample(detail));
}

/// Id and body of the record at the receipt's place, when it can be an order.
fn at(ledger: &Ledger, receipt: &Receipt) -> Option<(Option<Uuid>, BodyHash)> {
    let order = ledger.orders.find(receipt.order_id).map(|number| ledger.orders.get(number));
    if let Some(order) = order.filter(|order| order.place() == receipt.place) {
        return Some((Some(order.id), order.body));
    }
    if let Some(repeat) = ledger.repeats.get(&receipt.place) {
        return Some((Some(repeat.id), repeat.body));
    }
    let unreadable = ledger.unreadable.get(&receipt.place)?;
    Some((unreadable.key, unreadable.body))
}
