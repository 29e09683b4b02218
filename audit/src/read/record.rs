//! A message of the Kafka client as a record.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::Message;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers as _};

use crate::place::{Place, Topic};
use crate::rules::{Headers, Record};

/// Borrows everything from the message.
pub fn record<'a>(topic: Topic, message: &'a BorrowedMessage<'_>) -> Record<'a> {
    let place = Place { topic, partition: message.partition(), offset: message.offset() };
    let logged_ms = message.timestamp().to_millis().unwrap_or(0);
    Record {
        place,
        logged_s: u32::try_from(logged_ms / 1000).unwrap_or(0),
        key: message.key(),
        value: message.payload(),
        headers: message.headers().map_or_else(Headers::default, headers),
    }
}

/// The client panics at a header name that is not UTF-8, and offers no other
/// way to read it; such a header is left out.
fn headers(headers: &BorrowedHeaders) -> Headers<'_> {
    let pair = |n| headers.try_get(n).map(|header| (header.key, header.value));
    let every = || (0..headers.count()).filter_map(pair).collect();
    Headers(catch_unwind(AssertUnwindSafe(every)).unwrap_or_else(|_| {
        let one = |n| catch_unwind(AssertUnwindSafe(|| pair(n))).ok().flatten();
        (0..headers.count()).filter_map(one).collect()
    }))
}
