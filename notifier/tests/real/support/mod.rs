//! A notifier as a process, events to feed it, a webhook to call.

pub mod committed;
pub mod log;
pub mod process;
pub mod raw;
pub mod receiver;

use contract::event::{EventType, Outcome, outcome_id};
use contract::{Amount, Currency, OrderId};
use testkit::Bed;

/// An event as the processor publishes it.
pub struct Event {
    pub id: String,
    pub order_id: OrderId,
    pub outcome: Outcome,
}

/// What happens to an order that is paid.
pub fn sale() -> [Event; 2] {
    let (order_id, customer_id) = (OrderId::mint(), "c-1".to_owned());
    let total = Amount { minor: 7_050, currency: Currency::DEFAULT }.into();
    let reserved = Outcome::InventoryReserved { order_id, customer_id: customer_id.clone(), total };
    let paid = Outcome::PaymentCompleted { order_id, customer_id, total };
    [reserved, paid].map(|outcome| {
        let id = outcome_id(&order_id.to_string(), outcome.event_type());
        Event { id, order_id, outcome }
    })
}

pub fn sales(count: usize) -> Vec<Event> {
    (0..count).flat_map(|_| sale()).collect()
}

/// The consumer group of a bed's notifiers: a broker is shared by many tests.
pub fn group(bed: &Bed) -> String {
    format!("notifier-of-{}", bed.topics.order_events)
}

pub fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

pub async fn publish(bed: &Bed, events: &[Event]) {
    for event in events {
        let value = serde_json::to_vec(&event.outcome).unwrap();
        publish_as(bed, event, event.outcome.event_type(), Some(&value)).await;
    }
}

/// Publishes with another value or type.
pub async fn publish_as(bed: &Bed, event: &Event, kind: EventType, value: Option<&[u8]>) {
    let key = event.order_id.to_string();
    let headers: [(&str, &[u8]); 4] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.id.as_bytes()),
        ("ce_type", kind.as_str().as_bytes()),
        ("ce_time", b"2026-11-21T08:46:00.000Z"),
    ];
    bed.produce(&bed.topics.order_events, Some(key.as_bytes()), value, &headers).await;
}

/// The line, or webhook body, that tells an event.
pub fn told(event: &Event) -> String {
    let (id, order_id) = (&event.id, event.order_id);
    let kind = event.outcome.event_type().as_str();
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/processor","type":"{kind}","subject":"{order_id}","time":"2026-11-21T08:46:00.000Z","datacontenttype":"application/json","data":{{"orderId":"{order_id}","customerId":"c-1","totalPrice":70.5,"currency":"EUR"}}}}"#
    )
}
