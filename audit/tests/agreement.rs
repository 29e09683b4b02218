//! The audit's rules were written apart from the contract's, so that a mistake
//! in one shows. Here both read the same hostile documents and records: where
//! they differ, one of them is wrong.

use audit::place::{Place, Topic};
use audit::rules::{self, Headers, Meaning};
use contract::Scratch;
use contract::inbound::{Body, Parts, decode_order_record, decode_stock_record};
use proptest::prelude::*;

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "1",
            "-0",
            "0",
            "null",
            "true",
            "\"p-1\"",
            "\"\\ud800\"",
            "\"a\\u0062\"",
            "\"a b\"",
            "\"\\u0000\"",
            "\"é\"",
            "1e2",
            "1E400",
            "1.0",
            "[]",
            "{\"x\":1}",
            "{\"x\":1,\"x\":1}",
            "18446744073709551616",
            "9007199254740993",
            "9999999999999.99",
            "10000000000000",
            "\"JPY\"",
            "\"KWD\"",
            "\"XAU\"",
            "\"eur\"",
            "\"\"",
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| n.to_string()),
        (0..2_000_000_i64).prop_map(|n| n.to_string()),
        (0..10_000_000_i64, 0..4_u32).prop_map(|(n, digits)| {
            let scale = 10_i64.pow(digits);
            format!("{}.{:0width$}", n / scale, n % scale, width = digits.max(1) as usize)
        }),
    ]
}

fn mostly(good: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![6 => Just(good.to_owned()), 1 => scalar()]
}

