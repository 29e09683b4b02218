//! One record of an input topic: what it says, or everything that is wrong
//! with it.

use jiff::Timestamp;
use uuid::Uuid;

use super::defects::{Defect, Defects};
use super::id::{id_of, is_id};
use super::order::{self, Order};
use super::request;
use crate::place::{Place, Topic};

/// Larger values are not read.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// PostgreSQL's calendar begins on 24 November 4714 BC (Julian day 0); in
/// seconds since 1970.
const DATABASE_SECOND_MIN: i64 = -210_866_803_200;

/// A record as it lies in the log.
#[derive(Debug)]
pub struct Record<'a> {
    /// Where.
    pub place: Place,
    /// When it was written, in seconds since 1970, by the log's clock.
    pub logged_s: u32,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

/// A record that is kept.
#[derive(Clone, Debug)]
pub struct OwnedRecord {
    /// Where it lies.
    pub place: Place,
    logged_s: u32,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record<'_> {
    /// A copy.
    pub fn to_owned(&self) -> OwnedRecord {
        let header =
            |(name, value): &(&str, Option<&[u8]>)| ((*name).to_owned(), value.map(<[u8]>::to_vec));
        OwnedRecord {
            place: self.place,
            logged_s: self.logged_s,
            key: self.key.map(<[u8]>::to_vec),
            value: self.value.map(<[u8]>::to_vec),
            headers: self.headers.0.iter().map(header).collect(),
        }
    }
}

impl OwnedRecord {
    /// The record.
    pub fn as_record(&self) -> Record<'_> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        Record {
            place: self.place,
            logged_s: self.logged_s,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: Headers(headers.collect()),
        }
    }
}

/// The headers of a record: name and value, in order. One whose name is not
/// UTF-8 cannot be read and is not among them.
#[derive(Debug, Default)]
pub struct Headers<'a>(pub Vec<(&'a str, Option<&'a [u8]>)>);

impl<'a> Headers<'a> {
    /// The first value under that name.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().filter(|(key, _)| *key == name).find_map(|(_, value)| *value)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.get(name)?).ok()
    }
}

/// What a record says.
#[derive(Debug)]
pub enum Meaning {
    /// An order was taken.
    Created {
        /// The order, and the event.
        id: Uuid,
        /// When, in microseconds since 1970.
        at_us: i64,
        /// What was ordered.
        order: Order,
    },
    /// An order shall be cancelled.
    Cancel {
        /// The event.
        event: Uuid,
        /// The order.
        order: Uuid,
        /// Why.
        reason: Option<String>,
    },
    /// An order was handed over.
    Ship {
        /// The event.
        event: Uuid,
        /// The order.
        order: Uuid,
        /// Who carries it.
        carrier: Option<String>,
        /// The carrier's number.
        tracking: Option<String>,
    },
    /// Stock changed.
    Adjust {
        /// The event.
        event: Uuid,
        /// The product.
        sku: String,
        /// Pieces added or removed.
        pieces: i64,
    },
    /// Nobody can read it.
    Unreadable(Defects),
}

/// Reads a record of an input topic.
pub fn read(record: &Record<'_>) -> Meaning {
    let mut defects = Defects::default();
    let event = record.headers.get("ce_id").and_then(id_of);
    let time = record.headers.text("ce_time").and_then(|time| time.parse::<Timestamp>().ok());
    let kind = record.headers.text("ce_type");
    let version = record.headers.get("ce_specversion") == Some(b"1.0");
    let whole = version && event.is_some() && time.is_some() && kind.is_some();
    defects.note(Defect::BadHeader, !whole);
    let meaning = match (record.place.topic, kind) {
        (Topic::Orders, Some("order.created.v1")) => created(record, event, time, &mut defects),
        (Topic::Orders, Some("order.cancel_requested.v1")) => cancel(record, event, &mut defects),
        (Topic::Orders, Some("order.shipped.v1")) => ship(record, event, &mut defects),
        (Topic::Stock, Some("stock.adjusted.v1")) => adjust(record, event, &mut defects),
        _ => {
            defects.note(Defect::UnknownType, kind.is_some());
            None
        }
    };
    match meaning {
        Some(meaning) if defects.is_empty() => meaning,
        _ => Meaning::Unreadable(defects),
    }
}

fn created(
    record: &Record<'_>,
    event: Option<Uuid>,
    time: Option<Timestamp>,
    defects: &mut Defects,
) -> Option<Meaning> {
    let id = record.key.and_then(id_of);
    defects.note(Defect::BadKey, id.is_none() || event.is_some() && id != event);
    let order = body(record, defects, order::read);
    let time = time?;
    defects.note(Defect::RefusedByDatabase, time.as_second() < DATABASE_SECOND_MIN);
    Some(Meaning::Created { id: id?, at_us: time.as_microsecond(), order: order? })
}

fn cancel(record: &Record<'_>, event: Option<Uuid>, defects: &mut Defects) -> Option<Meaning> {
    let order = order_key(record, defects);
    let reason = body(record, defects, request::cancellation);
    Some(Meaning::Cancel { event: event?, order: order?, reason: reason? })
}

