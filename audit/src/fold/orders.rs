//! The table `orders` against the log.

use contract::OrderStatus;
use serde::Deserialize;
use uuid::Uuid;

use super::causes::Causes;
use super::ledger::{Ledger, print_texts};
use super::lines::print_line;
use super::order::{Order, reason};
use super::told::Told;
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;
use crate::place::{BodyHash, Fingerprint, Place, of_text};
use crate::rules::money::Code;

/// A row.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Row<'a> {
    pub order_id: Uuid,
    pub customer_id: &'a str,
    pub status: &'a str,
    pub currency: &'a str,
    pub total_minor: i64,
    pub lines: &'a str,
    pub reason: Option<&'a str>,
    pub shipment: Option<&'a str>,
    pub source: Place,
    pub created_us: i64,
}

#[derive(Deserialize)]
struct LineDoc<'a> {
    #[serde(borrow)]
    sku: std::borrow::Cow<'a, str>,
    quantity: i64,
    price_minor: i64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ReasonDoc {
    code: String,
    product_id: Option<String>,
    requested: Option<i64>,
    available: Option<i64>,
    text: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ShipmentDoc {
    carrier: Option<String>,
    tracking_id: Option<String>,
}

/// Judges one row and notes what it says.
pub fn judge(ledger: &mut Ledger, causes: &mut Causes, row: &Row<'_>, findings: &mut Findings) {
    let sample = |detail: String| {
        move || Sample { id: row.order_id.to_string(), place: Some(row.source), detail }
    };
    let Some(number) = ledger.orders.find(row.order_id) else {
        let detail = format!("{} order without a valid record in the log", row.status);
        return findings.add(Invariant::OrderWithoutRecord, sample(detail));
    };
    if ledger.orders.get(number).status.is_some() {
        return findings
            .add(Invariant::OrderDoubled, sample(format!("another {} row", row.status)));
    }
    if ledger.orders.get(number).place() != row.source {
        ledger.adopt_order(number, row.source);
    }
    if let Some(detail) = differences(ledger.orders.get(number), row) {
        findings.add(Invariant::OrderContent, sample(detail));
    }
    let Some(status) = OrderStatus::parse(row.status) else {
        let detail = format!("status {:?} is none of ours", row.status);
        return findings.add(Invariant::StatusReason, sample(detail));
    };
    ledger.orders.get_mut(number).status = Some(status);
    if let Err(detail) = explain(ledger, causes, number, row) {
        findings.add(Invariant::StatusReason, sample(detail));
    }
}

fn differences(order: &Order, row: &Row<'_>) -> Option<String> {
    let mut differ = Vec::new();
    let mut check = |what: &'static str, equal: bool| {
        if !equal {
            differ.push(what);
        }
    };
    check("customer", of_text(row.customer_id) == order.customer);
    check("currency", row.currency == order.currency.as_str());
    check("total", row.total_minor == order.total);
    check("lines", print_of_lines(row.lines) == Some(order.lines));
    // The table keeps milliseconds of what may have been written finer.
    check("created_at", row.created_us.abs_diff(order.created_us) < 1000);
    check("source", row.source == order.place());
    let record = format!("the record at {}/{}", order.partition, order.offset);
    (!differ.is_empty()).then(|| format!("{} not as in {record}", differ.join(", ")))
}

fn print_of_lines(json: &str) -> Option<u64> {
    let lines: Vec<LineDoc<'_>> = serde_json::from_str(json).ok()?;
    Some(print_of(&lines))
}