fn line() -> impl Strategy<Value = String> {
    (mostly("\"p-1\""), mostly("3"), prop_oneof![mostly("9.95"), scalar()], any::<u8>()).prop_map(
        |(sku, quantity, price, shape)| match shape {
            0..8 => format!(r#"{{"productId":{sku},"quantity":{quantity}}}"#),
            8..16 => format!(r#"[{sku},{quantity},{price}]"#),
            16..24 => format!(
                r#"{{"productId":{sku},"productId":{sku},"quantity":{quantity},"price":{price}}}"#
            ),
            24..28 => format!(
                r#"{{"note":[{{"a\u0085":1}}],"productId":{sku},"quantity":{quantity},"price":{price}}}"#
            ),
            28..40 => format!(
                r#"{{"note":{price},"productId":{sku},"quantity":{quantity},"price":{price}}}"#
            ),
            _ => format!(r#"{{"productId":{sku},"quantity":{quantity},"price":{price}}}"#),
        },
    )
}

fn order() -> impl Strategy<Value = String> {
    let lines = prop::collection::vec(line(), 0..4);
    (mostly("\"c-1\""), mostly("\"EUR\""), lines, any::<u8>()).prop_map(
        |(customer, currency, lines, shape)| {
            let lines = lines.join(",");
            match shape {
                0..8 => format!(r#"{{"customerId":{customer},"items":[{lines}]"#),
                8..16 => format!(r#"{{"customerId":{customer},"items":[{lines}]}} x"#),
                16..100 => format!(r#"{{"customerId":{customer},"items":[{lines}]}}"#),
                _ => format!(
                    r#"{{"customerId":{customer},"currency":{currency},"items":[{lines}]}}"#
                ),
            }
        },
    )
}

fn small() -> impl Strategy<Value = String> {
    let member = (
        prop::sample::select(vec!["reason", "carrier", "trackingId", "quantity"]),
        prop_oneof![
            scalar(),
            Just("\"restock\"".to_owned()),
            Just("\"correction\"".to_owned()),
            (0..250_usize).prop_map(|n| format!("\"{}\"", "ä".repeat(n))),
        ],
    );
    let member = member.prop_map(|(name, value)| format!("\"{name}\":{value}"));
    prop_oneof![
        9 => prop::collection::vec(member, 0..3).prop_map(|m| format!("{{{}}}", m.join(","))),
        1 => Just(String::new()),
        1 => scalar(),
    ]
}

/// One member of a record's envelope.
fn mostly_bytes(good: &'static str) -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        8 => Just(Some(good.as_bytes().to_vec())),
        1 => Just(None),
        1 => prop::sample::select(vec![
            &b""[..], b"x", b"\xff", b"01990000-0000-7000-8000-000000000002",
            b"01990000-0000-7000-8000-00000000000A", b"{01990000-0000-7000-8000-000000000001}",
            b"0199000000007000800000000000001a", b"2026-11-21", b"2026-02-30T00:00:00Z",
            b"2026-11-21T08:00:00+02:00", b"2026-11-21 08:00:00Z", b"order.created.v2",
            b"stock.adjusted.v1", b"order.shipped.v1", b"p 1", b"p-2", b"1.1",
        ]).prop_map(|bytes| Some(bytes.to_vec())),
    ]
}

const ID: &str = "01990000-0000-7000-8000-000000000001";

#[derive(Debug)]
struct Sent {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: [Option<Vec<u8>>; 4],
}

fn sent() -> impl Strategy<Value = (Topic, Sent)> {
    let kinds =
        ["order.created.v1", "order.cancel_requested.v1", "order.shipped.v1", "stock.adjusted.v1"];
    prop::sample::select(kinds.to_vec()).prop_flat_map(|kind| {
        let topic = if kind.starts_with("stock") { Topic::Stock } else { Topic::Orders };
        let key = if topic == Topic::Stock { "p-1" } else { ID };
        let body = if kind == "order.created.v1" { order().boxed() } else { small().boxed() };
        let value = prop_oneof![9 => body.prop_map(|b| Some(b.into_bytes())), 1 => Just(None)];
        let headers = [ID, kind, "2026-11-21T08:00:00.5Z", "1.0"].map(mostly_bytes);
        (mostly_bytes(key), value, headers)
            .prop_map(move |(key, value, headers)| (topic, Sent { key, value, headers }))
    })
}

/// What the audit makes of it, in words that can be compared.
fn ours(topic: Topic, sent: &Sent) -> Result<String, rules::Defects> {
    let names = ["ce_id", "ce_type", "ce_time", "ce_specversion"];
    let headers = names.into_iter().zip(&sent.headers);
    let headers = headers.filter(|(_, value)| value.is_some());
    let headers = Headers(headers.map(|(name, value)| (name, value.as_deref())).collect());
    let place = Place { topic, partition: 0, offset: 0 };
    let (key, value) = (sent.key.as_deref(), sent.value.as_deref());
    match rules::read(&rules::Record { place, logged_s: 0, key, value, headers }) {
        Meaning::Unreadable(defects) => Err(defects),
        Meaning::Created { id, at_us, order } => {
            let lines: Vec<_> =
                order.lines.iter().map(|l| (l.sku.as_str(), l.quantity, l.price)).collect();
            let (currency, total) = (order.currency.as_str(), order.total);
            Ok(format!("{id} {at_us} {} {currency} {total} {lines:?}", order.customer))
        }
        Meaning::Cancel { event, order, reason } => Ok(format!("{event} {order} {reason:?}")),
        Meaning::Ship { event, order, carrier, tracking } => {
            Ok(format!("{event} {order} {carrier:?} {tracking:?}"))
        }
        Meaning::Adjust { event, sku, pieces } => Ok(format!("{event} {sku} {pieces}")),
    }
}

/// What the contract makes of it, in the same words; or its code.
fn theirs(topic: Topic, sent: &Sent) -> Result<String, &'static str> {
    let [id, kind, time, version] = &sent.headers;
    let parts = Parts {
        key: sent.key.as_deref(),
        value: sent.value.as_deref(),
        version: version.as_deref(),
        id: id.as_deref(),
        kind: kind.as_deref(),
        time: time.as_deref(),
    };
    let inbound = match topic {
        Topic::Stock => decode_stock_record(parts),
        _ => decode_order_record(parts, &mut Scratch::default()),
    };
    let inbound = inbound.map_err(|rejection| rejection.code())?;
    let event = inbound.event_id;
    Ok(match inbound.body {
        Body::Created(order_id, order) => {
            let lines: Vec<_> =
                order.lines.iter().map(|l| (l.sku.as_str(), l.quantity, l.price_minor)).collect();
            let (at_us, total) = (inbound.occurred_at.as_microsecond(), order.total);
            let (currency, minor) = (total.currency.code(), total.minor);
            format!("{order_id} {at_us} {} {currency} {minor} {lines:?}", order.customer_id)
        }
        Body::CancelRequested(order_id, request) => {
            format!("{event} {order_id} {:?}", request.reason)
        }
        Body::Shipped(order_id, shipment) => {
            format!("{event} {order_id} {:?} {:?}", shipment.carrier, shipment.tracking_id)
        }
        Body::StockAdjusted(sku, adjustment) => format!("{event} {sku} {}", adjustment.quantity),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn both_read_the_same_and_every_rejection_names_a_defect((topic, sent) in sent()) {
        match (ours(topic, &sent), theirs(topic, &sent)) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(defects), Err(code)) => prop_assert!(defects.name(code), "{} of {}", code, defects),
            (ours, theirs) => prop_assert!(false, "audit {:?}, contract {:?}", ours, theirs),
        }
    }
}
