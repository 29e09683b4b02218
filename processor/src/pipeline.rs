//! The wiring, on one screen:
//!
//! ```text
//! Kafka ─► poll loop ─► queue ─► worker ─► one transaction ─► PostgreSQL
//!          (thread)     × W      │  ▲
//!                                │  └── answers ◄─ cashier ◄─► payment provider
//!                                └───── events ──► producer ──► Kafka
//! ```

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use service::admin::{self, Admin};
use service::health::Health;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::RunArgs;
use crate::consume::{Claims, PollConfig, PollLoop};
use crate::metrics::describe;
use crate::payment::{Breaker, Cashier};
use crate::publish::{self, Producer};
use crate::retention;
use crate::store::Database;
use crate::work::{Worker, WorkerParts, queue};

/// How long leaving may take beyond the drain deadline before the process is
/// ended where it stands.
const LEAVE_GRACE: Duration = Duration::from_secs(10);
const PANICKED: &str = "a worker, the watch or retention panicked";

/// Runs until `stop`, drains, and returns.
///
/// # Errors
/// Whatever ends a part of the pipeline ends the whole; its error is returned.
pub async fn run(
    args: RunArgs,
    admin_listener: TcpListener,
    admin: Admin,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    describe();
    let topics = args.kafka.topics();
    let database = Database::new(&args.database.database_url, topics.clone())
        .context("DATABASE_URL is no PostgreSQL URL")?;
    let producer = Arc::new(Producer::new(&args.kafka.brokers, topics.clone())?);
    let breaker = Breaker::new(args.payment.breaker());
    let cashiers =
        Cashier::staff(args.payment.provider()?, breaker, args.payment.cashier(), args.workers);

    let (quit, drained) = (stop.child_token(), CancellationToken::new());
    let mut tasks = JoinSet::new();
    let mut queues = Vec::with_capacity(args.workers);
    for (number, cashier) in cashiers.into_iter().enumerate() {
        let wake = Arc::new(Notify::new());
        let (queue, inbox) = queue(args.queue_records, args.queue_bytes, wake.clone());
        queues.push(queue);
        let worker = Worker::new(WorkerParts {
            number,
            config: args.worker(),
            inbox,
            wake,
            database: database.clone(),
            cashier,
            producer: producer.clone(),
            health: admin.health.clone(),
            stop: quit.clone(),
        });
        tasks.spawn(on_thread(format!("worker-{number}"), move || run_worker(worker)));
    }

    tasks.spawn(publish::watch(producer, admin.health.clone(), quit.clone()));
    tasks.spawn(retention::run(args.database.database_url.clone(), args.retention, quit.clone()));

    let owner = format!("{}:{}", hostname(), std::process::id());
    let config = PollConfig {
        brokers: args.kafka.brokers.clone(),
        group: args.group.clone(),
        topics,
        health: admin.health.clone(),
    };
    let claims = Claims::new(database.clone(), owner, admin.health.clone(), quit.clone());
    let poll_loop = PollLoop::new(config, database, claims, queues)?;
    let (poll_stop, poll_drained) = (quit.clone(), drained.clone());
    let polling = on_thread("poll".into(), move || poll_loop.run(&poll_stop, &poll_drained));
    let admin_stop = CancellationToken::new();
    let admin_port = tokio::spawn(admin::serve(admin_listener, admin.clone(), admin_stop.clone()));

    let parts = Parts { tasks, polling: tokio::spawn(polling), quit, drained };
    let outcome = parts.until_stopped(&stop, &admin.health, args.drain_deadline).await;
    admin_stop.cancel();
    admin_port.await.context("the admin port panicked")?;
    outcome
}

/// What runs, and how it is told to end.
struct Parts {
    /// The workers, the watch over their producer, and retention.
    tasks: JoinSet<anyhow::Result<()>>,
    polling: JoinHandle<anyhow::Result<()>>,
    /// Ends polling and begins the workers' drain.
    quit: CancellationToken,
    /// Lets the poll loop leave the group.
    drained: CancellationToken,
}

impl Parts {
    /// The first part to end ends the rest; the first error is the outcome.
    async fn until_stopped(
        mut self,
        stop: &CancellationToken,
        health: &Health,
        drain_deadline: Duration,
    ) -> anyhow::Result<()> {
        let mut polls = true;
        let first = tokio::select! {
            () = stop.cancelled() => Ok(()),
            Some(ended) = self.tasks.join_next() => ended.context(PANICKED).flatten(),
            ended = &mut self.polling => {
                polls = false;
                ended.context("the poll loop panicked").flatten()
            }
        };
        health.fail("drain", "stopping");
        self.quit.cancel();
        // Kept outside: what ends the wait must not hide why a part ended.
        let mut outcome = first;
        let rest = tokio::time::timeout(drain_deadline + LEAVE_GRACE, async {
            while let Some(ended) = self.tasks.join_next().await {
                note(&mut outcome, ended.context(PANICKED).flatten());
            }
            self.drained.cancel();
            if polls {
                note(&mut outcome, self.polling.await.context("the poll loop panicked").flatten());
            }
        });
        let ended = rest.await.context("the drain did not end in time");
        outcome.and(ended)
    }
}

/// The first error is the outcome.
fn note(outcome: &mut anyhow::Result<()>, ended: anyhow::Result<()>) {
    if outcome.is_ok() {
        *outcome = ended;
    }
}

async fn on_thread(
    name: String,
    body: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    let (done, outcome) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name(name.clone())
        .spawn(move || done.send(body()))
        .with_context(|| format!("cannot start thread {name}"))?;
    outcome.await.with_context(|| format!("thread {name} panicked"))?
}

fn run_worker(worker: Worker) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot make a worker's runtime")?;
    runtime.block_on(worker.run())
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "processor".into(), |name| name.trim().into())
}
