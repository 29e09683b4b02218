//! Answers that are not problems. The answer to an accepted write is one
//! allocation: its body and header values are slices of the same bytes.

use std::fmt::Write;
use std::ops::Range;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LINK, LOCATION};
use hyper::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use crate::problem::{Kind, Problem};
use crate::publisher::Position;

/// Every answer has its whole body at hand.
pub type Reply = Response<Full<Bytes>>;

/// Partition of the record that an accepted write became.
pub const PARTITION: HeaderName = HeaderName::from_static("x-order-partition");
/// Offset of that record.
pub const OFFSET: HeaderName = HeaderName::from_static("x-order-offset");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 202: the record is in the log at `position`; what became of it will be seen
/// at `location`.
pub fn accepted(body: String, location: std::fmt::Arguments<'_>, position: Position) -> Reply {
    let body_end = body.len();
    let mut text = body;
    let location = appended(&mut text, location);
    let partition = appended(&mut text, format_args!("{}", position.partition));
    let offset = appended(&mut text, format_args!("{}", position.offset));
    let text = Bytes::from(text);

    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, JSON);
    for (name, range) in [(LOCATION, location), (PARTITION, partition), (OFFSET, offset)] {
        if let Ok(value) = HeaderValue::from_maybe_shared(text.slice(range)) {
            headers.insert(name, value);
        }
    }
    let mut reply = Response::new(Full::new(text.slice(..body_end)));
    *reply.status_mut() = StatusCode::ACCEPTED;
    *reply.headers_mut() = headers;
    reply
}

fn appended(text: &mut String, value: std::fmt::Arguments<'_>) -> Range<usize> {
    let start = text.len();
    // Writing to a string cannot fail.
    let _infallible = text.write_fmt(value);
    start..text.len()
}

/// 200 with a document.
pub fn ok(document: &impl Serialize) -> Result<Reply, Problem> {
    let body = serde_json::to_vec(document)
        .map_err(|error| Problem::new(Kind::Internal, format!("cannot write: {error}")))?;
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    Ok(reply)
}

/// Adds where the next page is.
pub fn with_next(mut reply: Reply, next: &str) -> Reply {
    if let Ok(link) = HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")) {
        reply.headers_mut().insert(LINK, link);
    }
    reply
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn an_accepted_write_says_where_its_record_is() {
        let position = Position { partition: 3, offset: 1234 };
        let reply = accepted("{\"a\":1}".to_owned(), format_args!("/orders/{}", 7), position);
        assert_eq!(reply.status(), 202);
        assert_eq!(reply.headers()[LOCATION], "/orders/7");
        assert_eq!(reply.headers()["x-order-partition"], "3");
        assert_eq!(reply.headers()["x-order-offset"], "1234");
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "{\"a\":1}");
    }
}
