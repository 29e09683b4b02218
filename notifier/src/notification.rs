//! One event as it is told: structured CloudEvents JSON for machines, a sentence
//! for people.

use std::fmt;

use contract::event::{EventType, Outcome};
use contract::header;
use serde::Serialize;
use serde_json::value::RawValue;

/// An event that is to be told.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its partition of `order-events`.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// `ce_id`: the same for every copy.
    pub id: String,
    /// Its type.
    pub kind: EventType,
    /// The order or SKU it is about.
    pub subject: String,
    /// `ce_time`, when the sender gave one.
    pub time: Option<String>,
    /// What it says.
    pub outcome: Outcome,
    /// The same as the sender wrote it, unknown members included.
    pub data: Box<RawValue>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    datacontenttype: &'static str,
    data: &'a RawValue,
}

impl Notification {
    /// Appends the event as one line of JSON, without the line's end.
    ///
    /// # Errors
    /// None in practice: every part was read from text before.
    pub fn write_json(&self, line: &mut Vec<u8>) -> serde_json::Result<()> {
        let envelope = Envelope {
            specversion: header::SPEC_VERSION_VALUE,
            id: &self.id,
            source: "/processor",
            kind: self.kind.as_str(),
            subject: &self.subject,
            time: self.time.as_deref(),
            datacontenttype: header::JSON,
            data: &self.data,
        };
        serde_json::to_writer(line, &envelope)
    }
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.as_deref().unwrap_or("-");
        write!(f, "{time} {} {}: ", self.subject, self.kind.as_str())?;
        match &self.outcome {
            Outcome::InventoryReserved { customer_id, total, .. } => {
                write!(f, "{customer_id}, we set your goods aside: {}", price(*total))
            }
            Outcome::InventoryFailed { customer_id, product_id, requested, available, .. } => {
                write!(f, "{customer_id}, {requested} of {product_id} ordered, {available} there")
            }
            Outcome::PaymentCompleted { customer_id, total, .. } => {
                write!(f, "{customer_id}, you paid {}", price(*total))
            }
            Outcome::PaymentFailed { customer_id, reason, .. } => {
                write!(f, "{customer_id}, your payment was declined: {}", reason.as_str())
            }
            Outcome::OrderCancelled { customer_id, refund: Some(total), .. } => {
                write!(f, "{customer_id}, your order is cancelled, you get {}", price(*total))
            }
            Outcome::OrderCancelled { customer_id, refund: None, .. } => {
                write!(f, "{customer_id}, your order is cancelled")
            }
            Outcome::OrderShipped { customer_id, shipment, .. } => {
                // Free text: its quotes and escapes keep it on this line.
                write!(f, "{customer_id}, your order is on its way")?;
                shipment.carrier.iter().try_for_each(|carrier| write!(f, " with {carrier:?}"))
            }
            Outcome::StockLow { product_id, available, threshold } => {
                write!(f, "{available} of {product_id} left, fewer than {threshold}")
            }
        }
    }
}

fn price(total: contract::event::Total) -> String {
    let amount = total.amount();
    format!("{amount} {}", amount.currency.code())
}

#[cfg(test)]
pub(crate) mod tests {
    use contract::{Amount, Currency, OrderId};

    use super::*;

    /// A payment of an order of its own.
    pub(crate) fn paid(partition: i32, offset: i64) -> Notification {
        let order_id = OrderId::mint();
        let total = Amount { minor: 7_000, currency: Currency::DEFAULT }.into();
        let outcome = Outcome::PaymentCompleted { order_id, customer_id: "c-1".to_owned(), total };
        let data = serde_json::value::to_raw_value(&outcome).unwrap();
        let (kind, subject) = (EventType::PaymentCompleted, order_id.to_string());
        let id = contract::event::outcome_id(&subject, kind);
        Notification { partition, offset, id, kind, subject, time: None, outcome, data }
    }
}
