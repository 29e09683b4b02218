//! The small bodies: cancellation, shipment, stock adjustment. Rare next to
//! orders, so they are read by walking the document.

use serde::Serialize;

use crate::Violations;
use crate::json::{self, Node, child};
use crate::violation::Collector;

/// The most characters of a free text.
pub const TEXT_CHARS_MAX: usize = 200;
/// The largest change of one adjustment, in pieces, either way.
pub const ADJUSTMENT_MAX: i64 = 1_000_000_000;

/// Data of `order.cancel_requested.v1`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct CancelRequest {
    /// Why, in the customer's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Data of `order.shipped.v1`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shipment {
    /// Who carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The carrier's number for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
}

/// Why stock changed other than by an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentReason {
    /// Goods came in.
    Restock,
    /// A count found more or less than the books said.
    Correction,
}

/// Data of `stock.adjusted.v1`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StockAdjustment {
    /// Pieces added (positive) or removed; never 0.
    pub quantity: i64,
    /// Why.
    pub reason: AdjustmentReason,
}

impl CancelRequest {
    /// Reads the body; an empty one is a request without a reason.
    pub fn decode(body: &[u8]) -> Result<Self, Violations> {
        let (document, mut faults) = object_or_empty(body)?;
        let reason = free_text(&document, "reason", &mut faults);
        document.finish(faults, Some(Self { reason }))
    }
}

impl Shipment {
    /// Reads the body; an empty one is a shipment without details.
    pub fn decode(body: &[u8]) -> Result<Self, Violations> {
        let (document, mut faults) = object_or_empty(body)?;
        let carrier = free_text(&document, "carrier", &mut faults);
        let tracking_id = free_text(&document, "trackingId", &mut faults);
        document.finish(faults, Some(Self { carrier, tracking_id }))
    }
}

impl StockAdjustment {
    /// Reads the body.
    pub fn decode(body: &[u8]) -> Result<Self, Violations> {
        let (document, mut faults) = object_or_empty(body)?;
        let reason = adjustment_reason(&document, &mut faults);
        let quantity = adjustment_quantity(&document, reason, &mut faults);
        let adjustment = match (quantity, reason) {
            (Some(quantity), Some(reason)) => Some(Self { quantity, reason }),
            _ => None,
        };
        document.finish(faults, adjustment)
    }
}

fn adjustment_reason(document: &Node, faults: &mut Collector) -> Option<AdjustmentReason> {
    let reason = match document.member("reason").and_then(Node::text) {
        Some("restock") => Some(AdjustmentReason::Restock),
        Some("correction") => Some(AdjustmentReason::Correction),
        _ => None,
    };
    if reason.is_none() {
        faults.add("/reason", "must be \"restock\" or \"correction\"");
    }
    reason
}

fn adjustment_quantity(
    document: &Node,
    reason: Option<AdjustmentReason>,
    faults: &mut Collector,
) -> Option<i64> {
    let lowest = if reason == Some(AdjustmentReason::Restock) { 1 } else { -ADJUSTMENT_MAX };
    let allowed = i128::from(lowest)..=i128::from(ADJUSTMENT_MAX);
    match document.member("quantity") {
        Some(Node::Integer(n)) if *n != 0 && allowed.contains(n) => i64::try_from(*n).ok(),
        _ => {
            let but = if lowest < 0 { ", not 0" } else { "" };
            let words = format!("must be an integer from {lowest} to {ADJUSTMENT_MAX}{but}");
            faults.add("/quantity", words);
            None
        }
    }
}

fn object_or_empty(body: &[u8]) -> Result<(Node, Collector), Violations> {
    if body.is_empty() {
        return Ok((Node::Object(Vec::new()), Collector::default()));
    }
    match json::parse(body)? {
        document @ Node::Object(_) => Ok((document, Collector::default())),
        other => Err(Violations::one("", format!("must be an object, is {}", other.kind()))),
    }
}

fn free_text(document: &Node, name: &'static str, faults: &mut Collector) -> Option<String> {
    let node = document.member(name)?;
    let text = node.text().filter(|text| {
        (1..=TEXT_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control)
    });
    if text.is_none() {
        let rule = format!("must be 1 to {TEXT_CHARS_MAX} characters without control characters");
        faults.add(child("", name), rule);
    }
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_body_cancels_without_a_reason() {
        assert_eq!(CancelRequest::decode(b""), Ok(CancelRequest { reason: None }));
        let spoken = CancelRequest::decode(br#"{"reason":"too late"}"#).unwrap();
        assert_eq!(spoken.reason.as_deref(), Some("too late"));
        assert!(CancelRequest::decode(br#"{"reason":"a\u0000"}"#).is_err());
        let unread = CancelRequest::decode(br#"{"note":"a\u0000"}"#).unwrap_err();
        assert_eq!(unread.as_slice()[0].pointer, "/note");
        assert!(CancelRequest::decode(b"[]").is_err());
    }

    #[test]
    fn a_restock_adds_and_a_correction_goes_both_ways() {
        let read = |quantity: &str, reason: &str| {
            let body = format!(r#"{{"quantity":{quantity},"reason":"{reason}"}}"#);
            StockAdjustment::decode(body.as_bytes()).map(|a| a.quantity).ok()
        };
        assert_eq!(read("5", "restock"), Some(5));
        assert_eq!(read("-5", "restock"), None);
        assert_eq!(read("-5", "correction"), Some(-5));
        assert_eq!(read("0", "correction"), None);
        assert_eq!(read("1000000001", "restock"), None);
        assert_eq!(read("5", "theft"), None);
    }
}
