//! The other writes: cancel and ship an order, adjust stock. Each becomes one
//! event keyed by what it is about, so that it stays in order with the other
//! events of that order or product.

use compact_str::{CompactString, format_compact};
use contract::event::EventType;
use contract::{CancelRequest, OrderId, Shipment, Sku, StockAdjustment, Violations};
use hyper::Request;
use hyper::body::Incoming;
use service::clock;

use crate::head;
use crate::problem::Problem;
use crate::publisher::Event;
use crate::reply::{self, Reply};
use crate::worker::Worker;

/// What a request asks for.
struct Wish<'a> {
    topic: &'a str,
    kind: EventType,
    /// Order id or SKU: the record's key.
    subject: &'a str,
    /// Keeps an idempotency key used for different things apart.
    scope: &'static str,
    location: CompactString,
    check: fn(&[u8]) -> Result<(), Violations>,
}

/// `POST /orders/{id}/cancel`
pub async fn cancel(
    worker: &Worker,
    id: OrderId,
    request: Request<Incoming>,
) -> Result<Reply, Problem> {
    let wish = Wish {
        topic: &worker.topics.orders,
        kind: EventType::OrderCancelRequested,
        subject: &format_compact!("{id}"),
        scope: "cancel",
        location: format_compact!("/orders/{id}"),
        check: |body| CancelRequest::decode(body).map(drop),
    };
    publish(worker, wish, request).await
}

/// `POST /orders/{id}/ship`
pub async fn ship(
    worker: &Worker,
    id: OrderId,
    request: Request<Incoming>,
) -> Result<Reply, Problem> {
    let wish = Wish {
        topic: &worker.topics.orders,
        kind: EventType::OrderShipped,
        subject: &format_compact!("{id}"),
        scope: "ship",
        location: format_compact!("/orders/{id}"),
        check: |body| Shipment::decode(body).map(drop),
    };
    publish(worker, wish, request).await
}

/// `POST /stock/{sku}/adjustments`
pub async fn adjust(
    worker: &Worker,
    sku: Sku,
    request: Request<Incoming>,
) -> Result<Reply, Problem> {
    let wish = Wish {
        topic: &worker.topics.stock,
        kind: EventType::StockAdjusted,
        subject: sku.as_str(),
        scope: "adjust",
        location: format_compact!("/stock/{sku}"),
        check: |body| StockAdjustment::decode(body).map(drop),
    };
    publish(worker, wish, request).await
}

async fn publish(
    worker: &Worker,
    wish: Wish<'_>,
    request: Request<Incoming>,
) -> Result<Reply, Problem> {
    let (head, body) = head::read(worker, request).await?;
    (wish.check)(&body).map_err(Problem::invalid_body)?;
    let id = match head.key {
        Some(key) => contract::event_id_for_key(wish.scope, wish.subject, &key),
        None => clock::mint(),
    };
    let (id, time) = (format_compact!("{id}"), now());
    let pending = worker.send(&Event {
        topic: wish.topic,
        key: wish.subject,
        id: &id,
        kind: wish.kind,
        time: &time,
        traceparent: head.traceparent.as_deref(),
        // A record always has a value; one without would be a tombstone.
        value: if body.is_empty() { b"{}" } else { &body },
    })?;
    drop(body);
    let position = pending.acknowledged().await?;
    let document = format!(
        r#"{{"eventId":"{id}","type":"{}","subject":"{}","acceptedAt":"{time}"}}"#,
        wish.kind.as_str(),
        wish.subject
    );
    Ok(reply::accepted(document, format_args!("{}", wish.location), position))
}

/// The time of an event: RFC 3339 in UTC with milliseconds. Its 24 characters
/// need no allocation.
pub fn now() -> CompactString {
    format_compact!("{:.3}", clock::now())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn times_have_milliseconds_and_are_in_utc() {
        let now = now();
        assert_eq!(now.len(), 24);
        assert!(now.ends_with('Z') && !now.is_heap_allocated(), "{now}");
        assert!(now.parse::<Timestamp>().is_ok());
    }
}
