//! A record of `order-events` as a notification, or why it is none. The topic is
//! open to other writers, so nothing about a record is taken for granted.

use contract::event::{self, EventType, Outcome, outcome_id};
use contract::header;
use contract::inbound::VALUE_BYTES_MAX;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};
use serde_json::value::RawValue;

use crate::notification::Notification;

/// The longest event id: a subject, a slash, a type and a suffix.
const ID_BYTES_MAX: usize = 256;
/// The longest `ce_time`.
const TIME_BYTES_MAX: usize = 64;

/// Why a record is not told; each is counted by its word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Skip {
    /// Headers that are missing, unreadable or too long.
    BadHeader,
    /// A type that does not belong on this topic.
    UnknownType,
    /// A key, id or subject that does not fit what the event is about.
    BadId,
    /// No value.
    NoValue,
    /// A value larger than any event.
    TooLarge,
    /// A value that is not what the type says.
    BadData,
}

impl Skip {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadHeader => "bad_header",
            Self::UnknownType => "unknown_type",
            Self::BadId => "bad_id",
            Self::NoValue => "no_value",
            Self::TooLarge => "too_large",
            Self::BadData => "invalid_data",
        }
    }
}

/// The headers that matter.
#[derive(Clone, Copy, Default, Debug)]
pub struct Attributes<'a> {
    /// `ce_id`
    pub id: Option<&'a [u8]>,
    /// `ce_type`
    pub kind: Option<&'a [u8]>,
    /// `ce_time`
    pub time: Option<&'a [u8]>,
}

/// Where a record lies and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub attributes: Attributes<'a>,
}

impl<'a> Record<'a> {
    /// Takes a message apart.
    ///
    /// # Errors
    /// A header name is not UTF-8.
    pub fn of(message: &'a BorrowedMessage<'_>) -> Result<Self, Skip> {
        Ok(Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key(),
            value: message.payload(),
            attributes: attributes(message)?,
        })
    }

    /// Reads the event.
    ///
    /// # Errors
    /// The record is no outgoing event of ours.
    pub fn read(&self) -> Result<Notification, Skip> {
        let id = text(self.attributes.id, ID_BYTES_MAX).ok_or(Skip::BadHeader)?;
        let kind = text(self.attributes.kind, ID_BYTES_MAX).ok_or(Skip::BadHeader)?;
        let kind = EventType::parse(kind).ok_or(Skip::UnknownType)?;
        let value = self.value.ok_or(Skip::NoValue)?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(Skip::TooLarge);
        }
        let outcome = event::read(kind, value).map_err(|error| match error {
            event::ReadError::Incoming(_) => Skip::UnknownType,
            _ => Skip::BadData,
        })?;
        let subject = outcome.subject();
        let belongs = self.key == Some(subject.as_bytes()) && names(id, &subject, &outcome);
        belongs.then_some(()).ok_or(Skip::BadId)?;
        Ok(Notification {
            partition: self.partition,
            offset: self.offset,
            id: id.to_owned(),
            kind,
            subject,
            time: text(self.attributes.time, TIME_BYTES_MAX).map(str::to_owned),
            outcome,
            data: on_one_line(value).ok_or(Skip::BadData)?,
        })
    }
}

/// Whether an id is the one that the event must have: then one id is one order
/// and type, whoever wrote the record.
fn names(id: &str, subject: &str, outcome: &Outcome) -> bool {
    let stem = outcome_id(subject, outcome.event_type());
    match outcome {
        // A product runs low again and again; what follows tells the times apart.
        Outcome::StockLow { .. } => id.starts_with(&stem),
        _ => id == stem,
    }
}

/// In valid JSON a raw line break stands only between tokens, so a space means
/// the same, and the event stays one line.
fn on_one_line(value: &[u8]) -> Option<Box<RawValue>> {
    let mut text = String::from_utf8(value.to_vec()).ok()?;
    if text.contains(['\n', '\r']) {
        text = text.replace(['\n', '\r'], " ");
    }
    RawValue::from_string(text).ok()
}

/// The client panics on a header name that is not UTF-8; to a reader of a shared
/// topic that is one bad record.
fn attributes<'a>(message: &'a BorrowedMessage<'_>) -> Result<Attributes<'a>, Skip> {
    let Some(headers) = message.headers() else {
        return Ok(Attributes::default());
    };
    let read = || {
        let mut found = Attributes::default();
        for header in headers.iter() {
            match header.key {
                header::ID => found.id = header.value,
                header::TYPE => found.kind = header.value,
                header::TIME => found.time = header.value,
                _ => {}
            }
        }
        found
    };
    service::quiet::catch(read).ok_or(Skip::BadHeader)
}

