//! Everything that can be wrong, as RFC 9457 problems. One table gives each
//! kind its status, its stable type and its title.

use bytes::Bytes;
use contract::{Violation, Violations};
use http_body_util::Full;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::reply::Reply;

/// What is wrong, as a closed set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The body is not what the route takes.
    InvalidBody,
    /// A header is not what it should be.
    InvalidHeader,
    /// An id in the path is none.
    InvalidPath,
    /// A query parameter is missing, unknown or wrong.
    InvalidQuery,
    /// No such route.
    NoSuchRoute,
    /// No such order, product or metric.
    NotFound,
    /// The route has other methods.
    MethodNotAllowed,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body came without a length.
    LengthRequired,
    /// The body is larger than any valid one.
    TooLarge,
    /// The body is not JSON by its own word.
    UnsupportedMedia,
    /// Too much is under way; nothing was done.
    Busy,
    /// No broker takes records; nothing was done.
    BrokerAway,
    /// The record may or may not be in the log.
    OutcomeUnknown,
    /// The database cannot answer now.
    ReadsAway,
    /// A defect of this program.
    Internal,
}

impl Kind {
    /// Status, type and title.
    fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidBody => (S::BAD_REQUEST, "invalid-body", "The body is not valid"),
            Self::InvalidHeader => (S::BAD_REQUEST, "invalid-header", "A header is not valid"),
            Self::InvalidPath => (S::BAD_REQUEST, "invalid-path", "The path holds no valid id"),
            Self::InvalidQuery => (S::BAD_REQUEST, "invalid-query", "The query is not valid"),
            Self::NoSuchRoute => (S::NOT_FOUND, "no-such-route", "There is nothing here"),
            Self::NotFound => (S::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here")
            }
            Self::BodyTimeout => {
                (S::REQUEST_TIMEOUT, "body-timeout", "The body did not arrive in time")
            }
            Self::LengthRequired => {
                (S::LENGTH_REQUIRED, "length-required", "The body needs a Content-Length")
            }
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::UnsupportedMedia => {
                (S::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body must be JSON")
            }
            Self::Busy => (S::SERVICE_UNAVAILABLE, "busy", "Too much is under way"),
            Self::BrokerAway => (S::SERVICE_UNAVAILABLE, "broker-away", "No broker takes records"),
            Self::OutcomeUnknown => {
                (S::SERVICE_UNAVAILABLE, "outcome-unknown", "The outcome is unknown")
            }
            Self::ReadsAway => {
                (S::SERVICE_UNAVAILABLE, "reads-away", "The database cannot answer now")
            }
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "A defect of the gateway"),
        }
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        self.row().0
    }

    /// Whether the rest of the connection can still be trusted or is wanted.
    fn closes(self) -> bool {
        matches!(self, Self::BodyTimeout | Self::LengthRequired | Self::TooLarge)
    }
}

/// One answer that says what is wrong.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    detail: String,
    errors: Option<Violations>,
    allow: Option<&'static str>,
    retry_after_seconds: Option<u32>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[Violation]>::is_empty")]
    errors: &'a [Violation],
}

impl Problem {
    /// A problem of this kind, in words.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let retry_after_seconds = (kind.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { kind, detail: detail.into(), errors: None, allow: None, retry_after_seconds }
    }

    /// A body with faults.
    pub fn invalid_body(violations: Violations) -> Self {
        let faults = violations.as_slice().len();
        let detail = format!("{faults} violation{}", if faults == 1 { "" } else { "s" });
        Self { errors: Some(violations), ..Self::new(Kind::InvalidBody, detail) }
    }

    /// A known path with another method.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let detail = format!("this path has {allow}");
        Self { allow: Some(allow), ..Self::new(Kind::MethodNotAllowed, detail) }
    }

    /// Adds when another try may succeed.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    /// What is wrong.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The faults of a body.
    pub fn violations(&self) -> Option<&Violations> {
        self.errors.as_ref()
    }

    /// The answer.
    pub fn into_reply(self) -> Reply {
        let (status, slug, title) = self.kind.row();
        let document = Document {
            r#type: format!("urn:ordermill:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            errors: self.errors.as_ref().map_or(&[], Violations::as_slice),
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut reply = Response::new(Full::new(Bytes::from(body)));
        *reply.status_mut() = status;
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.kind.closes() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn text(problem: Problem) -> String {
        let body = problem.into_reply().into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn every_violation_stands_in_the_document() {
        let problem = Problem::invalid_body(Violations::one("/items/0/price", "is required"));
        assert_eq!(
            text(problem).await,
            r#"{"type":"urn:ordermill:problem:invalid-body","title":"The body is not valid","status":400,"detail":"1 violation","errors":[{"pointer":"/items/0/price","detail":"is required"}]}"#
        );
    }

    #[test]
    fn headers_follow_the_kind() {
        let busy = Problem::new(Kind::Busy, "x").into_reply();
        assert_eq!(busy.headers()[RETRY_AFTER], "1");
        let method = Problem::method_not_allowed("GET, POST").into_reply();
        assert_eq!(method.headers()[ALLOW], "GET, POST");
        let large = Problem::new(Kind::TooLarge, "x").into_reply();
        assert_eq!(large.headers()[CONNECTION], "close");
        assert!(!method.headers().contains_key(CONNECTION));
    }
}
