//! A message of the Kafka client as a record.

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers as _};
use service::quiet;

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
        headers: readable_headers(message),
    }
}

/// The headers of a message whose names are text.
pub fn readable_headers<'a>(message: &'a BorrowedMessage<'_>) -> Headers<'a> {
    let Some(headers) = message.headers() else { return Headers::default() };
    let pair = |n| headers.try_get(n).map(|header| (header.key, header.value));
    Headers(readable(headers.count(), pair))
}

/// The client panics at a header name that is not UTF-8, and offers no other
/// way to read it; such a header is left out.
fn readable<T>(count: usize, read: impl Fn(usize) -> Option<T>) -> Vec<T> {
    let every = || (0..count).filter_map(&read).collect();
    quiet::catch(every).unwrap_or_else(|| {
        let one = |n| quiet::catch(|| read(n)).flatten();
        (0..count).filter_map(one).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::{panic, thread};

    use super::*;

    /// Counts the reports of panics in this thread; others are reported as before.
    fn count_reports() -> Arc<AtomicUsize> {
        let (reports, here) = (Arc::new(AtomicUsize::new(0)), thread::current().id());
        let (counted, loud) = (Arc::clone(&reports), panic::take_hook());
        panic::set_hook(Box::new(move |report| {
            if thread::current().id() == here {
                counted.fetch_add(1, Ordering::Relaxed);
            } else {
                loud(report);
            }
        }));
        reports
    }

    #[test]
    fn a_header_that_cannot_be_read_is_left_out_without_a_word() {
        let reports = count_reports();
        let names: [&[u8]; 3] = [b"ce_id", b"\xff", b"ce_type"];
        let name = |n: usize| names.get(n).map(|name| std::str::from_utf8(name).unwrap());
        assert_eq!(readable(3, name), ["ce_id", "ce_type"]);
        assert_eq!(reports.load(Ordering::Relaxed), 0);
    }
}
