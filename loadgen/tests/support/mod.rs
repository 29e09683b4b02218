//! A gateway in a few lines: takes every order at the next offset, and stalls or
//! refuses when a test says so.

#![allow(dead_code, reason = "each test file uses its part of the stub")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

/// What the stub saw and how it shall behave.
#[derive(Debug, Default)]
pub struct Gateway {
    pub bodies: Mutex<Vec<Bytes>>,
    pub keys: Mutex<Vec<Option<String>>>,
    pub paths: Mutex<Vec<String>>,
    pub stall_until: Mutex<Option<Instant>>,
    pub refuse_percent: AtomicU64,
    /// Closes the connection instead of answering every so many requests.
    pub close_every: AtomicU64,
    /// Closes each connection, unasked, after this many answers; 0 is never.
    pub requests_per_connection: AtomicU64,
    requests: AtomicU64,
    next_offset: AtomicI64,
}

impl Gateway {
    /// Serves on a free port from a thread of its own until the process ends.
    pub fn start() -> (Arc<Self>, SocketAddr) {
        let gateway = Arc::new(Self::default());
        let served = gateway.clone();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let gateway = served.clone();
                    tokio::spawn(async move { gateway.serve(stream).await });
                }
            });
        });
        (gateway, told.recv().unwrap())
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let answered = Arc::new(AtomicU64::new(0));
        let (gateway, count) = (self.clone(), answered.clone());
        let service = service_fn(move |request| {
            let (gateway, count) = (gateway.clone(), count.clone());
            async move {
                let answer = gateway.answer(request).await;
                count.fetch_add(1, Ordering::Relaxed);
                answer
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        // Polled once more after each answer, so the last one is written.
        std::future::poll_fn(|context| {
            let done = connection.as_mut().poll(context).is_ready();
            let limit = self.requests_per_connection.load(Ordering::Relaxed);
            let enough = limit > 0 && answered.load(Ordering::Relaxed) >= limit;
            if done || enough { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let stall = *self.stall_until.lock().unwrap();
        if let Some(until) = stall {
            tokio::time::sleep_until(until.into()).await;
        }
        let n = self.requests.fetch_add(1, Ordering::Relaxed);
        let close_every = self.close_every.load(Ordering::Relaxed);
        if close_every > 0 && n % close_every == close_every - 1 {
            return Err(std::io::Error::other("closed on purpose"));
        }
        let path = head.uri.path().to_owned();
        let key = head.headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
        if head.method == Method::GET {
            return Ok(Response::new(Full::default()));
        }
        if n % 100 < self.refuse_percent.load(Ordering::Relaxed) {
            return Ok(problem(StatusCode::SERVICE_UNAVAILABLE, "/problems/busy"));
        }
        let order = path == "/orders";
        let mut scratch = contract::order::Scratch::default();
        if order && contract::Order::decode(&body, &mut scratch).is_err() {
            return Ok(problem(StatusCode::UNPROCESSABLE_ENTITY, "/problems/invalid-order"));
        }
        self.paths.lock().unwrap().push(path);
        if order {
            self.bodies.lock().unwrap().push(body);
            self.keys.lock().unwrap().push(key.clone());
        }
        Ok(self.taken(key))
    }

    fn taken(&self, key: Option<String>) -> Response<Full<Bytes>> {
        let offset = self.next_offset.fetch_add(1, Ordering::Relaxed);
        let id = key.map_or_else(Uuid::now_v7, |key| contract::event_id_for_key("t", "", &key));
        Response::builder()
            .status(StatusCode::ACCEPTED)
            .header("location", format!("/orders/{id}"))
            .header("x-order-partition", "2")
            .header("x-order-offset", offset.to_string())
            .body(Full::new(Bytes::from(format!("{{\"orderId\":\"{id}\"}}"))))
            .unwrap()
    }

    /// Nobody answers until then.
    pub fn stall(&self, length: Duration) {
        *self.stall_until.lock().unwrap() = Some(Instant::now() + length);
    }
}

fn problem(status: StatusCode, kind: &str) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .body(Full::new(Bytes::from(format!("{{\"type\":\"{kind}\"}}"))))
        .unwrap()
}
