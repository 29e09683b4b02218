//! The least a gateway can do: reads the request, answers 202 with a place in a
//! log that does not exist. For measuring the load generator itself:
//!
//! ```text
//! taskset -c 0 cargo run --release -p loadgen --example bare_gateway -- 127.0.0.1:8180
//! taskset -c 1 loadgen --url http://127.0.0.1:8180 --rate 20k --duration 10s
//! ```

use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

static OFFSET: AtomicI64 = AtomicI64::new(0);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8180".to_owned());
    let listener = TcpListener::bind(&address).await.with_context(|| format!("at {address}"))?;
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept")?;
        stream.set_nodelay(true).context("cannot set nodelay")?;
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
            if let Err(error) = connection {
                eprintln!("connection ended: {error}");
            }
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let offset = OFFSET.fetch_add(1, Ordering::Relaxed);
    let id = Uuid::now_v7();
    let mut response = Response::new(Full::new(Bytes::from(format!("{{\"orderId\":\"{id}\"}}"))));
    *response.status_mut() = StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    set(headers, header::LOCATION, &format!("/orders/{id}"));
    set(headers, HeaderName::from_static("x-order-partition"), "0");
    set(headers, HeaderName::from_static("x-order-offset"), &offset.to_string());
    Ok(response)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
