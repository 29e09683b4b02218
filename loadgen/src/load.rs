//! The threads that make the load, and their start: connected first, then all at
//! one instant.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::client::{Client, Target};
use crate::clock::Clock;
use crate::config::Http;
use crate::error::RunError;
use crate::lane::Lane;
use crate::recorder::Recorder;
use crate::resources::ThreadUse;

/// From "all connected" to the first intended send.
const HEAD_START: Duration = Duration::from_millis(20);
/// All connections must stand by then.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Running load.
#[derive(Debug)]
pub struct Load {
    /// What each thread counts.
    pub recorders: Vec<Arc<Recorder>>,
    /// CPU use of each thread.
    pub threads: Vec<ThreadUse>,
    /// The intended instant of the first slot, in nanoseconds of the run's clock.
    pub start_ns: u64,
    handles: Vec<JoinHandle<anyhow::Result<()>>>,
}

/// A thread that is ready to start.
struct Ready {
    thread: i32,
    go: tokio::sync::oneshot::Sender<u64>,
}

impl Load {
    /// Load of one thread that counts by itself when it begins.
    pub fn of_thread(
        recorder: Arc<Recorder>,
        start_ns: u64,
        handle: JoinHandle<anyhow::Result<()>>,
    ) -> Self {
        Self { recorders: vec![recorder], threads: Vec::new(), start_ns, handles: vec![handle] }
    }

    /// Connects all lanes and starts them together.
    ///
    /// # Errors
    /// The target cannot be reached, or threads cannot be started.
    pub fn start(lanes: Vec<Lane>, http: &Http, clock: Clock) -> Result<Self, RunError> {
        let recorders = lanes.iter().map(|lane| lane.recorder.clone()).collect();
        let (mut handles, mut waiting) = (Vec::new(), Vec::new());
        for lane in lanes {
            let (report, reported) = mpsc::sync_channel(1);
            let connections = http.connections / lane.share.1
                + usize::from(lane.share.0 < http.connections % lane.share.1);
            let lane = Arc::new(lane);
            let thread = std::thread::Builder::new().name("load".to_owned());
            let handle = thread
                .spawn(move || lane_thread(&lane, connections, &report))
                .context("cannot start a load thread")?;
            handles.push(handle);
            waiting.push(reported);
        }
        let ready = waiting
            .into_iter()
            .map(|reported| reported.recv().map_err(|_| anyhow!("a load thread died"))?)
            .collect::<Result<Vec<Ready>, RunError>>()?;
        let start_ns = clock.now_ns() + HEAD_START.as_nanos() as u64;
        let threads = ready.iter().map(|ready| ThreadUse::observe(ready.thread)).collect();
        for ready in ready {
            ready.go.send(start_ns).map_err(|_| anyhow!("a load thread died"))?;
        }
        Ok(Self { recorders, threads, start_ns, handles })
    }

    /// Whether all threads are done.
    pub fn finished(&self) -> bool {
        self.handles.iter().all(JoinHandle::is_finished)
    }

    /// The outcome of the threads; call it once they are done.
    ///
    /// # Errors
    /// One of them failed.
    pub fn join(&mut self) -> anyhow::Result<()> {
        for handle in self.handles.drain(..) {
            handle.join().map_err(|_| anyhow!("a load thread died"))??;
        }
        Ok(())
    }
}

fn lane_thread(
    lane: &Arc<Lane>,
    connections: usize,
    report: &mpsc::SyncSender<Result<Ready, RunError>>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(async {
        let clients = match connect_all(lane, connections).await {
            Ok(clients) => clients,
            Err(error) => return report.send(Err(error)).context("nobody waits for this load"),
        };
        let (go, start) = tokio::sync::oneshot::channel();
        let thread = ThreadUse::of_this_thread();
        report.send(Ok(Ready { thread, go })).context("nobody waits for this load")?;
        // Another lane could not connect: then there is no load at all.
        let Ok(start_ns) = start.await else { return Ok(()) };
        lane.clone().run(clients, start_ns).await
    })
}

async fn connect_all(lane: &Lane, connections: usize) -> Result<Vec<Client>, RunError> {
    let connecting = async {
        let mut clients = Vec::with_capacity(connections);
        for _ in 0..connections {
            let mut client = Client::new(lane.target.clone(), lane.timeout);
            client.connect().await?;
            clients.push(client);
        }
        Ok::<_, std::io::Error>(clients)
    };
    let outcome = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
    outcome
        .map_err(std::io::Error::from)
        .flatten()
        .map_err(|error| unreachable(&lane.target, &error))
}

/// The error of a gateway that is not there.
pub(crate) fn unreachable(target: &Target, error: &std::io::Error) -> RunError {
    RunError::Unreachable(format!(
        "cannot connect to the gateway at {}: {error}; start one, or name it with --url or INGEST_URL",
        target.addresses()
    ))
}
