//! A payment provider over HTTP/1.1.
//!
//! `POST /charges {"orderId","amount","currency"}` with `Idempotency-Key: <order
//! id>` answers `200 {"status":"captured"}` or `200
//! {"status":"declined","reason":…}`; `POST /refunds` with the same body answers
//! `200`. Anything else is no answer and is asked again.
//!
//! A refund ends its key: a charge that arrives later, from a processor that was frozen
//! while another one cancelled the order, must be declined.

use bytes::Bytes;
use contract::{Amount, DeclineReason, OrderId};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use super::{NoAnswer, Verdict};

/// An answer is a few words; more is not read.
const ANSWER_BYTES_MAX: usize = 4096;

/// A provider at a base URL.
pub struct HttpProvider {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    reason: String,
}

impl HttpProvider {
    /// A provider at this URL, such as `http://127.0.0.1:8090`.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse()?;
        anyhow::ensure!(
            uri.scheme_str() == Some("http") && uri.authority().is_some(),
            "payment provider URL {url} must start with http:// and name a host"
        );
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { client, base: url.trim_end_matches('/').to_owned() })
    }

    pub(super) async fn charge(
        &self,
        order_id: OrderId,
        amount: Amount,
    ) -> Result<Verdict, NoAnswer> {
        let body = self.post("charges", order_id, amount).await?;
        let answer: Answer = serde_json::from_slice(&body).map_err(no_answer)?;
        match answer.status.as_str() {
            "captured" => Ok(Verdict::Captured),
            "declined" => Ok(Verdict::Declined(DeclineReason::parse(&answer.reason))),
            other => Err(no_answer(format!("status {other:?} is neither captured nor declined"))),
        }
    }

    pub(super) async fn refund(&self, order_id: OrderId, amount: Amount) -> Result<(), NoAnswer> {
        self.post("refunds", order_id, amount).await.map(|_| ())
    }

    async fn post(&self, what: &str, order_id: OrderId, amount: Amount) -> Result<Bytes, NoAnswer> {
        let body = serde_json::json!({
            "orderId": order_id, "amount": amount, "currency": amount.currency,
        });
        let request = Request::post(format!("{}/{what}", self.base))
            .header("content-type", "application/json")
            .header("idempotency-key", order_id.to_string())
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(no_answer)?;
        let response = self.client.request(request).await.map_err(no_answer)?;
        if response.status() != StatusCode::OK {
            return Err(not_ok(response.status()));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        Ok(body.collect().await.map_err(no_answer)?.to_bytes())
    }
}

fn no_answer(error: impl std::fmt::Display) -> NoAnswer {
    NoAnswer::Silence(error.to_string())
}

fn not_ok(status: StatusCode) -> NoAnswer {
    let words = format!("HTTP status {status}");
    match status {
        // It says: later.
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::CONFLICT
        | StatusCode::TOO_EARLY
        | StatusCode::TOO_MANY_REQUESTS => NoAnswer::Silence(words),
        _ if status.is_client_error() => NoAnswer::Refusal(words),
        _ => NoAnswer::Silence(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_provider_says_of_the_question_is_a_refusal() {
        let is_refusal = |code| {
            let status = StatusCode::from_u16(code).unwrap();
            matches!(not_ok(status), NoAnswer::Refusal(_))
        };
        assert!([400, 402, 404, 422].into_iter().all(is_refusal));
        assert!(![201, 302, 408, 409, 425, 429, 500, 503].into_iter().any(is_refusal));
    }
}