fn ship(record: &Record<'_>, event: Option<Uuid>, defects: &mut Defects) -> Option<Meaning> {
    let order = order_key(record, defects);
    let (carrier, tracking) = body(record, defects, request::shipment)?;
    Some(Meaning::Ship { event: event?, order: order?, carrier, tracking })
}

fn adjust(record: &Record<'_>, event: Option<Uuid>, defects: &mut Defects) -> Option<Meaning> {
    let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
    let sku = key.filter(|key| is_id(key)).map(str::to_owned);
    defects.note(Defect::BadKey, sku.is_none());
    let pieces = body(record, defects, request::adjustment);
    Some(Meaning::Adjust { event: event?, sku: sku?, pieces: pieces? })
}

fn order_key(record: &Record<'_>, defects: &mut Defects) -> Option<Uuid> {
    let order = record.key.and_then(id_of);
    defects.note(Defect::BadKey, order.is_none());
    order
}

fn body<T>(
    record: &Record<'_>,
    defects: &mut Defects,
    read: impl FnOnce(&[u8]) -> Option<T>,
) -> Option<T> {
    let Some(value) = record.value else {
        defects.note(Defect::NoValue, true);
        return None;
    };
    if value.len() > VALUE_BYTES_MAX {
        defects.note(Defect::TooLarge, true);
        return None;
    }
    let body = read(value);
    defects.note(Defect::InvalidBody, body.is_none());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01990000-0000-7000-8000-000000000001";
    const ORDER: &[u8] =
        br#"{"customerId":"c","items":[{"productId":"p","quantity":1,"price":1}]}"#;

    fn record<'a>(topic: Topic, kind: &'a str, key: &'a str, value: &'a [u8]) -> Record<'a> {
        let all = vec![
            ("ce_id", Some(ID.as_bytes())),
            ("ce_type", Some(kind.as_bytes())),
            ("ce_time", Some(&b"2026-11-21T08:00:00.250Z"[..])),
            ("ce_specversion", Some(b"1.0")),
        ];
        Record {
            place: Place { topic, partition: 0, offset: 0 },
            logged_s: 0,
            key: Some(key.as_bytes()),
            value: Some(value),
            headers: Headers(all),
        }
    }

    fn created() -> Record<'static> {
        record(Topic::Orders, "order.created.v1", ID, ORDER)
    }

    fn defects(record: &Record<'_>) -> String {
        match read(record) {
            Meaning::Unreadable(defects) => defects.to_string(),
            readable => panic!("{readable:?}"),
        }
    }

    #[test]
    fn each_kind_of_record_is_read() {
        let Meaning::Created { id, at_us, order } = read(&created()) else { panic!() };
        assert_eq!((id.to_string().as_str(), order.total), (ID, 100));
        assert_eq!(at_us, 1_795_248_000_250_000);
        let cancel = record(Topic::Orders, "order.cancel_requested.v1", ID, b"{}");
        assert!(matches!(read(&cancel), Meaning::Cancel { reason: None, .. }));
        let ship = record(Topic::Orders, "order.shipped.v1", ID, br#"{"carrier":"x"}"#);
        assert!(matches!(read(&ship), Meaning::Ship { carrier: Some(_), tracking: None, .. }));
        let body = br#"{"quantity":5,"reason":"restock"}"#;
        let adjust = record(Topic::Stock, "stock.adjusted.v1", "p-1", body);
        assert!(matches!(read(&adjust), Meaning::Adjust { pieces: 5, .. }));
    }

    #[test]
    fn every_defect_is_noted() {
        let other = "01990000-0000-7000-8000-000000000002";
        let big = vec![b' '; VALUE_BYTES_MAX + 1];
        let orders = |kind, key, value| defects(&record(Topic::Orders, kind, key, value));
        assert_eq!(orders("order.created.v1", other, b"{}"), "bad_key, invalid_body");
        assert_eq!(orders("order.created.v1", "x", &big), "bad_key, too_large");
        assert_eq!(orders("order.created.v9", ID, ORDER), "unknown_type");
        assert_eq!(orders("stock.adjusted.v1", ID, ORDER), "unknown_type");
        assert_eq!(defects(&Record { value: None, ..created() }), "no_value");
        assert_eq!(defects(&Record { key: None, ..created() }), "bad_key");
        let bare = Headers::default();
        assert_eq!(defects(&Record { headers: bare, ..created() }), "bad_header");
        let mut older = created();
        older.headers.0[3].1 = Some(b"0.3");
        assert_eq!(defects(&older), "bad_header");
        let mut ancient = created();
        ancient.headers.0[2].1 = Some(b"-005000-01-01T00:00:00Z");
        assert_eq!(defects(&ancient), "refused_by_database");
        assert_eq!(
            defects(&record(Topic::Stock, "stock.adjusted.v1", "p 1", b"")),
            "bad_key, invalid_body"
        );
    }
}
