//! A Kafka record as what it says, or as a rejection with its reason: the one
//! reader of the `orders` and `stock` topics.

use jiff::Timestamp;
use uuid::Uuid;

use crate::event::EventType;
use crate::order::Scratch;
use crate::{CancelRequest, Order, OrderId, Shipment, Sku, StockAdjustment, Violations, header};

/// What a record says.
#[derive(Clone, PartialEq, Debug)]
pub struct Inbound {
    /// Identity of the event; the order id itself for a created order.
    pub event_id: Uuid,
    /// When it happened, by the sender's clock.
    pub occurred_at: Timestamp,
    /// What happened.
    pub body: Body,
}

/// What happened, by type.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// An order was taken.
    Created(OrderId, Order),
    /// An order shall be cancelled.
    CancelRequested(OrderId, CancelRequest),
    /// An order was handed over.
    Shipped(OrderId, Shipment),
    /// Stock changed.
    StockAdjusted(Sku, StockAdjustment),
}

/// The parts of a record that matter.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// `ce_specversion`
    pub version: Option<&'a [u8]>,
    /// `ce_id`
    pub id: Option<&'a [u8]>,
    /// `ce_type`
    pub kind: Option<&'a [u8]>,
    /// `ce_time`
    pub time: Option<&'a [u8]>,
}

/// Why nobody can read a record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejection {
    /// A header that every event has is missing or unreadable.
    #[error("header {0} is missing or not {1}")]
    Header(&'static str, &'static str),
    /// The type is none of ours, or does not belong on this topic.
    #[error("event type {0:?} is not read from this topic")]
    Type(String),
    /// The key is not the id that the event is about.
    #[error("key is not {0}")]
    Key(&'static str),
    /// No value.
    #[error("record has no value")]
    NoValue,
    /// The value is larger than any valid one.
    #[error("value has {0} bytes, at most {VALUE_BYTES_MAX} are read")]
    TooLarge(usize),
    /// The value is not what its type says.
    #[error("{0}")]
    Body(Violations),
}

impl Rejection {
    /// A closed word for headers, tables and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Header(..) => "bad_header",
            Self::Type(_) => "unknown_type",
            Self::Key(_) => "bad_key",
            Self::NoValue => "no_value",
            Self::TooLarge(_) => "too_large",
            Self::Body(_) => "invalid_body",
        }
    }
}

/// The largest body: what the gateway accepts and the processor reads, 64 KiB.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// Reads a record of the `orders` topic.
pub fn decode_order_record(parts: Parts<'_>, scratch: &mut Scratch) -> Result<Inbound, Rejection> {
    let (event_id, occurred_at) = envelope(&parts)?;
    let order_id = text(parts.key).and_then(OrderId::parse).ok_or(Rejection::Key("an order id"));
    let body = match event_type(&parts)? {
        EventType::OrderCreated => {
            let order_id = order_id?;
            if order_id.0 != event_id {
                return Err(Rejection::Key("the id of the event that creates the order"));
            }
            let order = Order::decode(value(&parts)?, scratch).map_err(Rejection::Body)?;
            Body::Created(order_id, order)
        }
        EventType::OrderCancelRequested => {
            let request = CancelRequest::decode(value(&parts)?).map_err(Rejection::Body)?;
            Body::CancelRequested(order_id?, request)
        }
        EventType::OrderShipped => {
            let shipment = Shipment::decode(value(&parts)?).map_err(Rejection::Body)?;
            Body::Shipped(order_id?, shipment)
        }
        other => return Err(Rejection::Type(other.as_str().to_owned())),
    };
    Ok(Inbound { event_id, occurred_at, body })
}

/// Reads a record of the `stock` topic.
pub fn decode_stock_record(parts: Parts<'_>) -> Result<Inbound, Rejection> {
    let (event_id, occurred_at) = envelope(&parts)?;
    match event_type(&parts)? {
        EventType::StockAdjusted => {
            let sku = text(parts.key).and_then(Sku::parse).ok_or(Rejection::Key("a SKU"))?;
            let adjustment = StockAdjustment::decode(value(&parts)?).map_err(Rejection::Body)?;
            Ok(Inbound { event_id, occurred_at, body: Body::StockAdjusted(sku, adjustment) })
        }
        other => Err(Rejection::Type(other.as_str().to_owned())),
    }
}

