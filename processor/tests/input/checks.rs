//! What must hold for any bytes at all: nothing panics, and where two readers
//! read the same, they agree. Run by `cargo test` on mutated samples and by the
//! targets in `fuzz/` on whatever libFuzzer finds.

use contract::Scratch;
use contract::inbound::VALUE_BYTES_MAX;
use contract::order::{decode_explained, decode_serde_json, decode_simd_json};
use contract::{LINES_MAX, MINOR_MAX, Order};
use processor::lane::{LaneId, Record, RecordBuilder, Source};
use processor::store::{decode, encode};
use processor::work::read::read;

/// The body of `POST /orders`: the readers of the common shape accept only what
/// the definition does, as the same order.
pub fn order_body(data: &[u8]) {
    let mut scratch = Scratch::default();
    let truth = decode_explained(data);
    for order in decode_simd_json(data, &mut scratch).into_iter().chain(decode_serde_json(data)) {
        assert_eq!(Ok(&order), truth.as_ref());
    }
    assert_eq!(Order::decode(data, &mut scratch), truth, "a used scratch changes nothing");
    match truth {
        Ok(order) => {
            assert!((1..=LINES_MAX).contains(&order.lines.len()));
            assert!((0..=MINOR_MAX).contains(&order.total.minor));
        }
        Err(violations) => assert!(!violations.as_slice().is_empty()),
    }
}

/// A Kafka record: four lines for key, `ce_id`, `ce_type` and `ce_time`, where
/// `!` leaves it out, and the value. It is read or it is dead, never both, and
/// twice the same.
pub fn record(data: &[u8]) {
    let mut parts = data.splitn(5, |byte| *byte == b'\n');
    let mut part = || parts.next().filter(|part| *part != b"!");
    let (key, id, kind, time, value) = (part(), part(), part(), part(), part());
    for source in [Source::Orders, Source::Stock] {
        let lane = LaneId { source, partition: 0 };
        let mut builder = RecordBuilder::new(lane, 7, 64);
        builder.content(key, value);
        builder.header("ce_specversion", Some(b"1.0"));
        for (name, value) in [("ce_id", id), ("ce_type", kind), ("ce_time", time)] {
            if value.is_some() {
                builder.header(name, value);
            }
        }
        let record = builder.build();
        assert_eq!((record.key(), record.value()), (key, value));
        judge(&record);
    }
}

fn judge(record: &Record) {
    const CODES: [&str; 6] =
        ["bad_header", "unknown_type", "bad_key", "no_value", "too_large", "invalid_body"];
    let mut scratch = Scratch::default();
    let first = read(std::iter::once(record), &mut scratch);
    let again = read(std::iter::once(record), &mut scratch);
    assert_eq!(first.records, again.records);
    assert_eq!(first.records.len() + first.dead.len(), 1);
    assert!(first.dead.iter().all(|letter| CODES.contains(&letter.code)));
    assert!(first.dead.iter().all(|letter| letter.message.len() <= 1024));
    let readable = record.value().is_some_and(|value| value.len() <= VALUE_BYTES_MAX);
    assert!(first.records.is_empty() || readable);
}

/// Headers: a line `name=value` each, without `=` for one without a value. All
/// are kept in their order; of several with one name the first value counts.
pub fn headers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let headers: Vec<(&str, Option<&[u8]>)> = text
        .lines()
        .map(|line| match line.split_once('=') {
            Some((name, value)) => (name, Some(value.as_bytes())),
            None => (line, None),
        })
        .collect();
    let lane = LaneId { source: Source::Orders, partition: 0 };
    let mut builder = RecordBuilder::new(lane, 0, 0);
    headers.iter().for_each(|(name, value)| builder.header(name, *value));
    let record = builder.build();
    let kept = record.headers();
    assert!(kept.eq(headers.iter().map(|(name, value)| (name.as_bytes(), *value))));
    let first = |name| headers.iter().find_map(|(other, value)| value.filter(|_| *other == name));
    let parts = record.parts();
    assert_eq!(parts.version, first("ce_specversion"));
    assert_eq!(parts.id, first("ce_id"));
    assert_eq!(parts.kind, first("ce_type"));
    assert_eq!(parts.time, first("ce_time"));
    judge(&record);
}

/// A row of the outbox: what is read is written again as the same events, unless
/// somebody else wrote what our ids and subjects never hold.
pub fn outbox(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(events) = decode(text) else { return };
    // A row is written for events; there is none without.
    if events.is_empty() {
        return;
    }
    let plain = |text: &str| text.chars().all(|c| c != '"' && c != '\\' && !c.is_control());
    if events
        .iter()
        .all(|event| [&*event.id, &*event.subject, &*event.time].iter().all(|t| plain(t)))
    {
        assert_eq!(decode(&encode(&events)), Ok(events));
    }
}
