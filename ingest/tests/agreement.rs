//! Gateway and processor agree on every order, valid or broken: what the gateway
//! takes, the processor reads as the same order; what it refuses, the processor
//! refuses for the same faults when the bytes are put on the topic by hand.

#![cfg(test)]

use contract::inbound::{Body, Rejection, VALUE_BYTES_MAX, decode_order_record};
use contract::{Order, OrderId, Scratch, Violations};
use ingest::problem::{Kind, Problem};
use ingest::publisher::Event;
use ingest::{body, place_order};
use processor::lane::{LaneId, Record, RecordBuilder, Source};
use processor::work::read::read;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rdkafka::message::Headers;

const LANE: LaneId = LaneId { source: Source::Orders, partition: 0 };

/// The gateway's verdict on a body: 202 with what it took, or a problem.
fn gateway(bytes: &[u8]) -> Result<place_order::Taken, Problem> {
    body::within_limit(bytes.len() as u64)?;
    place_order::take(bytes, None, OrderId::mint)
}

/// An event as the processor's poll loop copies it out of Kafka.
fn record(event: &Event<'_>) -> Record {
    let mut builder = RecordBuilder::new(LANE, 3, event.value.len());
    builder.content(Some(event.key.as_bytes()), Some(event.value));
    for header in event.headers().iter() {
        builder.header(header.key, header.value);
    }
    builder.build()
}

/// The processor's verdict on a record, which must be that of the batch it reads.
fn processor(record: &Record) -> Result<(OrderId, Order), Rejection> {
    let verdict = decode_order_record(record.parts(), &mut Scratch::default());
    let batch = read(std::iter::once(record), &mut Scratch::default());
    match &verdict {
        Ok(inbound) => assert_eq!(batch.records[0].0.inbound, *inbound),
        Err(rejection) => assert_eq!(batch.dead[0].code, rejection.code()),
    }
    verdict.map(|inbound| match inbound.body {
        Body::Created(id, order) => (id, order),
        other => panic!("an order is read as {other:?}"),
    })
}

fn agree(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let taken = gateway(bytes);
    // Refused bytes are put on the topic by hand, as the gateway would have.
    let by_hand = || place_order::Taken {
        id: OrderId::mint(),
        total: contract::Amount { minor: 0, currency: contract::Currency::DEFAULT },
        created_at: ingest::requests::now(),
    };
    let sent = taken.as_ref().map_or_else(
        |_| by_hand(),
        |taken| place_order::Taken {
            id: taken.id,
            total: taken.total,
            created_at: taken.created_at.clone(),
        },
    );
    let id = sent.id.to_string();
    let verdict = processor(&record(&place_order::event("orders", &id, &sent, bytes)));
    match (&taken, verdict) {
        (Ok(taken), Ok((id, order))) => {
            prop_assert_eq!((taken.id, taken.total), (id, order.total));
        }
        (Err(problem), Err(Rejection::Body(violations))) => {
            prop_assert_eq!(problem.kind(), Kind::InvalidBody);
            prop_assert_eq!(
                problem.violations().map(Violations::as_slice),
                Some(violations.as_slice())
            );
        }
        (Err(problem), Err(Rejection::TooLarge(length))) => {
            prop_assert_eq!((problem.kind(), length), (Kind::TooLarge, bytes.len()));
        }
        (taken, verdict) => prop_assert!(false, "{:?} at the gateway, then {:?}", taken, verdict),
    }
    Ok(taken.is_ok())
}

fn scalar() -> impl Strategy<Value = String> {
    let known = [
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
        "\"\"",
        "1e2",
        "1E400",
        "1.0",
        "0.001",
        "[]",
        "{}",
        "{\"x\":1,\"x\":2}",
        "18446744073709551616",
        "9999999999999.99",
        "\"JPY\"",
        "\"KWD\"",
        "\"eur\"",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| n.to_string()),
    ]
}

fn mostly(good: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![40 => Just(good.to_owned()), 1 => scalar()]
}

fn member(name: &'static str, good: &'static str) -> impl Strategy<Value = Vec<String>> {
    // Once nearly always; else not at all, or twice.
    let times = prop_oneof![60 => Just(1_usize), 1 => Just(0), 1 => Just(2)];
    (mostly(good), times).prop_map(move |(value, times)| vec![format!("\"{name}\":{value}"); times])
}

fn object(members: Vec<Vec<String>>, strange: Option<String>) -> String {
    let strange = strange.map(|value| format!("\"note\":{value}"));
    let members: Vec<_> = members.into_iter().flatten().chain(strange).collect();
    format!("{{{}}}", members.join(","))
}

fn order() -> impl Strategy<Value = String> {
    let line = (
        member("productId", "\"p-1\""),
        member("quantity", "3"),
        member("price", "9.95"),
        prop::option::weighted(0.05, scalar()),
    )
        .prop_map(|(sku, quantity, price, strange)| object(vec![sku, quantity, price], strange));
    let lines = prop_oneof![20 => prop::collection::vec(line, 1..4), 1 => prop::collection::vec(scalar(), 0..2)];
    let items = lines.prop_map(|lines| vec![format!("\"items\":[{}]", lines.join(","))]);
    let members = (member("customerId", "\"c-1\""), member("currency", "\"EUR\""), items);
    (members, prop::option::weighted(0.1, scalar())).prop_map(
        |((customer, currency, items), strange)| object(vec![customer, currency, items], strange),
    )
}

/// Bytes that are an order, or were until one of them was changed or lost.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let harm =
        prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>(), any::<bool>()));
    (order(), harm).prop_map(|(text, harm)| {
        let mut bytes = text.into_bytes();
        match harm {
            Some((at, _, true)) => bytes.truncate(at.index(bytes.len())),
            Some((at, byte, false)) => {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            None => {}
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_one_takes_the_other_reads_and_what_one_refuses_so_does_the_other(bytes in bytes()) {
        agree(&bytes)?;
    }
}

#[test]
fn the_generated_orders_are_neither_all_taken_nor_all_refused() {
    let (strategy, mut runner) = (bytes(), TestRunner::deterministic());
    let mut sample = || strategy.new_tree(&mut runner).unwrap().current();
    let taken = (0..1_000).filter(|_| agree(&sample()).unwrap()).count();
    assert!((200..800).contains(&taken), "{taken} of 1000");
}

#[test]
fn they_agree_at_the_edges_of_size_and_number() {
    let line = r#"{"productId":"p","quantity":1,"price":1}"#;
    let lines = |n: usize| format!(r#"{{"customerId":"c","items":[{}]}}"#, vec![line; n].join(","));
    let padded = |length: usize| lines(1) + &" ".repeat(length - lines(1).len());
    assert!(agree(lines(100).as_bytes()).unwrap());
    assert!(!agree(lines(101).as_bytes()).unwrap());
    assert!(agree(padded(VALUE_BYTES_MAX).as_bytes()).unwrap());
    assert!(!agree(padded(VALUE_BYTES_MAX + 1).as_bytes()).unwrap());
    assert!(!agree(b"").unwrap());
}
