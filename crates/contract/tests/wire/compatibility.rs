//! Old and new programs read each other: members that a reader does not know
//! change nothing, optional ones may be missing, and the schema and the code
//! agree on which those are.

use contract::event::{EventType, Outcome, read};
use contract::{DeclineReason, OrderId};
use serde_json::{Map, Value, json};

use crate::files::{golden, goldens, validator};

/// The JSON pointers of every object in a document.
fn objects(document: &Value, pointer: &str, found: &mut Vec<String>) {
    match document {
        Value::Object(members) => {
            found.push(pointer.to_owned());
            for (name, member) in members {
                objects(member, &format!("{pointer}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                objects(item, &format!("{pointer}/{n}"), found);
            }
        }
        _ => {}
    }
}

fn object_at<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Map<String, Value> {
    document.pointer_mut(pointer).unwrap().as_object_mut().unwrap()
}

fn each_object(mut check: impl FnMut(&crate::files::Golden, &str)) {
    for (_, golden) in goldens() {
        let mut found = Vec::new();
        objects(&golden.parsed(), "", &mut found);
        found.iter().for_each(|pointer| check(&golden, pointer));
    }
}

#[test]
fn an_old_reader_reads_what_a_newer_writer_added() {
    let mut checked = 0;
    each_object(|golden, pointer| {
        let mut newer = golden.parsed();
        let added = [("addedLater", json!({"deep": [1, null]})), ("note", json!("\u{e9}"))];
        object_at(&mut newer, pointer).extend(added.map(|(name, value)| (name.into(), value)));
        let kind = golden.kind().as_str();
        assert!(validator(kind).is_valid(&newer), "{kind} at {pointer:?}");
        let read = golden.read_with(newer.to_string().as_bytes()).unwrap();
        assert_eq!(read, golden.read(), "{kind} at {pointer:?}");
        checked += 1;
    });
    assert_eq!(checked, 14, "eleven events, two order lines, one refund");
}

#[test]
fn a_new_reader_misses_only_what_an_old_writer_had_to_write() {
    let (mut optional, mut required) = (Vec::new(), Vec::new());
    each_object(|golden, pointer| {
        let names: Vec<_> = object_at(&mut golden.parsed(), pointer).keys().cloned().collect();
        for name in names {
            let mut older = golden.parsed();
            object_at(&mut older, pointer).remove(&name);
            let kind = golden.kind().as_str();
            let valid = validator(kind).is_valid(&older);
            let read = golden.read_with(older.to_string().as_bytes());
            assert_eq!(read.is_ok(), valid, "{kind} without {pointer}/{name}: {read:?}");
            let list = if valid { &mut optional } else { &mut required };
            list.push(format!("{kind}{pointer}/{name}"));
        }
    });
    assert_eq!(
        optional,
        [
            "order.cancel_requested.v1/reason",
            "order.cancelled.v1/reason",
            "order.cancelled.v1/refund",
            "order.created.v1/currency",
            "order.shipped.v1/carrier",
            "order.shipped.v1/trackingId",
            "order.shipped.v1/carrier",
            "order.shipped.v1/trackingId",
        ]
    );
    assert_eq!(required.len(), 36);
}

#[test]
fn an_order_without_a_currency_is_one_in_euros() {
    let created = golden("order.created.v1");
    let mut older = created.parsed();
    object_at(&mut older, "").remove("currency");
    assert_eq!(created.read_with(older.to_string().as_bytes()).unwrap(), created.read());
}

#[test]
fn a_decline_word_of_a_newer_writer_is_read_as_declined() {
    let data = golden("payment.failed.v1").value.get().replace("insufficient_funds", "stolen_card");
    let order_id = OrderId::parse(&golden("payment.failed.v1").key).unwrap();
    let reason = DeclineReason::Declined;
    let declined = Outcome::PaymentFailed { order_id, customer_id: "c-1".into(), reason };
    assert_eq!(read(EventType::PaymentFailed, data.as_bytes()), Ok(declined));
}
