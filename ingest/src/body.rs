//! Reads a request's body: its declared length first, then its bytes, within a
//! deadline. Only bodies with a `Content-Length` are taken: an order fits in
//! 64 KiB, and without chunked bodies no proxy in front can disagree with us on
//! where a request ends.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use contract::inbound::VALUE_BYTES_MAX;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, EXPECT, TRANSFER_ENCODING};
use hyper::{HeaderMap, Request};
use tokio::time::timeout;

use crate::problem::{Kind, Problem};

/// A client that is refused while it sends often reads only after it has sent
/// everything: so much is thrown away, for so long, before the refusal.
const DISCARD_BYTES_MAX: usize = 16 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// The bytes of the body.
pub async fn read(request: Request<Incoming>, deadline: Duration) -> Result<Bytes, Problem> {
    let length = match declared_length(request.headers(), request.body()) {
        Ok(length) => length,
        Err(problem) => return Err(refuse(request, problem).await),
    };
    collect(request.into_body(), length, deadline).await
}

/// Lets a client that is refused before its body was read send it first: a connection
/// closed while it sends would take the answer along.
pub async fn refuse(request: Request<Incoming>, problem: Problem) -> Problem {
    // A client that asks first has not sent anything to throw away.
    if !request.headers().contains_key(EXPECT) {
        discard(request.into_body()).await;
    }
    problem
}

fn declared_length(headers: &HeaderMap, body: &Incoming) -> Result<usize, Problem> {
    if !is_json(headers) {
        let detail = "content-type must be application/json";
        return Err(Problem::new(Kind::UnsupportedMedia, detail));
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        let detail = "send the body with a content-length; transfer-encoding is not taken";
        return Err(Problem::new(Kind::LengthRequired, detail));
    }
    // Without either header there is no body: hyper says so with a length of 0.
    within_limit(body.size_hint().exact().unwrap_or(0))
}

/// Whether a body of this length is read at all.
///
/// # Errors
/// It is longer than any valid one.
pub fn within_limit(length: u64) -> Result<usize, Problem> {
    usize::try_from(length).ok().filter(|length| *length <= VALUE_BYTES_MAX).ok_or_else(|| {
        let detail = format!("the body has {length} bytes, at most {VALUE_BYTES_MAX} are taken");
        Problem::new(Kind::TooLarge, detail)
    })
}

/// Absent, or `application/json` with any parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let media_type = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

async fn collect(mut body: Incoming, length: usize, deadline: Duration) -> Result<Bytes, Problem> {
    // The common case is a body that came with its head: one look finds all of
    // it, and no timer is needed.
    let first = tokio::select! {
        biased;
        frame = next_frame(&mut body) => frame?.unwrap_or_default(),
        () = std::future::ready(()) => Bytes::new(),
    };
    if first.len() == length {
        return Ok(first);
    }
    let rest = async {
        let mut whole = BytesMut::with_capacity(length);
        whole.extend_from_slice(&first);
        drop(first);
        while let Some(next) = next_frame(&mut body).await? {
            whole.extend_from_slice(&next);
        }
        Ok(whole.freeze())
    };
    timeout(deadline, rest).await.unwrap_or_else(|_| Err(too_slow(deadline)))
}

async fn next_frame(body: &mut Incoming) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            let detail = "the connection ended before the declared content-length was there";
            Problem::new(Kind::InvalidBody, detail)
        })?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn too_slow(deadline: Duration) -> Problem {
    let detail = format!("the body was not there after {} ms", deadline.as_millis());
    Problem::new(Kind::BodyTimeout, detail)
}

async fn discard(mut body: Incoming) {
    let read = async {
        let mut bytes = 0;
        while let Ok(Some(data)) = next_frame(&mut body).await {
            bytes += data.len();
            if bytes > DISCARD_BYTES_MAX {
                break;
            }
        }
    };
    // Out of time or out of patience is the same here: the refusal follows.
    let _whatever_arrived = timeout(DISCARD_TIME, read).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_asked_for_but_not_insisted_on() {
        let with =
            |value: &'static str| HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
        assert!(is_json(&HeaderMap::new()));
        assert!(is_json(&with("application/json")));
        assert!(is_json(&with("Application/JSON ; charset=utf-8")));
        assert!(!is_json(&with("text/plain")));
        assert!(!is_json(&with("application/jsonx")));
    }
}
