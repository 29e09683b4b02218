//! The wiring, top to bottom, and the order in which it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use metrics_exporter_prometheus::PrometheusHandle;
use service::admin::{self, Admin};
use service::health::Health;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::metrics::{CONNECTIONS, IN_FLIGHT, Meter, Reporter, describe};
use crate::publisher::availability::State;
use crate::publisher::{Acks, CONDITION, ProducerConfig, Publisher, watch};
use crate::reads::Reads;
use crate::server::Workers;
use crate::worker::{Limits, Refused, Worker};

/// How often counts reach the metrics recorder.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How long connections wait in the backlog for the first word about a broker:
/// after a restart they are served, not turned away.
const START_GRACE: Duration = Duration::from_secs(3);
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// The sockets to listen on, bound by the caller.
pub struct Sockets {
    /// For requests.
    pub http: TcpListener,
    /// For probes and metrics.
    pub admin: TcpListener,
}

/// Serves until `stop`, then drains: not ready, no new connections, requests
/// finish, records reach the broker.
///
/// # Errors
/// Something cannot start, or a part ended that should not.
pub async fn run(
    config: Config,
    sockets: Sockets,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    describe();
    let health = Health::default();
    health.fail(CONDITION, State::Starting.reason());
    let mut background = JoinSet::new();
    let finished = CancellationToken::new();

    let acks = acks(&config);
    let publisher = Arc::new(Publisher::new(producer_config(&config), Arc::clone(&acks))?);
    let reads = Reads::new(&config, stop.clone())?;
    let (workers, reporter) = workers(&config, &publisher, &acks, &reads)?;
    let gauges = Gauges { loads: workers.loads(), acks };

    let admin = Admin { health: health.clone(), metrics };
    background.spawn(admin::serve(sockets.admin, admin, finished.clone()));
    background.spawn(watch(Arc::clone(&publisher), health.clone(), finished.clone()));
    background.spawn(report(reporter, gauges, finished.clone()));

    let draining = CancellationToken::new();
    let notice = notice_drain(&config, &health, &stop, &draining);
    let accept = workers.accept(sockets.http, config.connections_max.get(), &draining);
    let (accepted, (), lived) = tokio::join!(
        async {
            first_word(&publisher, &stop).await;
            let accepted = accept.await;
            // An acceptor that ended by itself must not be waited for.
            stop.cancel();
            accepted
        },
        notice,
        look_after(&mut background, &stop)
    );

    tokio::task::spawn_blocking(|| workers.finish()).await.context("workers did not finish")?;
    flush(&publisher, config.drain_timeout).await?;
    finished.cancel();
    while let Some(ended) = background.join_next().await {
        ended.context("a background task panicked")?;
    }
    tracing::info!("drained");
    accepted.and(lived)
}

/// None of these tasks ends before the gateway does: without the watch a broker that
/// went away once would be away for ever, and nobody would be told.
async fn look_after(background: &mut JoinSet<()>, stop: &CancellationToken) -> anyhow::Result<()> {
    let Some(Some(ended)) = stop.run_until_cancelled(background.join_next()).await else {
        return Ok(());
    };
    stop.cancel();
    ended.context("a background task panicked")?;
    bail!("a background task ended early")
}

/// Waits until it is known whether a broker is there, or long enough.
async fn first_word(publisher: &Publisher, stop: &CancellationToken) {
    let known = async {
        while publisher.is_starting() && !stop.is_cancelled() {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    let _known_in_time = tokio::time::timeout(START_GRACE, known).await;
}

/// Not ready first; the listener closes only after load balancers could see it.
async fn notice_drain(
    config: &Config,
    health: &Health,
    stop: &CancellationToken,
    draining: &CancellationToken,
) {
    stop.cancelled().await;
    health.fail("drain", "stopping");
    tokio::time::sleep(config.drain_notice).await;
    draining.cancel();
}

async fn flush(publisher: &Arc<Publisher>, deadline: Duration) -> anyhow::Result<()> {
    let publisher = Arc::clone(publisher);
    let flushed = tokio::task::spawn_blocking(move || publisher.flush(deadline)).await;
    if let Err(error) = flushed.context("flush ended early")? {
        // Nobody was told that these records are in the log.
        tracing::warn!(%error, "leaving with unacknowledged records");
    }
    Ok(())
}

fn producer_config(config: &Config) -> ProducerConfig {
    ProducerConfig {
        brokers: config.kafka.brokers.clone(),
        topics: config.kafka.topics(),
        linger: config.linger,
        queue_kib: config.queue_kib,
        ack_timeout: config.ack_timeout,
        stall_after: config.stall_after,
    }
}

/// One table of waiting writes for each worker.
fn acks(config: &Config) -> Arc<[Arc<Acks>]> {
    let count = config.worker_count();
    let each = config.in_flight_max.get().div_ceil(count);
    (0..count)
        .filter_map(|index| u8::try_from(index).ok())
        .map(|index| Arc::new(Acks::new(index, each, config.ack_timeout)))
        .collect()
}

fn workers(
    config: &Config,
    publisher: &Arc<Publisher>,
    acks: &[Arc<Acks>],
    reads: &Reads,
) -> anyhow::Result<(Workers, Reporter)> {
    let limits = Limits {
        body_timeout: config.body_timeout,
        idle_timeout: config.idle_timeout,
        drain_timeout: config.drain_timeout,
    };
    let meters: Vec<Arc<Meter>> = acks.iter().map(|_| Arc::default()).collect();
    let workers = acks.iter().zip(&meters).map(|(acks, meter)| Worker {
        publisher: Arc::clone(publisher),
        acks: Arc::clone(acks),
        meter: Arc::clone(meter),
        reads: reads.clone(),
        topics: config.kafka.topics(),
        limits,
        refused: Refused::default(),
    });
    Ok((Workers::start(workers.collect())?, Reporter::new(meters)))
}

struct Gauges {
    loads: Vec<Arc<AtomicUsize>>,
    acks: Arc<[Arc<Acks>]>,
}

async fn report(mut reporter: Reporter, gauges: Gauges, stop: CancellationToken) {
    let (connections, in_flight) = (metrics::gauge!(CONNECTIONS), metrics::gauge!(IN_FLIGHT));
    let mut tick = tokio::time::interval(REPORT_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = tick.tick() => {}
        }
        reporter.report();
        let open: usize = gauges.loads.iter().map(|load| load.load(Ordering::Relaxed)).sum();
        connections.set(open as f64);
        in_flight.set(gauges.acks.iter().map(|acks| acks.in_flight()).sum::<usize>() as f64);
    }
    reporter.report();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_background_task_that_dies_stops_the_gateway() {
        let stop = CancellationToken::new();
        let mut background = JoinSet::new();
        background.spawn(std::future::pending());
        background.spawn(async { panic!("as a defect would") });
        let ended = look_after(&mut background, &stop).await.unwrap_err();
        assert!(ended.to_string().contains("panicked") && stop.is_cancelled(), "{ended:#}");

        let stop = CancellationToken::new();
        background.spawn(async {});
        let ended = look_after(&mut background, &stop).await.unwrap_err();
        assert!(ended.to_string().contains("early") && stop.is_cancelled(), "{ended:#}");
        assert!(look_after(&mut background, &stop).await.is_ok());
    }
}
