//! The topic `order-events` against the orders: each step told, each truly, in
//! order; repetitions are allowed, contradictions are not.

use std::collections::HashMap;

use contract::OrderStatus;
use uuid::Uuid;

use super::ledger::{Ledger, print_texts};
use super::order::Order;
use super::orders::print_rejection;
use super::told::{InTurn, Refund, Step};
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;
use crate::place::{Fingerprint, of_text};
use crate::rules::json::Json;
use crate::rules::money;
use crate::rules::{Record, id_of, is_id};

/// What was told about products; orders keep theirs themselves.
#[derive(Default, Debug)]
pub struct Alerts {
    told: HashMap<u64, u64>,
}

/// The number of the order that a record tells of, if the ledger has it.
pub fn order_of(ledger: &Ledger, record: &Record<'_>) -> Option<u32> {
    record.key.and_then(id_of).and_then(|id| ledger.orders.find(id))
}

/// Judges one record of that order and notes it.
pub fn judge(
    ledger: &mut Ledger,
    alerts: &mut Alerts,
    record: &Record<'_>,
    order: Option<u32>,
    findings: &mut Findings,
) {
    let id = record.headers.text("ce_id").unwrap_or("?");
    let sample =
        |detail: String| move || Sample { id: id.to_owned(), place: Some(record.place), detail };
    let kind = record.headers.text("ce_type").unwrap_or("?");
    let Some(step) = step_of(record) else {
        if kind != "stock.low.v1" {
            let detail = format!("type {kind:?} is not told here");
            return findings.add(Invariant::EventUnexpected, sample(detail));
        }
        if let Err(detail) = alerts.judge(ledger, record) {
            findings.add(Invariant::EventContent, sample(detail));
        }
        return;
    };
    let Some(number) = order else {
        let detail = "no valid order of the log is its key".to_owned();
        return findings.add(Invariant::EventUnexpected, sample(detail));
    };
    let order = ledger.orders.get_mut(number);
    // Without a row nothing is known of its steps; that is a finding already.
    let Some(status) = order.status else { return };
    if !may_be_told(status, step) {
        let detail = format!("the order is {status}");
        return findings.add(Invariant::EventUnexpected, sample(detail));
    }
    if let Err(what) = check(order, step, record) {
        findings.add(Invariant::EventContent, sample(what));
    }
    if let Err(detail) = take_turn(order, step, record.place.partition) {
        findings.add(Invariant::EventOrder, sample(detail));
    }
}

/// Whether a record tells a step that its order, as it is known, has not taken.
pub fn is_ahead(ledger: &Ledger, record: &Record<'_>) -> bool {
    let status = order_of(ledger, record).and_then(|number| ledger.orders.get(number).status);
    let ahead = |status, step| !may_be_told(status, step);
    status.zip(step_of(record)).is_some_and(|(status, step)| ahead(status, step))
}

fn step_of(record: &Record<'_>) -> Option<Step> {
    let name = record.headers.text("ce_type")?.strip_suffix(".v1")?;
    Step::ALL.into_iter().find(|step| name == step.name())
}

fn may_be_told(status: OrderStatus, step: Step) -> bool {
    match step {
        Step::Reserved => status != OrderStatus::Rejected,
        Step::OutOfStock => status == OrderStatus::Rejected,
        Step::Paid => {
            matches!(status, OrderStatus::Paid | OrderStatus::Shipped | OrderStatus::Cancelled)
        }
        Step::Declined => status == OrderStatus::PaymentFailed,
        Step::Cancelled => status == OrderStatus::Cancelled,
        Step::Shipped => status == OrderStatus::Shipped,
    }
}

fn take_turn(order: &mut Order, step: Step, partition: i32) -> Result<(), String> {
    let lane = u16::try_from(partition).unwrap_or(u16::MAX - 1) + 1;
    let before = std::mem::replace(&mut order.told.lane, lane);
    let turn = order.told.add(step);
    if before != 0 && before != lane {
        return Err(format!("an earlier event of this order is in partition {}", before - 1));
    }
    match turn {
        InTurn::Yes => Ok(()),
        InTurn::No => Err("a later step had been told before".to_owned()),
    }
}

/// Compares envelope and data with the order.
fn check(order: &mut Order, step: Step, record: &Record<'_>) -> Result<(), String> {
    let mut key = Uuid::encode_buffer();
    let key = &*order.id.hyphenated().encode_lower(&mut key);
    let id = record.headers.text("ce_id").and_then(|id| id.strip_prefix(key)?.strip_prefix('/'));
    if id != Some(step.name()) {
        return Err(format!("ce_id should be {key}/{}", step.name()));
    }
    check_envelope(record, key)?;
    let data = record.value.and_then(Json::parse_object).ok_or("data is no JSON object")?;
    let text = |name: &str| data.get(name).and_then(Json::text);
    let number = |name: &str| data.get(name).and_then(Json::integer);
    let same = |what: &str, same: bool| {
        if same { Ok(()) } else { Err(format!("{what} is not the order's")) }
    };
    same("orderId", text("orderId") == Some(key))?;
    same("customerId", text("customerId").map(of_text) == Some(order.customer))?;
    match step {
        Step::Reserved | Step::Paid => same("totalPrice", is_total(&data, order)),
        Step::OutOfStock => {
            let (reason, sku) = (text("reason").unwrap_or(""), text("productId").unwrap_or(""));
            let (requested, available) = (number("requested"), number("available"));
            let print = print_rejection(
                reason,
                sku,
                requested.ok_or("requested is missing")?,
                available.ok_or("available is missing")?,
            );
            same("reason", print == order.detail)
        }
        Step::Declined => same("reason", print_texts(&[text("reason")]) == order.detail),
        Step::Cancelled => {
            same("reason", print_texts(&[text("reason")]) == order.detail)?;
            let refund = data.get("refund");
            let named = if refund.is_some() { Refund::Named } else { Refund::NotNamed };
            let other = order.told.note_refund(named);
            same("refund", refund.is_none_or(|refund| is_total(refund, order)))?;
            other.map_or(Ok(()), |other| Err(format!("told before with its refund {other}")))
        }
        Step::Shipped => {
            let print = print_texts(&[text("carrier"), text("trackingId")]);
            same("shipment", print == order.detail)
        }
    }
}

