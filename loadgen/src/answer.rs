//! What the gateway answered: the acknowledgement with its place in the log, or
//! a refusal with its problem type.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName};
use hyper::{HeaderMap, Response, StatusCode};
use uuid::Uuid;

use crate::recorder::{Failure, Refusal};

const PARTITION: HeaderName = HeaderName::from_static("x-order-partition");
const OFFSET: HeaderName = HeaderName::from_static("x-order-offset");
/// Longer answers are broken off: nothing of ours is that long.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Problem types are URIs; what is longer is not worth a line of its own.
const PROBLEM_CHARS_MAX: usize = 80;

/// An answer of the gateway.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// 202: taken. Other servers may leave the place out.
    Acknowledged {
        /// Which order, from `Location`.
        order_id: Option<Uuid>,
        /// Where in the log.
        place: Option<Place>,
    },
    /// 200: read.
    Found,
    /// Any other status.
    Refused(Refusal),
}

/// A record's place in its topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// Reads an answer to its end.
///
/// # Errors
/// The connection ends too early, or the body is too long.
pub async fn read(response: Response<Incoming>) -> Result<Answer, Failure> {
    let (head, body) = response.into_parts();
    if head.status == StatusCode::ACCEPTED {
        skip(body).await?;
        return Ok(Answer::Acknowledged {
            order_id: order_id(&head.headers),
            place: place(&head.headers),
        });
    }
    if head.status == StatusCode::OK {
        skip(body).await?;
        return Ok(Answer::Found);
    }
    let body = collect(body).await?;
    Ok(Answer::Refused(Refusal { status: head.status.as_u16(), problem: problem_type(&body) }))
}

fn order_id(headers: &HeaderMap) -> Option<Uuid> {
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    Uuid::try_parse(location.rsplit('/').next()?).ok()
}

fn place(headers: &HeaderMap) -> Option<Place> {
    let number = |name| headers.get(name)?.to_str().ok();
    Some(Place {
        partition: number(&PARTITION)?.parse().ok()?,
        offset: number(&OFFSET)?.parse().ok()?,
    })
}

/// The connection is free for the next request only once the body is read.
async fn skip(mut body: Incoming) -> Result<(), Failure> {
    while let Some(frame) = body.frame().await {
        frame.map_err(|_| Failure::Closed)?;
    }
    Ok(())
}

async fn collect(mut body: Incoming) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Failure::Closed)?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > BODY_BYTES_MAX {
            return Err(Failure::Protocol);
        }
    }
    Ok(bytes.freeze())
}

/// The `type` member of a problem document; its `title` says more when the type
/// is the one that says nothing.
fn problem_type(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        #[serde(rename = "type")]
        kind: Option<String>,
        title: Option<String>,
    }
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
        return "(no problem document)".to_owned();
    };
    let kind = problem.kind.filter(|kind| kind != "about:blank").or(problem.title);
    kind.unwrap_or_else(|| "about:blank".to_owned()).chars().take(PROBLEM_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_known_by_its_problem_type() {
        assert_eq!(
            problem_type(br#"{"type":"/problems/invalid-order","title":"x"}"#),
            "/problems/invalid-order"
        );
        assert_eq!(problem_type(br#"{"type":"about:blank","title":"Not Found"}"#), "Not Found");
        assert_eq!(problem_type(b"{}"), "about:blank");
        assert_eq!(problem_type(b"<html>"), "(no problem document)");
    }

    #[test]
    fn the_place_in_the_log_comes_from_the_headers() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::LOCATION,
            "/orders/01990000-0000-7000-8000-000000000001".parse().unwrap(),
        );
        headers.insert(PARTITION, "3".parse().unwrap());
        assert_eq!(place(&headers), None);
        headers.insert(OFFSET, "1234".parse().unwrap());
        assert_eq!(place(&headers), Some(Place { partition: 3, offset: 1234 }));
        let id = order_id(&headers).unwrap();
        assert_eq!(id.to_string(), "01990000-0000-7000-8000-000000000001");
    }
}
