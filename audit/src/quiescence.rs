//! When to judge: books that are being written never balance, so the audit
//! waits until nothing is under way, and judges that very view.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;

use crate::config::{Config, Settle};
use crate::error::CannotJudge;
use crate::fold::progress::{Extent, Row, next_offset};
use crate::place::Topic;
use crate::progress::tell;
use crate::read::log::Log;
use crate::read::{snapshot, tables};

const INTERVAL: Duration = Duration::from_millis(250);
const TELL_INTERVAL: Duration = Duration::from_secs(2);

/// A view of tables and log that belong together.
#[derive(Debug)]
pub struct View {
    /// The tables, in one transaction.
    pub tables: PgConnection,
    /// `partition_progress`.
    pub progress: Vec<Row>,
    /// All partitions of all topics, as of just after the transaction's view.
    pub log: Vec<Extent>,
}

/// Waits for rest, as long as the configuration allows.
pub async fn view(config: &Config, log: &Log) -> Result<View, CannotJudge> {
    let mut connection = snapshot::connect(&config.database_url).await?;
    let started = Instant::now();
    let mut told: Option<Instant> = None;
    loop {
        let looked = Instant::now();
        snapshot::begin(&mut connection).await?;
        let progress = tables::progress(&mut connection, &config.topics).await?;
        // The end of the log is asked after the view began: all that its tables
        // claim to have published is before it.
        let extents = extents(log).await?;
        let unrest = unrest(config, &mut connection, &progress, &extents).await?;
        if unrest.is_empty() {
            whole_log(config, &extents)?;
            return Ok(View { tables: connection, progress, log: extents });
        }
        if let Settle::Within(timeout) = config.settle
            && started.elapsed() >= timeout
        {
            let (seconds, unrest) = (timeout.as_secs_f64(), unrest.join(", "));
            let missing = format!("not at rest after {seconds:.1} s: {unrest}");
            return Err(CannotJudge::because(missing));
        }
        if told.is_none_or(|told| told.elapsed() >= TELL_INTERVAL) {
            told = Some(Instant::now());
            tell(config.progress, &format!("waiting: {}", unrest.join(", ")));
        }
        snapshot::end(&mut connection).await?;
        // Looking costs the pipeline something: at most a fifth of the time.
        tokio::time::sleep(INTERVAL.max(looked.elapsed() * 4)).await;
    }
}

/// What is under way, unless that shall not matter.
async fn unrest(
    config: &Config,
    connection: &mut PgConnection,
    progress: &[Row],
    log: &[Extent],
) -> Result<Vec<String>, CannotJudge> {
    if config.settle == Settle::AsIs {
        return Ok(Vec::new());
    }
    let behind = behind(config, progress, log);
    // Counting waits until the log is processed: it scans the orders.
    if behind.is_empty() { snapshot::unrest(connection).await } else { Ok(behind) }
}

async fn extents(log: &Log) -> Result<Vec<Extent>, CannotJudge> {
    let log = log.clone();
    tokio::task::spawn_blocking(move || log.extents(&Topic::ALL))
        .await
        .map_err(|error| CannotJudge::because(format!("asking Kafka failed: {error}")))?
}

fn behind(config: &Config, progress: &[Row], log: &[Extent]) -> Vec<String> {
    let inputs = log.iter().filter(|extent| matches!(extent.topic, Topic::Orders | Topic::Stock));
    inputs
        .filter_map(|extent| {
            let next = next_offset(progress, extent.topic, extent.partition);
            let (name, partition) = (extent.topic.name(&config.topics), extent.partition);
            (next < extent.high)
                .then(|| format!("{name}/{partition} is processed to {next} of {}", extent.high))
        })
        .collect()
}

/// A log without its beginning proves nothing.
pub fn whole_log(config: &Config, log: &[Extent]) -> Result<(), CannotJudge> {
    let trimmed = log.iter().filter(|extent| extent.low > 0);
    let missing: Vec<_> = trimmed
        .map(|extent| {
            let (name, partition) = (extent.topic.name(&config.topics), extent.partition);
            format!("retention removed the first {} records of {name}/{partition}", extent.low)
        })
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(CannotJudge { missing }) }
}