fn text(bytes: Option<&[u8]>, longest: usize) -> Option<&str> {
    let text = std::str::from_utf8(bytes?).ok()?;
    (text.len() <= longest && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = "01990000-0000-7000-8000-000000000001";
    const DATA: &[u8] = br#"{"orderId":"01990000-0000-7000-8000-000000000001","customerId":"c-1","totalPrice":70,"currency":"EUR"}"#;

    fn paid() -> Record<'static> {
        let id = b"01990000-0000-7000-8000-000000000001/payment.completed";
        let attributes = Attributes {
            id: Some(id),
            kind: Some(b"payment.completed.v1"),
            time: Some(b"2026-11-21T08:00:00.000Z"),
        };
        let key = Some(ORDER.as_bytes());
        Record { partition: 0, offset: 7, key, value: Some(DATA), attributes }
    }

    fn line(record: Record<'_>) -> String {
        let mut line = Vec::new();
        record.read().unwrap().write_json(&mut line).unwrap();
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn an_event_is_told_to_machines_and_to_people() {
        assert_eq!(
            line(paid()),
            format!(
                r#"{{"specversion":"1.0","id":"{ORDER}/payment.completed","source":"/processor","type":"payment.completed.v1","subject":"{ORDER}","time":"2026-11-21T08:00:00.000Z","datacontenttype":"application/json","data":{{"orderId":"{ORDER}","customerId":"c-1","totalPrice":70,"currency":"EUR"}}}}"#
            )
        );
        assert_eq!(
            paid().read().unwrap().to_string(),
            format!("2026-11-21T08:00:00.000Z {ORDER} payment.completed.v1: c-1, you paid 70 EUR")
        );
    }

    #[test]
    fn an_event_written_over_several_lines_is_told_on_one() {
        let broken = String::from_utf8(DATA.to_vec()).unwrap().replace(',', ",\r\n");
        let told = line(Record { value: Some(broken.as_bytes()), ..paid() });
        assert!(!told.contains(['\n', '\r']), "{told}");
        assert!(told.contains(r#""customerId":"c-1",  "totalPrice":70"#), "{told}");
    }

    #[test]
    fn each_kind_of_foreign_record_has_its_word() {
        let skip = |record: Record<'_>| record.read().unwrap_err();
        let with = |attributes| Record { attributes, ..paid() };
        let good = paid().attributes;
        let big = vec![b' '; VALUE_BYTES_MAX + 1];
        assert_eq!(skip(with(Attributes { id: None, ..good })), Skip::BadHeader);
        assert_eq!(skip(with(Attributes { id: Some(b"\xff"), ..good })), Skip::BadHeader);
        assert_eq!(skip(with(Attributes { kind: Some(b"a\nb"), ..good })), Skip::BadHeader);
        assert_eq!(skip(with(Attributes { kind: Some(b"x.v1"), ..good })), Skip::UnknownType);
        let incoming = Attributes { kind: Some(b"order.created.v1"), ..good };
        assert_eq!(skip(with(incoming)), Skip::UnknownType);
        assert_eq!(skip(with(Attributes { id: Some(b"other"), ..good })), Skip::BadId);
        assert_eq!(skip(Record { key: None, ..paid() }), Skip::BadId);
        assert_eq!(skip(Record { value: None, ..paid() }), Skip::NoValue);
        assert_eq!(skip(Record { value: Some(&big), ..paid() }), Skip::TooLarge);
        assert_eq!(skip(Record { value: Some(b"{"), ..paid() }), Skip::BadData);
    }

    #[test]
    fn low_stock_is_told_each_time_it_comes_about() {
        let low = |id: &'static [u8]| Record {
            key: Some(b"p-1"),
            value: Some(br#"{"productId":"p-1","available":3,"threshold":10}"#),
            attributes: Attributes { id: Some(id), kind: Some(b"stock.low.v1"), time: None },
            ..paid()
        };
        let told = low(b"p-1/stock.low/0/1/17").read().unwrap();
        assert_eq!(told.id, "p-1/stock.low/0/1/17");
        assert_eq!(told.to_string(), "- p-1 stock.low.v1: 3 of p-1 left, fewer than 10");
        assert_eq!(low(b"p-2/stock.low/0/1/17").read().unwrap_err(), Skip::BadId);
    }
}
