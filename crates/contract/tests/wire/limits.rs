//! Every limit in a schema is the named constant of our code, and both judge the
//! values at and beyond it alike.

use contract::event::EventType;
use contract::{
    ADJUSTMENT_MAX, DeclineReason, ID_CHARS_MAX, LINES_MAX, MINOR_MAX, QUANTITY_MAX, RejectReason,
    TEXT_CHARS_MAX,
};
use serde_json::{Value, json};

use crate::files::{golden, schema, validator};

/// Walks a schema and calls `visit` with the pointer and value of every limit.
fn limits(schema: &Value, pointer: &str, visit: &mut impl FnMut(&str, &Value)) {
    let Value::Object(members) = schema else {
        return;
    };
    for (name, member) in members {
        let place = format!("{pointer}/{name}");
        match name.as_str() {
            "maximum" | "minimum" | "maxLength" | "minLength" | "maxItems" | "minItems" => {
                visit(&place, member);
            }
            _ => limits(member, &place, visit),
        }
    }
}

/// The limit that our code has at this place of a schema.
fn ours(kind: &str, pointer: &str) -> Value {
    let (place, limit) = pointer.rsplit_once('/').unwrap();
    let member = place.rsplit('/').next().unwrap();
    let stock = kind == "stock.adjusted.v1";
    match (member, limit) {
        ("items", "minItems") => json!(1),
        ("items", "maxItems") => json!(LINES_MAX),
        ("orderId" | "customerId" | "productId", "minLength") => json!(1),
        ("customerId" | "productId", "maxLength") => json!(ID_CHARS_MAX),
        ("reason" | "carrier" | "trackingId", "minLength") => json!(1),
        ("reason" | "carrier" | "trackingId", "maxLength") => json!(TEXT_CHARS_MAX),
        ("price" | "totalPrice", "minimum") => json!(0),
        ("price" | "totalPrice", "maximum") => json!(MINOR_MAX),
        ("quantity", "minimum") if stock && place.starts_with("/then") => json!(1),
        ("quantity", "minimum") if stock => json!(-ADJUSTMENT_MAX),
        ("quantity", "maximum") if stock => json!(ADJUSTMENT_MAX),
        ("quantity", "minimum") => json!(1),
        ("quantity", "maximum") => json!(QUANTITY_MAX),
        ("requested", "minimum") => json!(1),
        ("requested", "maximum") => json!(LINES_MAX as i64 * QUANTITY_MAX),
        ("available" | "threshold", "minimum") => json!(0),
        _ => panic!("{kind} has a limit that our code does not have: {pointer}"),
    }
}

#[test]
fn every_limit_in_a_schema_is_a_constant_of_ours() {
    let mut checked = 0;
    for kind in EventType::ALL.map(EventType::as_str) {
        limits(&schema(kind), "", &mut |pointer, limit| {
            assert_eq!(*limit, ours(kind, pointer), "{kind} at {pointer}");
            checked += 1;
        });
    }
    assert_eq!(checked, 48);
}

#[test]
fn closed_words_are_the_same_in_schema_and_code() {
    let words = |kind: &str| schema(kind).pointer("/properties/reason/enum").unwrap().clone();
    assert_eq!(words("inventory.failed.v1"), json!(RejectReason::ALL.map(RejectReason::as_str)));
    assert_eq!(words("payment.failed.v1"), json!(DeclineReason::ALL.map(DeclineReason::as_str)));
    assert_eq!(words("stock.adjusted.v1"), json!(["restock", "correction"]));
    let types = schema("headers").pointer("/properties/ce_type/enum").unwrap().clone();
    assert_eq!(types, json!(EventType::ALL.map(EventType::as_str)));
}

/// Puts `value` at `pointer` of a golden and asks schema and reader.
fn judged(name: &str, pointer: &str, value: &Value) -> bool {
    let golden = golden(name);
    let mut document = golden.parsed();
    *document.pointer_mut(pointer).unwrap() = value.clone();
    let valid = validator(golden.kind().as_str()).is_valid(&document);
    let read = golden.read_with(document.to_string().as_bytes());
    assert_eq!(read.is_ok(), valid, "{name}{pointer} = {value}: {read:?}");
    valid
}

#[test]
fn schema_and_code_judge_the_edges_of_every_limit_alike() {
    let ids = ["x".repeat(ID_CHARS_MAX), "x".repeat(ID_CHARS_MAX + 1)];
    let texts = ["é".repeat(TEXT_CHARS_MAX), "é".repeat(TEXT_CHARS_MAX + 1)];
    let lines = |count: usize| vec![json!({"productId": "p", "quantity": 1, "price": 1}); count];
    let created = "order.created.v1";
    let mut edges = vec![
        (created, "/items", json!(lines(LINES_MAX)), json!(lines(LINES_MAX + 1))),
        (created, "/items", json!(lines(1)), json!(lines(0))),
        (created, "/items/0/quantity", json!(1), json!(0)),
        (created, "/items/0/quantity", json!(QUANTITY_MAX), json!(QUANTITY_MAX + 1)),
        (created, "/items/0/price", json!(0), json!(-1)),
        (created, "/currency", json!("USD"), json!("usd")),
        ("stock.adjusted.v1", "/quantity", json!(ADJUSTMENT_MAX), json!(ADJUSTMENT_MAX + 1)),
        ("stock.adjusted.v1", "/quantity", json!(-ADJUSTMENT_MAX), json!(-ADJUSTMENT_MAX - 1)),
        ("stock.adjusted.v1", "/quantity", json!(1), json!(0)),
        ("payment.completed.v1", "/totalPrice", json!(0), json!(-1)),
        ("inventory.failed.v1", "/reason", json!("unknown_product"), json!("theft")),
        ("order.cancelled.v1", "/refund/totalPrice", json!(0.5), json!("0.5")),
    ];
    for (name, pointer) in [
        (created, "/customerId"),
        (created, "/items/1/productId"),
        ("stock.low.v1", "/productId"),
        ("order.shipped.v1", "/customerId"),
    ] {
        edges.push((name, pointer, json!(ids[0]), json!(ids[1])));
        edges.push((name, pointer, json!("A.b_c:d-9"), json!("a b")));
        edges.push((name, pointer, json!("a"), json!("")));
    }
    for (name, pointer) in [
        ("order.cancel_requested.v1", "/reason"),
        ("order.shipped.v1.in", "/carrier"),
        ("order.shipped.v1.in", "/trackingId"),
    ] {
        edges.push((name, pointer, json!(texts[0]), json!(texts[1])));
        edges.push((name, pointer, json!("\u{a0}"), json!("a\u{0}")));
        edges.push((name, pointer, json!("a"), json!("\u{85}")));
    }
    for (name, pointer, good, bad) in edges {
        assert!(judged(name, pointer, &good), "{name}{pointer} at its limit");
        assert!(!judged(name, pointer, &bad), "{name}{pointer} beyond its limit");
    }
}

#[test]
fn a_restock_only_adds() {
    let read = |value: &str| {
        let document: Value = serde_json::from_str(value).unwrap();
        let valid = validator("stock.adjusted.v1").is_valid(&document);
        assert_eq!(golden("stock.adjusted.v1").read_with(value.as_bytes()).is_ok(), valid);
        valid
    };
    assert!(read(r#"{"quantity":5,"reason":"restock"}"#));
    assert!(!read(r#"{"quantity":-5,"reason":"restock"}"#));
    assert!(read(r#"{"quantity":-5,"reason":"correction"}"#));
}
