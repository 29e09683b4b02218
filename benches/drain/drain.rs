//! A drain: from the processor's first commit on the filled topic to the last
//! order settled. Tables tell both, in one cheap row a partition, asked a
//! hundred times a second.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use benches::bed::{Bed, wait_until};
use benches::cost::{Meter, Reach};
use benches::goods::topics;
use benches::scrape::quantile_ms;
use sqlx::{Connection, PgConnection};

use crate::leg::{Extent, Kind, Leg, Quantiles};

const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// A drain that is this slow has failed.
const ORDERS_PER_S_MIN: u64 = 1_000;
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Where a drain publishes.
pub(crate) fn events_topic(number: u16) -> String {
    format!("{}-bench-{number}", topics().order_events)
}

/// The environment of a leg, for the processor and for the audit after it.
pub(crate) fn env(bed: &Bed, extent: Extent, number: u16) -> anyhow::Result<Vec<(String, String)>> {
    let database = bed.database(&database(number))?;
    Ok(bed.env(&[
        ("DATABASE_READ_URL", database.clone()),
        ("DATABASE_URL", database),
        ("ORDER_EVENTS_TOPIC", events_topic(number)),
        ("PROCESSOR_GROUP", format!("bench-{number}")),
        ("PROCESSOR_BATCH_MAX", extent.batch_max.to_string()),
        ("PROCESSOR_WORKERS", extent.workers.to_string()),
    ]))
}

fn database(number: u16) -> String {
    format!("bench_drain_{number}")
}

/// Drains the topic once.
pub(crate) async fn leg(bed: &Bed, extent: Extent, number: u16) -> anyhow::Result<Leg> {
    if let Some(before) = number.checked_sub(1) {
        bed.drop_database(&database(before)).await?;
    }
    let url = bed.fresh_database(&database(number)).await?;
    let mut progress = Progress::connect(&url).await?;
    let mut processor = bed.serve("processor", &["run"], &env(bed, extent, number)?).await?;
    let mut meter = Meter::of_servers(&bed.stack);
    meter.add("processor", processor.pid(), Reach::Process);

    let mut first = 0;
    let started = async || {
        first = progress.read().await?.committed;
        Ok(first > 0)
    };
    wait_until("the first commit", (LOOK_INTERVAL, START_DEADLINE), started).await?;
    let (begin, before) = (Instant::now(), meter.read());
    let drained = async || {
        processor.check()?;
        Ok(progress.read().await?.settled >= extent.orders)
    };
    let deadline = START_DEADLINE + Duration::from_secs(extent.orders / ORDERS_PER_S_MIN);
    wait_until("the drain", (LOOK_INTERVAL, deadline), drained).await?;
    let (seconds, after) = (begin.elapsed().as_secs_f64(), meter.read());

    progress.check(extent.orders).await?;
    let page = processor.metrics().await?;
    let at = |quantile| quantile_ms(&page, "commit_duration_seconds", quantile);
    let commit_ms = Quantiles { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
    processor.stop().await?;
    let orders = extent.orders - first;
    Ok(Leg {
        kind: Kind::Drain,
        orders,
        seconds,
        orders_per_s: orders as f64 / seconds,
        cpu_us_per_order: after.costs_since(&before, orders),
        commit_ms,
    })
}

struct Progress {
    connection: PgConnection,
    topic: String,
}

/// Orders over all partitions.
struct Position {
    committed: u64,
    settled: u64,
}

impl Progress {
    async fn connect(url: &str) -> anyhow::Result<Self> {
        let connection = PgConnection::connect(url).await.context("cannot connect to a leg")?;
        Ok(Self { connection, topic: topics().orders })
    }

    async fn read(&mut self) -> anyhow::Result<Position> {
        let (committed, settled): (i64, i64) = sqlx::query_as(
            "select coalesce(sum(next_offset), 0)::bigint, coalesce(sum(resume_offset), 0)::bigint \
             from partition_progress where topic = $1",
        )
        .bind(&self.topic)
        .fetch_one(&mut self.connection)
        .await?;
        Ok(Position { committed: committed.try_into()?, settled: settled.try_into()? })
    }

    /// What the drain claims, by the rows themselves.
    async fn check(mut self, orders: u64) -> anyhow::Result<()> {
        let (all, unsettled): (i64, i64) = sqlx::query_as(
            "select count(*), count(*) filter (where status = 'RESERVED') from orders",
        )
        .fetch_one(&mut self.connection)
        .await?;
        self.connection.close().await?;
        let complete = u64::try_from(all) == Ok(orders) && unsettled == 0;
        ensure!(
            complete,
            "{all} of {orders} orders are in the table, {unsettled} of them unsettled"
        );
        Ok(())
    }
}
