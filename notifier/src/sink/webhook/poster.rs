//! One connection to a webhook, made when it is needed and again when it broke.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderName};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::notification::Notification;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MEDIA_TYPE: &str = "application/cloudevents+json";
/// An answer's body is read up to here, so that the connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What a webhook said to one event.
#[derive(Debug)]
pub(super) enum Answer {
    /// 2xx.
    Taken,
    /// A status that speaks of this event: telling it again would not help.
    Refused(StatusCode),
    /// Any other status, or none: it is the webhook that is unwell. Why.
    NotNow(Option<String>),
}

/// A caller with a connection of its own.
pub(super) struct Poster {
    url: Uri,
    host: String,
    address: String,
    timeout: Duration,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Poster {
    pub(super) fn new(url: &Uri, timeout: Duration) -> anyhow::Result<Self> {
        let authority = url.authority().context("a webhook needs a host")?;
        let host = authority.host();
        let address = format!("{host}:{}", authority.port_u16().unwrap_or(80));
        let (host, url) = (authority.to_string(), path_of(url)?);
        Ok(Self { url, host, address, timeout, connection: None })
    }

    /// Posts one event. Idle connections may have been closed meanwhile, so the
    /// first failure on an old one is followed by a try on a new one; the key
    /// makes that safe.
    pub(super) async fn post(&mut self, notification: &Notification) -> Answer {
        let mut body = Vec::with_capacity(512);
        if let Err(error) = notification.write_json(&mut body) {
            return Answer::NotNow(Some(error.to_string()));
        }
        let (id, body) = (notification.id.as_str(), Bytes::from(body));
        let reused = self.connection.is_some();
        let mut outcome = self.call_in_time(id, body.clone()).await;
        if reused && matches!(outcome, Ok(Err(_))) {
            outcome = self.call_in_time(id, body).await;
        }
        match outcome {
            Ok(Ok(status)) => judge(status),
            Ok(Err(error)) => Answer::NotNow(Some(format!("{error:#}"))),
            Err(_) => Answer::NotNow(Some(format!("no answer within {:?}", self.timeout))),
        }
    }

    async fn call_in_time(
        &mut self,
        id: &str,
        body: Bytes,
    ) -> Result<anyhow::Result<StatusCode>, tokio::time::error::Elapsed> {
        // Taken out, so that a call that fails or is dropped by the timeout
        // takes its connection with it.
        let connection = self.connection.take();
        let (status, connection) =
            match timeout(self.timeout, self.call(connection, id, body)).await? {
                Ok(answered) => answered,
                Err(error) => return Ok(Err(error)),
            };
        self.connection = connection;
        Ok(Ok(status))
    }

    async fn call(
        &self,
        connection: Option<SendRequest<Full<Bytes>>>,
        id: &str,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, Option<SendRequest<Full<Bytes>>>)> {
        let mut connection = match connection {
            Some(open) => open,
            None => self.connect().await?,
        };
        connection.ready().await.context("the connection was closed")?;
        let request = Request::post(self.url.clone())
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .header(IDEMPOTENCY_KEY, id)
            .body(Full::new(body))?;
        let answer = connection.send_request(request).await.context("the call failed")?;
        let status = answer.status();
        let whole = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.is_ok();
        Ok((status, whole.then_some(connection)))
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let address = &self.address;
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with its sender, or with the runtime of the sink.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to a webhook ended");
            }
        });
        Ok(sender)
    }
}

fn judge(status: StatusCode) -> Answer {
    match status {
        _ if status.is_success() => Answer::Taken,
        StatusCode::BAD_REQUEST
        | StatusCode::CONFLICT
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => Answer::Refused(status),
        other => Answer::NotNow(Some(format!("it answers {other}"))),
    }
}

fn path_of(url: &Uri) -> anyhow::Result<Uri> {
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    path.parse().context("a webhook's path is no URL path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_about_the_event_gives_it_up() {
        let judged = |code: u16| judge(StatusCode::from_u16(code).unwrap());
        for code in [200, 202, 204] {
            assert!(matches!(judged(code), Answer::Taken), "{code}");
        }
        for code in [400, 409, 413, 422] {
            assert!(matches!(judged(code), Answer::Refused(_)), "{code}");
        }
        for code in [301, 401, 404, 408, 410, 429, 500, 503] {
            assert!(matches!(judged(code), Answer::NotNow(Some(_))), "{code}");
        }
    }
}