fn envelope(parts: &Parts<'_>) -> Result<(Uuid, Timestamp), Rejection> {
    if parts.version != Some(header::SPEC_VERSION_VALUE.as_bytes()) {
        return Err(Rejection::Header(header::SPEC_VERSION, header::SPEC_VERSION_VALUE));
    }
    let event_id = text(parts.id)
        .and_then(OrderId::parse)
        .ok_or(Rejection::Header(header::ID, "a canonical UUID"))?;
    let occurred_at = text(parts.time)
        .and_then(|time| time.parse().ok())
        .ok_or(Rejection::Header(header::TIME, "an RFC 3339 time"))?;
    Ok((event_id.0, occurred_at))
}

fn event_type(parts: &Parts<'_>) -> Result<EventType, Rejection> {
    let name = text(parts.kind).ok_or(Rejection::Header(header::TYPE, "an event type"))?;
    EventType::parse(name).ok_or_else(|| Rejection::Type(name.chars().take(100).collect()))
}

fn value<'a>(parts: &Parts<'a>) -> Result<&'a [u8], Rejection> {
    let value = parts.value.ok_or(Rejection::NoValue)?;
    match value.len() {
        0..=VALUE_BYTES_MAX => Ok(value),
        bytes => Err(Rejection::TooLarge(bytes)),
    }
}

fn text(bytes: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &[u8] = b"01990000-0000-7000-8000-000000000001";
    const ORDER: &[u8] =
        br#"{"customerId":"c","items":[{"productId":"p","quantity":1,"price":1}]}"#;

    fn created() -> Parts<'static> {
        Parts {
            key: Some(ID),
            value: Some(ORDER),
            version: Some(b"1.0"),
            id: Some(ID),
            kind: Some(b"order.created.v1"),
            time: Some(b"2026-11-21T08:00:00.000Z"),
        }
    }

    fn code(parts: Parts<'_>) -> &'static str {
        decode_order_record(parts, &mut Scratch::default()).unwrap_err().code()
    }

    #[test]
    fn a_created_order_is_read() {
        let inbound = decode_order_record(created(), &mut Scratch::default()).unwrap();
        assert!(matches!(inbound.body, Body::Created(id, _) if id.to_string().as_bytes() == ID));
    }

    #[test]
    fn each_defect_has_its_own_word() {
        let big = vec![b' '; VALUE_BYTES_MAX + 1];
        assert_eq!(code(Parts { value: None, ..created() }), "no_value");
        assert_eq!(code(Parts { value: Some(&big), ..created() }), "too_large");
        assert_eq!(code(Parts { value: Some(b"\xff"), ..created() }), "invalid_body");
        assert_eq!(code(Parts { key: None, ..created() }), "bad_key");
        assert_eq!(
            code(Parts { key: Some(b"01990000-0000-7000-8000-000000000002"), ..created() }),
            "bad_key"
        );
        assert_eq!(code(Parts { version: None, ..created() }), "bad_header");
        assert_eq!(code(Parts { version: Some(b"0.3"), ..created() }), "bad_header");
        assert_eq!(code(Parts { id: None, ..created() }), "bad_header");
        assert_eq!(code(Parts { time: Some(b"yesterday"), ..created() }), "bad_header");
        assert_eq!(code(Parts { kind: Some(b"\xff"), ..created() }), "bad_header");
        assert_eq!(code(Parts { kind: Some(b"order.created.v9"), ..created() }), "unknown_type");
        assert_eq!(code(Parts { kind: Some(b"stock.adjusted.v1"), ..created() }), "unknown_type");
    }

    #[test]
    fn stock_is_keyed_by_sku() {
        let parts = Parts {
            key: Some(b"p-1"),
            kind: Some(b"stock.adjusted.v1"),
            value: Some(br#"{"quantity":5,"reason":"restock"}"#),
            ..created()
        };
        assert!(decode_stock_record(parts).is_ok());
        assert_eq!(
            decode_stock_record(Parts { key: Some(b"p 1"), ..parts }).unwrap_err().code(),
            "bad_key"
        );
    }
}
