//! The admin port: `/livez` (the process runs), `/readyz` (it can do its work,
//! else 503 and why), `/metrics` (Prometheus text).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::health::Health;

/// Scrapers and probes need few connections; more are refused by waiting.
const CONNECTIONS_MAX: usize = 16;
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From a connection to the end of its only answer: whoever does not read it keeps
/// nobody else out.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Histograms keep raw samples until someone drains them; nobody may scrape.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// What the admin port shows.
#[derive(Clone)]
pub struct Admin {
    /// Readiness.
    pub health: Health,
    /// Metrics.
    pub metrics: PrometheusHandle,
}

/// Binds an address, saying which one when it is taken.
///
/// # Errors
/// The address cannot be bound.
pub async fn bind(address: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} for {what}; is the port taken?"))
}

/// Serves until `stop`; connections still open then are closed.
pub async fn serve(listener: TcpListener, admin: Admin, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let mut upkeep = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = upkeep.tick() => admin.metrics.run_upkeep(),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                match accepted {
                    Ok((stream, _)) => { connections.spawn(serve_one(stream, admin.clone())); }
                    Err(error) => {
                        tracing::warn!(%error, "admin port cannot accept");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
    }
}

async fn serve_one(stream: TcpStream, admin: Admin) {
    let answer = service_fn(move |request| {
        let response = answer(&admin, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "admin connection ended"),
        Err(_) => tracing::debug!("admin connection did not read its answer"),
    }
}

fn answer(admin: &Admin, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
    }
    match request.uri().path() {
        "/livez" => text(StatusCode::OK, "ok\n".to_owned()),
        "/readyz" => match admin.health.problem() {
            None => text(StatusCode::OK, "ok\n".to_owned()),
            Some(problem) => text(StatusCode::SERVICE_UNAVAILABLE, problem + "\n"),
        },
        "/metrics" => text(StatusCode::OK, admin.metrics.render()),
        _ => text(StatusCode::NOT_FOUND, "try /livez, /readyz or /metrics\n".to_owned()),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_connection_has_one_answer() {
        let listener = bind("127.0.0.1:0".parse().unwrap(), "a test").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let (admin, stop) =
            (Admin { health: Health::default(), metrics }, CancellationToken::new());
        let serving = tokio::spawn(serve(listener, admin, stop.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        let question = "GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n";
        client.write_all(question.repeat(2).as_bytes()).await.unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.unwrap();
        assert_eq!(String::from_utf8(said).unwrap().matches("HTTP/1.1 200 OK").count(), 1);
        stop.cancel();
        serving.await.unwrap();
    }
}
