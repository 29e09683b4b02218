//! The sender's receipts against the log: what was acknowledged is there.

use std::collections::HashMap;

use uuid::Uuid;

use super::ledger::Ledger;
use super::request::Request;
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;
use crate::place::{BodyHash, Place};

/// One acknowledged order, or a request to cancel or ship one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Of the order.
    pub order_id: Uuid,
    /// Where the broker said that it lies.
    pub place: Place,
    /// Of the body that was sent.
    pub body: BodyHash,
}

/// The log, to be asked what lies at a place.
#[derive(Debug)]
pub struct Places<'a> {
    ledger: &'a Ledger,
    requests: HashMap<Place, &'a Request>,
}

impl<'a> Places<'a> {
    /// Of a log that was read to its end.
    pub fn of(ledger: &'a Ledger) -> Self {
        let requests = ledger.requests.items().iter().map(|request| (request.place, request));
        Self { ledger, requests: requests.collect() }
    }

    /// Judges one receipt.
    pub fn judge(&self, receipt: &Receipt, findings: &mut Findings) {
        let sample = |detail: &'static str| {
            move || Sample {
                id: receipt.order_id.to_string(),
                place: Some(receipt.place),
                detail: detail.to_owned(),
            }
        };
        let detail = match self.at(receipt) {
            None => "nothing about this order lies there",
            Some((Some(id), _)) if id != receipt.order_id => "another order lies there",
            Some((_, body)) if body != receipt.body => "the body in the log is another one",
            Some(_) => {
                if self.ledger.unreadable.contains_key(&receipt.place) {
                    findings.add(Invariant::AckedReadable, sample("acknowledged and unreadable"));
                }
                return;
            }
        };
        findings.add(Invariant::AckedInLog, sample(detail));
    }

    /// Order and body of the record at the receipt's place.
    fn at(&self, receipt: &Receipt) -> Option<(Option<Uuid>, BodyHash)> {
        let (ledger, place) = (self.ledger, receipt.place);
        let order = ledger.orders.find(receipt.order_id).map(|number| ledger.orders.get(number));
        if let Some(order) = order.filter(|order| order.place() == place) {
            return Some((Some(order.id), order.body));
        }
        if let Some(request) = self.requests.get(&place) {
            return Some((request.target(), request.body));
        }
        if let Some(repeat) = ledger.repeats.get(&place) {
            let request = ledger.requests.find(repeat.id).map(|n| ledger.requests.get(n));
            return Some((request.map_or(Some(repeat.id), Request::target), repeat.body));
        }
        let unreadable = ledger.unreadable.get(&place)?;
        Some((unreadable.key, unreadable.body))
    }
}
