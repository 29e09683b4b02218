//! One thread that serves connections: a single-threaded runtime, its own
//! counters and its own table of waiting writes, so that a request shares
//! nothing with other threads but the producer.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use contract::topic::Topics;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::Counter;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::{Meter, REFUSED};
use crate::problem::{Kind, Problem};
use crate::publisher::{Acks, Event, Outcome, Position, Publisher, Refusal, Unconfirmed};
use crate::reads::Reads;
use crate::routes;
use crate::socket::Socket;

/// Heads are small; larger ones get 431. Also what one idle connection may keep.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// How long the kernel holds an answer that the client does not read, once it has all
/// of it.
const UNREAD_MILLIS_MAX: u32 = 30_000;

/// How long a connection may wait for its last request when the process stops: its
/// answer tells the client to close. After that it is closed on the client.
const LAST_REQUEST: Duration = Duration::from_millis(700);

/// Deadlines of requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a body.
    pub body_timeout: Duration,
    /// For silence before and between requests, for a head, and for reading an answer.
    pub idle_timeout: Duration,
    /// For what is under way when the process stops.
    pub drain_timeout: Duration,
}

/// What a request on this worker can reach.
pub struct Worker {
    /// The process's producer.
    pub publisher: Arc<Publisher>,
    /// This worker's waiting writes.
    pub acks: Arc<Acks>,
    /// This worker's counters.
    pub meter: Arc<Meter>,
    /// The read side.
    pub reads: Reads,
    /// Topic names.
    pub topics: Topics,
    /// Deadlines.
    pub limits: Limits,
    /// Writes refused at once, by reason.
    pub refused: Refused,
}

/// Counters of refusals; they are rare next to requests.
#[derive(Clone)]
pub struct Refused {
    in_flight: Counter,
    queue_full: Counter,
    broker_away: Counter,
}

impl Default for Refused {
    fn default() -> Self {
        let counter = |reason| metrics::counter!(REFUSED, "reason" => reason);
        Self {
            in_flight: counter("in_flight"),
            queue_full: counter("queue_full"),
            broker_away: counter("broker_away"),
        }
    }
}

/// A write that waits for the broker's word.
pub struct Pending(oneshot::Receiver<Outcome>);

impl Pending {
    /// Where the record is, once the broker has it.
    pub async fn acknowledged(self) -> Result<Position, Problem> {
        let outcome = self.0.await.unwrap_or(Err(Unconfirmed::Failed));
        outcome.map_err(|why| {
            let what = match why {
                Unconfirmed::TooLate => "the broker did not answer in time",
                Unconfirmed::Failed => "the producer gave up",
            };
            let detail =
                format!("{what}; it may have been accepted, retry with the same Idempotency-Key");
            Problem::new(Kind::OutcomeUnknown, detail)
        })
    }
}

impl Worker {
    /// Refuses a write before its body is read, when it would be refused after.
    pub fn admit(&self) -> Result<(), Problem> {
        self.publisher.admits(&self.acks).map_err(|refusal| self.refused(refusal))
    }

    /// Hands a record to the producer.
    pub fn send(&self, event: &Event<'_>) -> Result<Pending, Problem> {
        let sent = self.publisher.send(&self.acks, event);
        sent.map(Pending).map_err(|refusal| self.refused(refusal))
    }

    fn refused(&self, refusal: Refusal) -> Problem {
        match refusal {
            Refusal::TooManyInFlight => {
                self.refused.in_flight.increment(1);
                Problem::new(Kind::Busy, "too many writes wait for the broker; nothing was done")
            }
            Refusal::QueueFull => {
                self.refused.queue_full.increment(1);
                Problem::new(Kind::Busy, "the producer's queue is full; nothing was done")
            }
            Refusal::Away(state) => {
                self.refused.broker_away.increment(1);
                let detail = format!("{}; nothing was done", state.reason());
                Problem::new(Kind::BrokerAway, detail)
            }
            Refusal::NoTopic => {
                self.refused.broker_away.increment(1);
                let detail = "the broker does not take this kind of write; nothing was done";
                Problem::new(Kind::BrokerAway, detail)
            }
        }
    }
}

/// An accepted connection.
pub struct Connection {
    /// The socket; a worker registers it with its own reactor.
    pub stream: std::net::TcpStream,
    /// Its place under the cap.
    pub place: Place,
}

/// One open connection, counted until it is dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    load: Arc<AtomicUsize>,
}

impl Place {
    /// A place under the cap and one more in the worker's load.
    pub fn new(permit: OwnedSemaphorePermit, load: Arc<AtomicUsize>) -> Self {
        load.fetch_add(1, Ordering::Relaxed);
        Self { _permit: permit, load }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What all connections of a worker share.
struct Serving {
    worker: Worker,
    /// No more connections come: each answer is a connection's last one.
    draining: CancellationToken,
}

/// Serves connections until no more come, then lets requests finish.
pub async fn serve(worker: Worker, mut connections: mpsc::Receiver<Connection>) {
    let acks = Arc::clone(&worker.acks);
    let drain_timeout = worker.limits.drain_timeout;
    let serving = Arc::new(Serving { worker, draining: CancellationToken::new() });
    let served = async {
        let tracker = TaskTracker::new();
        while let Some(connection) = connections.recv().await {
            let serving = Arc::clone(&serving);
            tracker.spawn(async move {
                let Connection { stream, place } = connection;
                if let Err(error) = serve_connection(&serving, stream).await {
                    tracing::debug!(error = format!("{error:#}"), "connection ended");
                }
                drop(place);
            });
        }
        tracker.close();
        serving.draining.cancel();
        if tokio::time::timeout(drain_timeout, tracker.wait()).await.is_err() {
            tracing::warn!(connections = tracker.len(), "drain deadline passed, closing");
        }
    };
    tokio::select! {
        () = served => {}
        () = acks.dispatch() => {}
    }
}

async fn serve_connection(serving: &Serving, stream: std::net::TcpStream) -> anyhow::Result<()> {
    let Serving { worker, draining } = serving;
    // Small answers must not wait for the client's delayed acknowledgement.
    stream.set_nodelay(true)?;
    set_tcp_user_timeout(&stream, UNREAD_MILLIS_MAX)?;
    let stream = Socket::new(TcpStream::from_std(stream)?, worker.limits.idle_timeout);
    let service = service_fn(move |request| async move {
        let mut reply = routes::answer(worker, request).await;
        if draining.is_cancelled() {
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok::<_, Infallible>(reply)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Starts again after each answer, so it bounds idle connections too.
        .header_read_timeout(worker.limits.idle_timeout)
        .max_buf_size(BUFFER_BYTES_MAX)
        // Answers are small: one copy costs less than a gathered write.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return Ok(ended?),
        () = draining.cancelled() => {}
    }
    // Closed now, an idle connection would meet a request that is on its way.
    if let Ok(ended) = tokio::time::timeout(LAST_REQUEST, connection.as_mut()).await {
        return Ok(ended?);
    }
    connection.as_mut().graceful_shutdown();
    Ok(connection.await?)
}