fn check_envelope(record: &Record<'_>, subject: &str) -> Result<(), String> {
    for (name, right) in [("ce_subject", subject), ("ce_source", "/processor")] {
        if record.headers.text(name) != Some(right) {
            return Err(format!("{name} should be {right}"));
        }
    }
    Ok(())
}

fn is_total(data: &Json<'_>, order: &Order) -> bool {
    let currency = data.get("currency").and_then(Json::text);
    let minor = data.get("totalPrice").and_then(|price| money::minor(price, order.currency));
    currency == Some(order.currency.as_str()) && minor == Some(order.total)
}

impl Alerts {
    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.told.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Whether a product ran low cannot be replayed; what an alert says must
    /// be possible, and the same whenever it is told.
    fn judge(&mut self, ledger: &Ledger, record: &Record<'_>) -> Result<(), String> {
        let sku = record.key.and_then(|key| std::str::from_utf8(key).ok()).unwrap_or("");
        let id = record.headers.text("ce_id").unwrap_or("");
        if !is_id(sku) || ledger.skus.find(sku).is_none() {
            return Err("its key is no product that was ever stocked or ordered".to_owned());
        }
        if !id.starts_with(&format!("{sku}/stock.low")) {
            return Err("ce_id is not made of its product".to_owned());
        }
        check_envelope(record, sku)?;
        let data = record.value.and_then(Json::parse_object).ok_or("data is no JSON object")?;
        let number = |name: &str| data.get(name).and_then(Json::integer);
        let (available, threshold) = (number("available"), number("threshold"));
        let (Some(available), Some(threshold)) = (available, threshold) else {
            return Err("available or threshold is missing".to_owned());
        };
        if data.get("productId").and_then(Json::text) != Some(sku) {
            return Err("productId is not its key".to_owned());
        }
        if available < 0 || available >= threshold {
            return Err(format!("{available} is not below {threshold}"));
        }
        let print = Fingerprint::new().number(available).number(threshold).finish();
        match self.told.insert(of_text(id), print) {
            Some(other) if other != print => Err("told before with other numbers".to_owned()),
            _ => Ok(()),
        }
    }
}

/// After the last record: steps that were not told, and cancellations that do
/// not agree with what was told of their payment.
pub fn judge_missing(ledger: &Ledger, findings: &mut Findings) {
    ledger.orders.items().iter().for_each(|order| judge_told(order, findings));
}

/// Whether all steps of one order were told, and agree.
pub fn judge_told(order: &Order, findings: &mut Findings) {
    let Some(status) = order.status else { return };
    let sample = |what: &'static str, detail: &'static str| {
        move || Sample {
            id: format!("{}/{what}", order.id),
            place: Some(order.place()),
            detail: detail.to_owned(),
        }
    };
    for step in Step::of(status, order.told.names_refund()) {
        if !order.told.has(*step) {
            findings.add(Invariant::EventMissing, sample(step.name(), "was never told"));
        }
    }
    let told = order.told;
    let paid_back = status == OrderStatus::Cancelled && told.has(Step::Paid);
    if paid_back && told.has(Step::Cancelled) && !told.names_refund() {
        let detail = "names no refund of the payment that was told";
        findings.add(Invariant::EventContent, sample(Step::Cancelled.name(), detail));
    }
}

/// Whether every step that the order's status stands for was told.
pub fn all_told(order: &Order) -> bool {
    let Some(status) = order.status else { return false };
    Step::of(status, order.told.names_refund()).iter().all(|step| order.told.has(*step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::told::Told;
    use crate::rules::money::Code;

    fn order(status: OrderStatus, told: Told) -> Order {
        Order {
            id: Uuid::from_u128(1),
            body: [0; 16],
            partition: 0,
            offset: 0,
            created_us: 0,
            logged_s: 0,
            total: 100,
            currency: Code::EUR,
            customer: 0,
            lines: 0,
            lines_at: 0,
            status: Some(status),
            reason: None,
            detail: 0,
            payment: None,
            processed: true,
            told,
        }
    }

    #[test]
    fn of_what_was_told_before_anybody_watched_nothing_is_missing() {
        let mut findings = Findings::default();
        for status in OrderStatus::ALL {
            judge_told(&order(status, Told::all_of(status)), &mut findings);
        }
        assert_eq!(findings.total(), 0, "{findings:?}");
        // One that was paid then, and whose cancellation names no refund.
        let told = Told::all_of(OrderStatus::Paid);
        judge_told(&order(OrderStatus::Cancelled, told), &mut findings);
        assert_eq!(findings.total(), 1);
    }
}
