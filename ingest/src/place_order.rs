//! `POST /orders`: read, decide, publish, wait for the broker, answer.

use std::cell::RefCell;
use std::fmt::Write;

use compact_str::CompactString;
use contract::event::EventType;
use contract::{Amount, Order, OrderId, Scratch};
use hyper::Request;
use hyper::body::Incoming;
use uuid::fmt::Hyphenated;

use crate::problem::Problem;
use crate::publisher::Event;
use crate::reply::{self, Reply};
use crate::worker::{Pending, Worker};
use crate::{head, requests};

thread_local! {
    /// The decoder's buffers; a worker decodes one order at a time.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What the answer says of the order.
#[derive(Debug)]
pub struct Taken {
    /// Its id: the record's key and event id.
    pub id: OrderId,
    /// What it costs.
    pub total: Amount,
    /// The time of its event.
    pub created_at: CompactString,
}

/// Answers 202 once the order is in the log.
pub async fn place_order(worker: &Worker, request: Request<Incoming>) -> Result<Reply, Problem> {
    let (taken, pending) = {
        // Dropped before the wait: librdkafka has its copy, and the connection
        // gets its read buffer back.
        let (head, body) = head::read(worker, request).await?;
        let taken = take(&body, head.key.as_deref(), || worker.publisher.mint())?;
        let pending = send(worker, &taken, head.traceparent.as_deref(), &body)?;
        (taken, pending)
    };
    let position = pending.acknowledged().await?;
    Ok(reply::accepted(document(&taken), format_args!("/orders/{}", taken.id), position))
}

/// Decides whether the gateway takes an order, and under which id: `mint`'s unless the
/// client has a key. Pure but for the clock.
///
/// # Errors
/// The body is no valid order; the problem names every fault.
pub fn take(
    body: &[u8],
    key: Option<&str>,
    mint: impl FnOnce() -> OrderId,
) -> Result<Taken, Problem> {
    let order = SCRATCH
        .with_borrow_mut(|scratch| Order::decode(body, scratch))
        .map_err(Problem::invalid_body)?;
    let id = match key {
        Some(key) => OrderId::for_idempotency_key(&order.customer_id, key),
        None => mint(),
    };
    Ok(Taken { id, total: order.total, created_at: requests::now() })
}

fn send(
    worker: &Worker,
    taken: &Taken,
    traceparent: Option<&str>,
    body: &[u8],
) -> Result<Pending, Problem> {
    let mut buffer = [0; Hyphenated::LENGTH];
    let id = &*taken.id.0.hyphenated().encode_lower(&mut buffer);
    worker.send(&Event { traceparent, ..event(&worker.topics.orders, id, taken, body) })
}

/// The record of an order that was taken; `id` is its id as text.
pub fn event<'a>(topic: &'a str, id: &'a str, taken: &'a Taken, body: &'a [u8]) -> Event<'a> {
    Event {
        topic,
        key: id,
        id,
        kind: EventType::OrderCreated,
        time: &taken.created_at,
        traceparent: None,
        value: body,
    }
}

/// Written by hand: every value is a number or of a grammar without escapes.
fn document(taken: &Taken) -> String {
    let Taken { id, total, created_at } = taken;
    // Room for the headers that `reply::accepted` appends.
    let mut text = String::with_capacity(256);
    // Writing to a string cannot fail.
    let _infallible = write!(
        text,
        r#"{{"orderId":"{id}","status":"CREATED","totalPrice":{total},"createdAt":"{created_at}"}}"#
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"customerId":"c-1","items":[{"productId":"p-1","quantity":2,"price":10},{"productId":"p-2","quantity":1,"price":50}]}"#;

    #[test]
    fn the_answer_to_the_example_order_says_seventy() {
        let taken = take(BODY, Some("k"), OrderId::mint).unwrap();
        let json: serde_json::Value = serde_json::from_str(&document(&taken)).unwrap();
        let expected = serde_json::json!({
            "orderId": taken.id.to_string(),
            "status": "CREATED",
            "totalPrice": 70,
            "createdAt": taken.created_at.as_str(),
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn a_key_gives_the_same_order_and_no_key_gives_a_new_one() {
        let id = |key| take(BODY, key, OrderId::mint).unwrap().id;
        assert_eq!(id(Some("k")), id(Some("k")));
        assert_ne!(id(Some("k")), id(Some("l")));
        assert_ne!(id(None), id(None));
    }
}
