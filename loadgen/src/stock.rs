//! Goods before orders: restocks every product through the gateway, and waits
//! until the processor has booked all of them, so that the first orders are not
//! refused for want of stock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use bytes::Bytes;
use hyper::Method;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::client::{Client, Target};
use crate::config::{Config, Http};
use crate::error::RunError;
use crate::load::unreachable;
use crate::orders::Generator;
use crate::progress::Progress;
use crate::recorder::Refusal;

/// Enough to be quick, few enough to share a gateway.
const CONNECTIONS_MAX: usize = 16;
const TRIES_MAX: u32 = 5;
/// What a gateway answers whose broker is away.
const UNAVAILABLE: u16 = 503;
const WITHOUT: &str = "with --stock 0 the load goes without";
const RETRY_PAUSE: Duration = Duration::from_millis(200);
const BOOKED_TIMEOUT: Duration = Duration::from_secs(30);
const BOOKED_PAUSE: Duration = Duration::from_millis(20);

/// The products and who is next.
struct Round {
    skus: Vec<String>,
    next: AtomicUsize,
    pieces: u32,
    progress: Progress,
}

/// Restocks every product.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub async fn restock(
    config: &Config,
    http: &Http,
    (generator, target): (&Generator, &Arc<Target>),
) -> Result<(), RunError> {
    let round = Arc::new(Round {
        skus: generator.skus().collect(),
        next: AtomicUsize::new(0),
        pieces: config.stock,
        progress: config.progress,
    });
    let mut probe = Client::new(target.clone(), http.timeout);
    probe.connect().await.map_err(|error| unreachable(target, &error))?;
    drop(probe);
    let mut workers = JoinSet::new();
    for _ in 0..CONNECTIONS_MAX.min(round.skus.len()) {
        let client = Client::new(target.clone(), http.timeout);
        workers.spawn(restock_some(round.clone(), client, target.clone()));
    }
    while let Some(worker) = workers.join_next().await {
        worker.context("a restocking task died")??;
    }
    Ok(())
}

async fn restock_some(
    round: Arc<Round>,
    mut client: Client,
    target: Arc<Target>,
) -> Result<(), RunError> {
    let mut mine = Vec::new();
    loop {
        let n = round.next.fetch_add(1, Ordering::Relaxed);
        let Some(sku) = round.skus.get(n) else { break };
        restock_one(&mut client, &target, sku, round.pieces).await?;
        mine.push(sku);
        if n.is_multiple_of(100) {
            round.progress.note(&format!("restocking, {n} of {} products", round.skus.len()));
        }
    }
    Ok(await_booked(&round, &mut client, &target, &mine).await?)
}

async fn restock_one(
    client: &mut Client,
    target: &Target,
    sku: &str,
    pieces: u32,
) -> Result<(), RunError> {
    let body = Bytes::from(format!("{{\"quantity\":{pieces},\"reason\":\"restock\"}}"));
    let path = format!("/stock/{sku}/adjustments");
    let mut last = String::new();
    for _try in 0..TRIES_MAX {
        match client.exchange(target.at(Method::POST, &path, body.clone())?).await {
            Ok(Answer::Acknowledged { .. }) => return Ok(()),
            Ok(Answer::Found) => {
                return Err(anyhow!("cannot restock {sku}: it answered 200, not 202").into());
            }
            Ok(Answer::Refused(Refusal { status, problem })) => {
                last = format!("{status} {problem}");
                if status != UNAVAILABLE {
                    return Err(anyhow!("cannot restock {sku}: {last}; {WITHOUT}").into());
                }
            }
            // Unknown outcome: once more may be twice, which stock can bear.
            Err(failure) => last = format!("{failure:?}").to_lowercase(),
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
    Err(RunError::Unreachable(format!("cannot restock {sku}: {last}; {WITHOUT}")))
}

/// A product that was never stocked is unknown to the read API; once it is known,
/// orders find it. Without a processor that never happens, and the load goes on.
async fn await_booked(
    round: &Round,
    client: &mut Client,
    target: &Target,
    skus: &[&String],
) -> anyhow::Result<()> {
    let deadline = Instant::now() + BOOKED_TIMEOUT;
    for sku in skus {
        let path = format!("/stock/{sku}");
        while !matches!(
            client.exchange(target.at(Method::GET, &path, Bytes::new())?).await,
            Ok(Answer::Found)
        ) {
            if Instant::now() > deadline {
                round.progress.note(&format!("{sku} is not booked yet; is a processor running?"));
                return Ok(());
            }
            tokio::time::sleep(BOOKED_PAUSE).await;
        }
    }
    Ok(())
}
