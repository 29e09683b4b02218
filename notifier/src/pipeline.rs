//! The wiring: a lane and a thread for each sink, and the admin port.

use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use service::admin::{self, Admin};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::consumer::Source;
use crate::lane::Lane;
use crate::sink::Sink;

/// How long lanes may take to stop; a broker that hangs must not hold the exit.
const DRAIN: Duration = Duration::from_secs(20);
/// How long leaving the group may take after that. All is told and committed by
/// then; a rebalance that waits for another member may hold the goodbye up.
const GOODBYE: Duration = Duration::from_secs(5);

/// Tells until `stop`, or until a lane fails for good, which stops the others.
///
/// # Errors
/// A sink cannot be opened, or a lane failed.
pub async fn run(
    config: &Config,
    listener: TcpListener,
    admin: Admin,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let lanes = lanes(config, &admin)?;
    let (ended, mut ends) = mpsc::channel(lanes.len());
    for (name, lane) in lanes {
        let (ended, stop, mut lane) = (ended.clone(), stop.clone(), lane);
        thread::Builder::new()
            .name(format!("lane-{name}"))
            .spawn(move || {
                let end = lane.run(&stop).with_context(|| format!("sink {name}"));
                // Nobody listens any more when the drain took too long.
                let _late = ended.blocking_send(end);
                // Leaves the group, before the channel closes.
                drop(lane);
            })
            .context("cannot start a thread")?;
    }
    drop(ended);
    let admin = tokio::spawn(admin::serve(listener, admin, stop.clone()));
    let end = watch(&mut ends, config.sinks.len(), &stop).await;
    stop.cancel();
    admin.await.context("the admin port failed")?;
    end
}

fn lanes(config: &Config, admin: &Admin) -> anyhow::Result<Vec<(String, Lane)>> {
    let lane = |spec: &crate::sink::Spec| {
        let source = Source {
            brokers: config.brokers.clone(),
            topic: config.topic.clone(),
            group: format!("{}.{}", config.group, spec.name),
            window: config.dedupe_window,
        };
        let sink = Sink::open(spec, config.webhook)?;
        Ok((spec.name.clone(), Lane::new(&spec.name, source, sink, admin.health.clone())?))
    };
    config.sinks.iter().map(lane).collect()
}

/// Waits for all lanes; the first that fails, or that vanishes, stops the rest.
async fn watch(
    ends: &mut mpsc::Receiver<anyhow::Result<()>>,
    lanes: usize,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (first, left) = tokio::select! {
        end = ends.recv() => {
            (end.unwrap_or_else(|| Err(anyhow!("all lanes vanished"))), lanes - 1)
        }
        () = stop.cancelled() => (Ok(()), lanes),
    };
    stop.cancel();
    // Kept outside: what ends the wait must not hide why a lane ended.
    let mut outcome = first;
    let rest = async {
        for _ in 0..left {
            let Some(end) = ends.recv().await else { break };
            if outcome.is_ok() {
                outcome = end;
            }
        }
    };
    if timeout(DRAIN, rest).await.is_err() {
        return outcome.and(Err(anyhow!("a lane did not stop in time; leaving without it")));
    }
    if timeout(GOODBYE, ends.recv()).await.is_err() {
        tracing::warn!(
            "the group does not take the goodbye; it will miss us when our session ends"
        );
    }
    outcome
}
