//! Each event type has a golden record that its schema accepts, that our code
//! reads as stated here and, where our code writes it, writes to the byte.

use std::collections::BTreeSet;

use contract::event::{EventType, Outcome, Total, outcome_id};
use contract::inbound::{Body, Inbound};
use contract::{
    AdjustmentReason, Amount, CancelRequest, Currency, CustomerId, DeclineReason, Line, Order,
    OrderId, RejectReason, Shipment, Sku, StockAdjustment,
};
use serde::Serialize;

use crate::files::{Read, golden, goldens, validator};

const ORDER: &str = "01990000-0000-7000-8000-000000000001";
const EVENT: &str = "01990000-0000-7000-8000-0000000000e1";

fn order_id() -> OrderId {
    OrderId::parse(ORDER).unwrap()
}

fn amount() -> Amount {
    Amount { minor: 7_050, currency: Currency::parse("EUR").unwrap() }
}

fn total() -> Total {
    amount().into()
}

fn shipment() -> Shipment {
    Shipment { carrier: Some("Post".into()), tracking_id: Some("RR 123 456 DE".into()) }
}

fn inbound(event_id: &str, body: Body) -> Read {
    let occurred_at = "2026-11-21T08:46:00Z".parse().unwrap();
    Read::In(Inbound { event_id: OrderId::parse(event_id).unwrap().0, occurred_at, body })
}

#[test]
fn every_type_has_a_golden_record_that_its_schemas_accept() {
    let headers = validator("headers");
    let mut seen = BTreeSet::new();
    for (name, golden) in goldens() {
        let kind = golden.kind().as_str();
        assert_eq!(name.strip_suffix(".in").unwrap_or(&name), kind);
        let faults = |validator: &jsonschema::Validator, document: &serde_json::Value| {
            validator.iter_errors(document).map(|fault| fault.to_string()).collect::<Vec<_>>()
        };
        let none: [String; 0] = [];
        assert_eq!(faults(&validator(kind), &golden.parsed()), none, "{name}");
        let document = serde_json::to_value(&golden.headers).unwrap();
        assert_eq!(faults(&headers, &document), none, "{name}");
        assert_eq!(golden.headers["ce_subject"], golden.key, "{name}");
        seen.insert(kind);
    }
    assert_eq!(seen, EventType::ALL.map(EventType::as_str).into_iter().collect());
}

#[test]
fn incoming_records_say_what_they_say() {
    let sku = |text| Sku::parse(text).unwrap();
    let order = Order {
        customer_id: CustomerId::parse("c-1").unwrap(),
        lines: vec![
            Line { sku: sku("p-1"), quantity: 2, price_minor: 1_025 },
            Line { sku: sku("p-2"), quantity: 1, price_minor: 5_000 },
        ],
        total: amount(),
    };
    let cancel = CancelRequest { reason: Some("found it cheaper".into()) };
    let adjustment = StockAdjustment { quantity: -3, reason: AdjustmentReason::Correction };
    let read = |name: &str| golden(name).read();
    assert_eq!(read("order.created.v1"), inbound(ORDER, Body::Created(order_id(), order)));
    assert_eq!(
        read("order.cancel_requested.v1"),
        inbound(EVENT, Body::CancelRequested(order_id(), cancel.clone()))
    );
    assert_eq!(read("order.shipped.v1.in"), inbound(EVENT, Body::Shipped(order_id(), shipment())));
    assert_eq!(
        read("stock.adjusted.v1"),
        inbound(EVENT, Body::StockAdjusted(sku("p-1"), adjustment.clone()))
    );
    // An order's value is the customer's own bytes; these three we write.
    written("order.cancel_requested.v1", &cancel);
    written("order.shipped.v1.in", &shipment());
    written("stock.adjusted.v1", &adjustment);
}

fn written(name: &str, value: &impl Serialize) {
    assert_eq!(serde_json::to_string(value).unwrap(), golden(name).value.get(), "{name}");
}

#[test]
fn outgoing_records_are_written_and_read_to_the_byte() {
    let (order_id, customer_id) = (order_id(), "c-1".to_owned());
    let customer = || customer_id.clone();
    let product_id = Sku::parse("p-1").unwrap();
    let outcomes = [
        Outcome::InventoryReserved { order_id, customer_id: customer(), total: total() },
        Outcome::InventoryFailed {
            order_id,
            customer_id: customer(),
            reason: RejectReason::InsufficientStock,
            product_id: product_id.clone(),
            requested: 2,
            available: 1,
        },
        Outcome::PaymentCompleted { order_id, customer_id: customer(), total: total() },
        Outcome::PaymentFailed {
            order_id,
            customer_id: customer(),
            reason: DeclineReason::InsufficientFunds,
        },
        Outcome::OrderCancelled {
            order_id,
            customer_id: customer(),
            reason: Some("found it cheaper".into()),
            refund: Some(total()),
        },
        Outcome::OrderShipped { order_id, customer_id: customer(), shipment: shipment() },
        Outcome::StockLow { product_id, available: 3, threshold: 10 },
    ];
    for outcome in outcomes {
        let kind = outcome.event_type();
        let golden = golden(kind.as_str());
        written(kind.as_str(), &outcome);
        assert_eq!(golden.key, outcome.subject());
        let (id, stem) = (&golden.headers["ce_id"], outcome_id(&golden.key, kind));
        assert!(*id == stem || kind == EventType::StockLow && id.starts_with(&stem), "{id}");
        assert_eq!(golden.read(), Read::Out(outcome));
    }
}
