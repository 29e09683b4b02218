//! The headers of a record as the gateway writes them: a drain benchmark must
//! not be able to tell who filled the topic.

use contract::event::EventType;
use contract::header;
use rdkafka::message::{Header, OwnedHeaders};
use uuid::Uuid;

/// What the gateway calls itself.
const SOURCE: &str = "/ingest";

/// RFC 3339 time with milliseconds, formatted once per millisecond.
#[derive(Debug, Default)]
pub struct TimeText {
    millisecond: i64,
    text: String,
}

impl TimeText {
    /// The current time.
    pub fn now(&mut self) -> &str {
        let now = jiff::Timestamp::now();
        if now.as_millisecond() != self.millisecond {
            self.millisecond = now.as_millisecond();
            self.text = format!("{now:.3}");
        }
        &self.text
    }
}

/// The headers of one event.
pub fn headers(id: Uuid, kind: EventType, time: &str, subject: &str) -> OwnedHeaders {
    let mut buffer = Uuid::encode_buffer();
    let id: &str = id.hyphenated().encode_lower(&mut buffer);
    let headers = [
        (header::SPEC_VERSION, header::SPEC_VERSION_VALUE),
        (header::ID, id),
        (header::SOURCE, SOURCE),
        (header::TYPE, kind.as_str()),
        (header::TIME, time),
        (header::SUBJECT, subject),
        (header::CONTENT_TYPE, header::JSON),
    ];
    headers.into_iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |all, (key, value)| {
        all.insert(Header { key, value: Some(value) })
    })
}

#[cfg(test)]
mod tests {
    use rdkafka::message::Headers;

    use super::*;

    #[test]
    fn headers_are_those_of_the_gateway() {
        let id = Uuid::try_parse("01990000-0000-7000-8000-000000000001").unwrap();
        let headers = headers(id, EventType::OrderCreated, "2026-11-21T08:46:00.000Z", "s");
        let all: Vec<(&str, &str)> = (0..headers.count())
            .map(|n| headers.get(n))
            .map(|header| (header.key, std::str::from_utf8(header.value.unwrap()).unwrap()))
            .collect();
        assert_eq!(
            all,
            [
                ("ce_specversion", "1.0"),
                ("ce_id", "01990000-0000-7000-8000-000000000001"),
                ("ce_source", "/ingest"),
                ("ce_type", "order.created.v1"),
                ("ce_time", "2026-11-21T08:46:00.000Z"),
                ("ce_subject", "s"),
                ("content-type", "application/json"),
            ]
        );
    }

    #[test]
    fn times_have_milliseconds_in_utc() {
        let mut text = TimeText::default();
        let now = text.now();
        assert_eq!((now.len(), &now[23..]), (24, "Z"));
    }
}
