//! The head of a write: what it says, and what needs no body to be refused.

use bytes::Bytes;
use compact_str::CompactString;
use hyper::body::Incoming;
use hyper::header::HeaderName;
use hyper::{HeaderMap, Request};

use crate::problem::Problem;
use crate::worker::Worker;
use crate::{body, idempotency};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACEPARENT_BYTES: usize = 55;

/// What the head of a write says.
pub struct Head {
    /// Its `Idempotency-Key`.
    pub key: Option<CompactString>,
    /// The client's trace context.
    pub traceparent: Option<CompactString>,
}

impl Head {
    /// Refuses what needs no body to be refused.
    fn of(worker: &Worker, headers: &HeaderMap) -> Result<Self, Problem> {
        worker.admit()?;
        Ok(Self { key: idempotency::key(headers)?, traceparent: traceparent(headers) })
    }
}

/// Head and body of a write that may be taken.
pub async fn read(worker: &Worker, request: Request<Incoming>) -> Result<(Head, Bytes), Problem> {
    match Head::of(worker, request.headers()) {
        Ok(head) => Ok((head, body::read(request, worker.limits.body_timeout).await?)),
        Err(problem) => Err(body::refuse(request, problem).await),
    }
}

/// The client's trace context, when it has the form of one; it goes into the
/// log, so nothing else does.
fn traceparent(headers: &HeaderMap) -> Option<CompactString> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let dashes = [2, 35, 52];
    let well_formed = text.len() == TRACEPARENT_BYTES
        && text.bytes().enumerate().all(|(at, byte)| {
            if dashes.contains(&at) {
                byte == b'-'
            } else {
                matches!(byte, b'0'..=b'9' | b'a'..=b'f')
            }
        });
    well_formed.then(|| CompactString::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trace_context_is_passed_on() {
        let read = |value: &'static str| {
            traceparent(&HeaderMap::from_iter([(TRACEPARENT, value.parse().unwrap())])).is_some()
        };
        assert!(read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert!(!read("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
        assert!(!read("00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01"));
        assert!(!read("garbage"));
    }
}
