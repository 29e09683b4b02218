//! One record as it goes to Kafka: CloudEvents in binary mode. The value is the
//! client's bytes, unchanged, so that a client can compare what it sent with
//! what the log holds.

use contract::event::EventType;
use contract::header as name;
use rdkafka::message::{Header, OwnedHeaders};

const SOURCE: &str = "/ingest";

/// A record to be written.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Key: the order id or SKU it is about.
    pub key: &'a str,
    /// Identity of the event.
    pub id: &'a str,
    /// What happened.
    pub kind: EventType,
    /// When, RFC 3339.
    pub time: &'a str,
    /// W3C trace context, when the client sent one.
    pub traceparent: Option<&'a str>,
    /// The data.
    pub value: &'a [u8],
}

impl Event<'_> {
    /// Its headers.
    pub fn headers(&self) -> OwnedHeaders {
        let headers = OwnedHeaders::new_with_capacity(8)
            .insert(header(name::SPEC_VERSION, name::SPEC_VERSION_VALUE))
            .insert(header(name::ID, self.id))
            .insert(header(name::SOURCE, SOURCE))
            .insert(header(name::TYPE, self.kind.as_str()))
            .insert(header(name::TIME, self.time))
            .insert(header(name::SUBJECT, self.key))
            .insert(header(name::CONTENT_TYPE, name::JSON));
        match self.traceparent {
            Some(context) => headers.insert(header(name::TRACEPARENT, context)),
            None => headers,
        }
    }
}

fn header<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    Header { key, value: Some(value) }
}