fn print_of(lines: &[LineDoc<'_>]) -> u64 {
    let print = lines.iter().fold(Fingerprint::new(), |print, line| {
        print_line(print, &line.sku, line.quantity, line.price_minor)
    });
    print.finish()
}

/// Takes an order that was judged before and forgotten since from its row, as
/// if nothing had been told of it; `None` when the row cannot be read.
pub fn recall(ledger: &mut Ledger, row: &Row<'_>, body: BodyHash) -> Option<Order> {
    let lines: Vec<LineDoc<'_>> = serde_json::from_str(row.lines).ok()?;
    let pieces: Vec<_> =
        lines.iter().map(|line| (ledger.skus.number(&line.sku), line.quantity)).collect();
    Some(Order {
        id: row.order_id,
        body,
        partition: row.source.partition,
        offset: row.source.offset,
        created_us: row.created_us,
        logged_s: 0,
        total: row.total_minor,
        currency: Code::parse(row.currency)?,
        customer: of_text(row.customer_id),
        lines: print_of(&lines),
        lines_at: ledger.lines.add(pieces.into_iter()),
        status: None,
        reason: None,
        detail: 0,
        payment: None,
        processed: false,
        told: Told::default(),
    })
}

/// Checks that reason and shipment fit the status, and keeps what they say.
fn explain(
    ledger: &mut Ledger,
    causes: &mut Causes,
    number: u32,
    row: &Row<'_>,
) -> Result<(), String> {
    let order = ledger.orders.get_mut(number);
    let status = order.status.ok_or("no status")?;
    if status == OrderStatus::Shipped {
        let shipment: ShipmentDoc = read(row.shipment, "shipment")?.unwrap_or_default();
        let texts = [shipment.carrier.as_deref(), shipment.tracking_id.as_deref()];
        order.detail = print_texts(&texts);
    } else if row.shipment.is_some() {
        return Err(format!("a shipment, but the status is {status}"));
    }
    let document: Option<ReasonDoc> = read(row.reason, "reason")?;
    let sale = matches!(status, OrderStatus::Reserved | OrderStatus::Paid | OrderStatus::Shipped);
    let document = match document {
        None if sale => return Ok(()),
        None => return Err(format!("no reason, but the status is {status}")),
        Some(_) if sale => return Err(format!("a reason, but the status is {status}")),
        Some(document) => document,
    };
    let code = &document.code;
    order.reason = reason(status, code);
    if order.reason.is_none() {
        return Err(format!("{code} is no reason for {status}"));
    }
    order.detail = match status {
        OrderStatus::Cancelled => print_texts(&[document.text.as_deref()]),
        OrderStatus::Rejected => return reject(ledger, causes, number, &document),
        _ => print_texts(&[Some(code)]),
    };
    Ok(())
}

fn reject(
    ledger: &mut Ledger,
    causes: &mut Causes,
    number: u32,
    document: &ReasonDoc,
) -> Result<(), String> {
    let (Some(sku), Some(requested), Some(available)) =
        (&document.product_id, document.requested, document.available)
    else {
        return Err("productId, requested or available is missing".to_owned());
    };
    let order = ledger.orders.get_mut(number);
    order.detail = print_rejection(&document.code, sku, requested, available);
    let known = ledger.skus.find(sku);
    let lines = ledger.lines.of(order.lines_at);
    let ordered: i64 = lines.filter(|(s, _)| Some(*s) == known).map(|(_, quantity)| quantity).sum();
    match known {
        Some(sku) if ordered == requested => {
            causes.rejected((number, order), sku, requested, available);
        }
        _ => return Err(format!("{requested} of {sku} requested, but {ordered} were ordered")),
    }
    Ok(())
}

/// Fingerprint of why an order was rejected.
pub fn print_rejection(code: &str, sku: &str, requested: i64, available: i64) -> u64 {
    let print = Fingerprint::new().bytes(code.as_bytes()).bytes(sku.as_bytes());
    print.number(requested).number(available).finish()
}

fn read<'a, T: Deserialize<'a>>(json: Option<&'a str>, what: &str) -> Result<Option<T>, String> {
    let parse = |json| serde_json::from_str(json).map_err(|error| format!("{what}: {error}"));
    json.map(parse).transpose()
}

/// After the last row: orders without one, or without an end.
pub fn judge_missing(ledger: &Ledger, findings: &mut Findings) {
    ledger.orders.items().iter().for_each(|order| judge_end(order, findings));
}

/// Whether an order has a row and a final status.
pub fn judge_end(order: &Order, findings: &mut Findings) {
    let (invariant, detail) = match order.status {
        None => {
            let detail = format!("a valid order of {} without a row", order.currency.as_str());
            (Invariant::OrderMissing, detail)
        }
        Some(OrderStatus::Reserved) => (Invariant::NotTerminal, "still RESERVED".to_owned()),
        Some(_) => return,
    };
    findings.add(invariant, || Sample {
        id: order.id.to_string(),
        place: Some(order.place()),
        detail,
    });
}
