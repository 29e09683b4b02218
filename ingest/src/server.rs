//! Accepts connections and deals them to workers.
//!
//! One acceptor instead of a listening socket for each worker: the kernel's
//! spreading over sockets is by hash, and two of three connections on one of
//! two workers cost half the machine.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use service::backoff::Backoff;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::worker::{self, Connection, Place, Worker};

/// Connections that a worker has not picked up yet; it does so at once.
const HANDOVER: usize = 1024;

/// The threads that serve connections.
pub struct Workers {
    threads: Vec<Thread>,
}

struct Thread {
    connections: mpsc::Sender<Connection>,
    load: Arc<AtomicUsize>,
    handle: JoinHandle<()>,
}

impl Workers {
    /// Starts a thread for each worker.
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub fn start(workers: Vec<Worker>) -> anyhow::Result<Self> {
        let threads = workers.into_iter().enumerate().map(|(index, worker)| thread(index, worker));
        Ok(Self { threads: threads.collect::<anyhow::Result<_>>()? })
    }

    /// Open connections of each worker.
    pub fn loads(&self) -> Vec<Arc<AtomicUsize>> {
        self.threads.iter().map(|thread| Arc::clone(&thread.load)).collect()
    }

    /// Accepts until `stop`, never more than `connections_max` at a time.
    ///
    /// # Errors
    /// A worker ended early.
    pub async fn accept(
        &self,
        listener: TcpListener,
        connections_max: usize,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let permits = Arc::new(Semaphore::new(connections_max));
        let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_secs(1));
        loop {
            let permit = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                permit = Arc::clone(&permits).acquire_owned() => permit?,
            };
            let accepted = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                accepted = listener.accept() => accepted,
            };
            match accepted.and_then(|(stream, _)| stream.into_std()) {
                Ok(stream) => {
                    backoff.reset();
                    self.deal(stream, permit).await?;
                }
                // Out of file descriptors, mostly: some must be closed first.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        }
    }

    async fn deal(&self, stream: TcpStream, permit: OwnedSemaphorePermit) -> anyhow::Result<()> {
        let least = self.threads.iter().min_by_key(|thread| thread.load.load(Ordering::Relaxed));
        let Some(thread) = least else { bail!("there are no workers") };
        let place = Place::new(permit, Arc::clone(&thread.load));
        let sent = thread.connections.send(Connection { stream, place }).await;
        sent.ok().context("a worker thread ended early")
    }

    /// Lets requests finish and ends the threads; the workers keep the deadline.
    /// Blocks.
    pub fn finish(self) {
        let (senders, handles): (Vec<_>, Vec<_>) =
            self.threads.into_iter().map(|thread| (thread.connections, thread.handle)).unzip();
        // A worker drains when nothing can come any more.
        drop(senders);
        for handle in handles {
            if handle.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }
}

fn thread(index: usize, worker: Worker) -> anyhow::Result<Thread> {
    let (connections, incoming) = mpsc::channel(HANDOVER);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a worker's runtime")?;
    let handle = std::thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(move || runtime.block_on(worker::serve(worker, incoming)))
        .context("cannot start a worker thread")?;
    Ok(Thread { connections, load: Arc::default(), handle })
}
