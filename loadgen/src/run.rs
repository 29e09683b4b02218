//! A run from top to bottom: follow, restock, load, watch, wait for settlements,
//! report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::backlog::Backlog;
use crate::books::Books;
use crate::client::Target;
use crate::clock::Clock;
use crate::config::{Config, Http, Mode};
use crate::error::RunError;
use crate::follow::Follower;
use crate::hlog::IntervalLog;
use crate::lane::Lane;
use crate::load::Load;
use crate::orders::Generator;
use crate::receipts::ReceiptFile;
use crate::report::Report;
use crate::watch::Watch;
use crate::{direct, resources, stock, summary};

/// How soon the end of the load or of the settlements is noticed.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);

/// Makes the load of `config` and reports; `stop` ends it early, with a report
/// about what was sent until then.
///
/// # Errors
/// There was no load, or a file that was asked for is incomplete.
pub async fn run(config: Config, stop: CancellationToken) -> Result<Report, RunError> {
    config.check().map_err(RunError::Usage)?;
    let (clock, started_at) = (Clock::start(), jiff::Timestamp::now());
    let generator = Arc::new(Generator::new(config.seed, config.mix.clone()));
    let log = config.hlog.as_deref().map(IntervalLog::create).transpose()?;
    let (mut books, mut receipts) = (Books::default(), None);
    if let Some(path) = &config.receipts {
        let (sink, file) = ReceiptFile::create(path)?;
        (books.receipts, receipts) = (Some(sink), Some(file));
    }
    // Before the first order: the ends of the topic are where its events begin.
    let follower = start_follower(&config, clock).await?;
    books.settlements = follower.as_ref().map(Follower::settlements);

    let mut load = start_load(&config, generator, books, (clock, stop.clone())).await?;
    let cpu_before_us = resources::process_cpu_us();
    let mut watch = Watch::new(clock, load.start_ns, config.progress);
    watch.log_to(log);
    if let Some(follower) = &follower {
        watch.follow(follower.settlements());
    }
    watch_load(&mut watch, &mut load, follower.as_ref(), &mut receipts).await?;
    let load_end = Instant::now();
    let cpu_us = resources::process_cpu_us() - cpu_before_us;
    let settled = await_settlements(&mut watch, &mut load, follower, (&config, &stop)).await?;
    // Before files are synced: that is no settlement.
    let settle_wait_s = load_end.elapsed().as_secs_f64();
    watch.finish()?;
    let receipts = receipts.map(ReceiptFile::finish).transpose()?;
    Ok(summary::report(&summary::Facts {
        config: &config,
        watch: &watch,
        started_at,
        start_ns: load.start_ns,
        settle_wait_s,
        settled,
        receipts,
        cpu_us,
        interrupted: stop.is_cancelled(),
    }))
}

async fn start_follower(config: &Config, clock: Clock) -> Result<Option<Follower>, RunError> {
    if config.follow.is_none() {
        return Ok(None);
    }
    let (brokers, topic) = (config.brokers.clone(), config.topics.order_events.clone());
    let starting = tokio::task::spawn_blocking(move || Follower::start(&brokers, &topic, clock));
    Ok(Some(starting.await.context("the follower died")??))
}

async fn start_load(
    config: &Config,
    generator: Arc<Generator>,
    books: Books,
    (clock, stop): (Clock, CancellationToken),
) -> Result<Load, RunError> {
    match &config.mode {
        Mode::Direct => {
            let config = config.clone();
            let starting = move || direct::start(&config, generator, books, (clock, stop));
            tokio::task::spawn_blocking(starting).await.context("the start died")?
        }
        Mode::Http(http) => {
            let target = Arc::new(Target::resolve(&http.url).await?);
            if config.stock > 0 {
                tokio::select! {
                    () = stop.cancelled() => return Err(RunError::Interrupted),
                    restocked = stock::restock(config, http, (&generator, &target)) => restocked?,
                }
            }
            let lanes = lanes(config, http, (generator, target), (books, clock, stop))?;
            let http = http.clone();
            let starting = move || Load::start(lanes, &http, clock);
            tokio::task::spawn_blocking(starting).await.context("the start died")?
        }
    }
}

fn lanes(
    config: &Config,
    http: &Http,
    (generator, target): (Arc<Generator>, Arc<Target>),
    (books, clock, stop): (Books, Clock, CancellationToken),
) -> Result<Vec<Lane>, RunError> {
    let schedule = config.schedule().context("a rate is needed")?;
    let lane = |number| Lane {
        share: (number, http.threads),
        schedule: schedule.clone(),
        generator: generator.clone(),
        run: config.run.clone(),
        target: target.clone(),
        timeout: http.timeout,
        clock,
        recorder: Arc::default(),
        books: books.clone(),
        backlog: Backlog::new(http.backlog.div_ceil(http.threads)),
        recent: std::sync::Mutex::default(),
        stop: stop.clone(),
    };
    Ok((0..http.threads).map(lane).collect())
}

async fn watch_load(
    watch: &mut Watch,
    load: &mut Load,
    follower: Option<&Follower>,
    receipts: &mut Option<ReceiptFile>,
) -> anyhow::Result<()> {
    let mut second = seconds();
    let mut look = tokio::time::interval(LOOK_INTERVAL);
    while !load.finished() {
        tokio::select! {
            _ = second.tick() => watch.tick(load)?,
            _ = look.tick() => follower.map_or(Ok(()), Follower::check)?,
        }
        // A load whose receipts are lost proves nothing: it ends at once.
        if let Some(failed) = receipts.take_if(|receipts| receipts.has_failed()) {
            failed.finish()?;
        }
    }
    watch.gather(load)?;
    load.join()
}

fn seconds() -> tokio::time::Interval {
    tokio::time::interval_at(tokio::time::Instant::now() + SECOND, SECOND)
}

async fn await_settlements(
    watch: &mut Watch,
    load: &mut Load,
    follower: Option<Follower>,
    (config, stop): (&Config, &CancellationToken),
) -> anyhow::Result<Option<crate::settlements::SettledCounts>> {
    let Some(follower) = follower else { return Ok(None) };
    let deadline = Instant::now() + config.follow.unwrap_or_default();
    let mut second = seconds();
    let mut look = tokio::time::interval(LOOK_INTERVAL);
    while watch.unsettled() > 0 && Instant::now() < deadline && !stop.is_cancelled() {
        tokio::select! {
            _ = second.tick() => watch.tick(load)?,
            _ = look.tick() => follower.check()?,
        }
    }
    let counts = follower.settlements().lock().give_up();
    watch.gather(load)?;
    tokio::task::spawn_blocking(move || follower.finish()).await.context("the follower died")??;
    Ok(Some(counts))
}
