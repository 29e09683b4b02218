//! One HTTP/1.1 connection to the gateway: kept alive, reconnected when it ends.
//!
//! A server may close an idle connection at the moment a request is sent. Such a
//! request is repeated only when not one byte of it was written; otherwise the
//! gateway may have taken the order, and a repetition would be a second one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::answer::{self, Answer};
use crate::error::RunError;
use crate::recorder::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Where the gateway is, resolved.
#[derive(Clone, Debug)]
pub struct Target {
    /// Not empty; a name such as `localhost` has one of each family.
    addresses: Vec<SocketAddr>,
    host: HeaderValue,
    prefix: String,
    orders: Uri,
}

impl Target {
    /// Reads and resolves `http://host[:port][/prefix]`.
    ///
    /// # Errors
    /// The text is no such URL, or its host has no address.
    pub async fn resolve(url: &str) -> Result<Self, RunError> {
        let uri: Uri =
            url.parse().map_err(|error| RunError::Usage(format!("{url} is not a URL: {error}")))?;
        let host = uri.host().filter(|host| !host.is_empty() && uri.scheme_str() == Some("http"));
        let no_url = || RunError::Usage(format!("{url} must look like http://host:port"));
        let host = host.ok_or_else(no_url)?;
        let addresses = look_up(host, uri.port_u16().unwrap_or(80)).await?;
        let prefix = uri.path().trim_end_matches('/').to_owned();
        let orders = format!("{prefix}/orders").parse().context("cannot form the path")?;
        let authority = uri.authority().map_or(host, hyper::http::uri::Authority::as_str);
        let host = HeaderValue::from_str(authority).context("host cannot be a header")?;
        Ok(Self { addresses, host, prefix, orders })
    }

    /// The addresses it resolved to, as text.
    pub fn addresses(&self) -> String {
        self.addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" or ")
    }

    /// `POST /orders`.
    pub fn order(&self, body: Bytes, key: Option<&str>) -> Request<Full<Bytes>> {
        let mut request = self.request(Method::POST, self.orders.clone(), body);
        if let Some(key) = key.and_then(|key| HeaderValue::from_str(key).ok()) {
            request.headers_mut().insert(IDEMPOTENCY_KEY, key);
        }
        request
    }

    /// Any other path.
    ///
    /// # Errors
    /// The path cannot be part of a URL.
    pub fn at(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let uri = format!("{}{path}", self.prefix).parse().context("cannot form the path")?;
        Ok(self.request(method, uri, body))
    }

    fn request(&self, method: Method, uri: Uri, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }
}

async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, RunError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((bare, port)).await;
    let found =
        found.map_err(|error| RunError::Unreachable(format!("cannot resolve {host}: {error}")))?;
    let addresses: Vec<_> = found.collect();
    match addresses.is_empty() {
        true => Err(RunError::Unreachable(format!("{host} has no address"))),
        false => Ok(addresses),
    }
}

/// A connection that comes back after it was lost.
#[derive(Debug)]
pub struct Client {
    target: Arc<Target>,
    timeout: Duration,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Client {
    /// A client that is not connected yet and gives each request this long.
    pub fn new(target: Arc<Target>, timeout: Duration) -> Self {
        Self { target, timeout, open: None }
    }

    /// Opens the connection unless it is open.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn connect(&mut self) -> std::io::Result<()> {
        if self.open.as_ref().is_some_and(|open| !open.sender.is_closed()) {
            return Ok(());
        }
        self.close();
        let connecting = TcpStream::connect(self.target.addresses.as_slice());
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await??;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        self.open = Some(Open { sender, driver });
        Ok(())
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// There was none in time; the connection is closed then.
    pub async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let limit = self.timeout;
        let answering = async {
            let response = self.respond(request).await?;
            answer::read(response).await
        };
        let answer = tokio::time::timeout(limit, answering).await.unwrap_or(Err(Failure::Timeout));
        if answer.is_err() {
            self.close();
        }
        answer
    }

    async fn respond(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        // A fresh connection may be closed under us too (a server at its limit),
        // so the second try is the last.
        for _try in 0..2 {
            self.connect().await.map_err(|_| Failure::Connect)?;
            let Some(open) = &mut self.open else { return Err(Failure::Connect) };
            if open.sender.ready().await.is_err() {
                self.close();
                continue;
            }
            match open.sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Failure::Closed),
                },
            }
            self.close();
        }
        Err(Failure::Closed)
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.driver.abort();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn every_address_of_a_name_is_tried() {
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // Nothing listens on port 1 of the loopback.
        let mut target = Target::resolve("http://127.0.0.1:1").await.unwrap();
        target.addresses.push(open.local_addr().unwrap());
        let mut client = Client::new(Arc::new(target), Duration::from_secs(5));
        client.connect().await.unwrap();
    }
}
