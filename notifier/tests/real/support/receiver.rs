//! A webhook that is well or unwell by command and keeps what it took.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A webhook on a port of its own.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    status: AtomicU16,
    calls: AtomicUsize,
    taken: Mutex<Vec<Call>>,
}

/// A call that was answered with 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub key: String,
    pub body: String,
}

impl Receiver {
    /// Listens and answers every call with `status`.
    pub async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Mutex::default();
        let state = Arc::new(State { status: status.into(), calls: AtomicUsize::new(0), taken });
        tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { address, state }
    }

    pub fn sink(&self) -> String {
        format!("webhook:http://{}/hook?from=test", self.address)
    }

    pub fn answer(&self, status: u16) {
        self.state.status.store(status, Ordering::SeqCst);
    }

    pub fn calls(&self) -> usize {
        self.state.calls.load(Ordering::SeqCst)
    }

    pub fn taken(&self) -> Vec<Call> {
        self.state.taken.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let state = Arc::clone(&state);
        let answer = service_fn(move |request| answer(request, Arc::clone(&state)));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        tokio::spawn(async move {
            // The caller's end of a connection is the caller's to report.
            let _closed = connection.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/hook"));
    assert_eq!(request.headers()["content-type"], "application/cloudevents+json");
    let key = request.headers()["idempotency-key"].to_str().unwrap().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let status = state.status.load(Ordering::SeqCst);
    if status < 300 {
        let body = String::from_utf8(body.to_vec()).unwrap();
        state.taken.lock().unwrap().push(Call { key, body });
    }
    state.calls.fetch_add(1, Ordering::SeqCst);
    Ok(Response::builder().status(status).body(Empty::new()).unwrap())
}
