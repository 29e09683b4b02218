//! The bare server: reads the body, parses and checks the order with the
//! gateway's own code, answers 202. No broker, no limits, no deadlines, and the
//! gateway's shape: one acceptor deals connections to a single-threaded runtime
//! for each core.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpStream};

use anyhow::Context;
use bytes::Bytes;
use contract::order::{Order, Scratch};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Connections that a thread has not picked up yet.
const HANDOVER: usize = 1024;
const ANSWER: &[u8] = br#"{"orderId":"01990000-0000-7000-8000-000000000001","status":"CREATED","totalPrice":70,"createdAt":"2026-11-21T08:00:00.000Z"}"#;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Serves until the process is ended.
pub(crate) fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let listener = std::net::TcpListener::bind(listen)
        .with_context(|| format!("cannot listen at {listen}"))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (0..cores).map(|_| start_thread()).collect::<anyhow::Result<Vec<_>>>()?;
    for thread in threads.iter().cycle() {
        let (stream, _) = listener.accept().context("cannot accept")?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        thread.blocking_send(stream).context("a thread ended")?;
    }
    Ok(())
}

fn start_thread() -> anyhow::Result<mpsc::Sender<TcpStream>> {
    let (sender, incoming) = mpsc::channel(HANDOVER);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new()
        .name("bare".into())
        .spawn(move || runtime.block_on(connections(incoming)))
        .context("cannot start a thread")?;
    Ok(sender)
}

async fn connections(mut incoming: mpsc::Receiver<TcpStream>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            Some(stream) = incoming.recv() => {
                if let Ok(stream) = tokio::net::TcpStream::from_std(stream) {
                    open.spawn(async move {
                        // A client that goes away is no failure.
                        let _gone = http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service_fn(answer))
                            .await;
                    });
                }
            }
            Some(_ended) = open.join_next() => {}
            else => return,
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
    let valid = match request.into_body().collect().await {
        Ok(body) => {
            SCRATCH.with_borrow_mut(|scratch| Order::decode(&body.to_bytes(), scratch)).is_ok()
        }
        Err(_) => false,
    };
    *response.status_mut() = if valid { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
    Ok(response)
}
