//! Forgets what nobody will ask for again: processed events, refused events and
//! published dead letters older than a horizon.
//!
//! One process at a time walks each table from its first page to its last, some
//! pages a transaction, and deletes what it finds expired there. The walk costs
//! the same whatever the table looks like; an index on time would not, because
//! freed pages are used again and their range of times only grows. Between two
//! transactions it rests nine times as long as it worked. It locks nothing but
//! the rows it deletes, so writers never wait; vacuum gives the space to new
//! rows, so the tables keep their size.
//!
//! Rows at or above a partition's `resume_offset` stay, however old: their
//! records may be read again.

use std::time::{Duration, Instant};

use anyhow::Context;
use metrics::Counter;
use service::backoff::Backoff;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::store::answered;

/// Held by the process that deletes, as long as its connection lives.
const LOCK: i64 = 0x6f72_6465_726d_696c;
/// Pages of one transaction: 2 MB, some thousand rows.
const PAGES: i64 = 256;
/// A rest is this many times as long as the work before it.
const REST: u32 = 9;
/// How long connecting or a statement may take; the server ends a statement after 30 s.
const ANSWER: Duration = Duration::from_secs(60);
/// When to look again whether the lock is free.
const STANDBY: Duration = Duration::from_secs(60);

/// A table that forgets.
struct Table {
    name: &'static str,
    size: &'static str,
    /// Deletes what is expired in the pages from `$1` up to `$2`.
    delete: &'static str,
}

macro_rules! table {
    ($name:literal, $expired:literal) => {
        Table {
            name: $name,
            size: concat!(
                "select pg_relation_size('",
                $name,
                "') / current_setting('block_size')::bigint"
            ),
            delete: concat!(
                "delete from ",
                $name,
                " e using partition_progress p \
                 where e.ctid >= format('(%s,0)', $1::bigint)::tid and e.ctid < format('(%s,0)', $2::bigint)::tid \
                   and ",
                $expired,
                " < now() - make_interval(secs => $3) \
                   and p.topic = e.topic and p.partition = e.partition \
                   and e.\"offset\" < p.resume_offset"
            ),
        }
    };
}

const TABLES: [Table; 3] = [
    table!("processed_events", "e.processed_at"),
    table!("refused_events", "e.refused_at"),
    // Null, and hence kept, until the broker has the copy.
    table!("dead_letters", "e.published_at"),
];

/// Deletes in passes until `stop`, a tenth of the horizon apart: the tables hold
/// at most a tenth more than the horizon says. Every process runs this; one of
/// them works. A database that is away is waited for.
///
/// # Errors
/// The URL is no PostgreSQL URL.
pub async fn run(
    database_url: String,
    horizon: Duration,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let options: PgConnectOptions =
        database_url.parse().context("DATABASE_URL is no PostgreSQL URL")?;
    // What a crash of the server takes back is deleted again by the next pass.
    let options = options.application_name("ordermill-retention").options([
        ("synchronous_commit", "off"),
        ("statement_timeout", "30s"),
        ("lock_timeout", "2s"),
        ("jit", "off"),
    ]);
    let mut backoff = Backoff::new(Duration::from_secs(1), STANDBY);
    // A stop waits for no answer; the lock goes with the connection.
    stop.run_until_cancelled(async {
        loop {
            let wait = match lead(&options, horizon).await {
                Ok(()) => {
                    backoff.reset();
                    STANDBY
                }
                Err(error) => {
                    tracing::warn!(%error, "retention interrupted, will go on");
                    backoff.next_delay()
                }
            };
            sleep(wait).await;
        }
    })
    .await;
    Ok(())
}

/// Makes passes for as long as this process holds the lock. Comes back at once
/// when another one holds it.
async fn lead(options: &PgConnectOptions, horizon: Duration) -> Result<(), sqlx::Error> {
    let mut connection = answered(ANSWER, PgConnection::connect_with(options)).await?;
    let lock = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(LOCK);
    let ours: bool = answered(ANSWER, lock.fetch_one(&mut connection)).await?;
    if !ours {
        return answered(ANSWER, connection.close()).await;
    }
    loop {
        let started = Instant::now();
        for table in &TABLES {
            pass(&mut connection, table, horizon).await?;
        }
        sleep((horizon / 10).saturating_sub(started.elapsed())).await;
    }
}

/// Walks one table once.
async fn pass(
    connection: &mut PgConnection,
    table: &Table,
    horizon: Duration,
) -> Result<(), sqlx::Error> {
    let deleted: Counter = metrics::counter!("retention_deleted_rows_total", "table" => table.name);
    let size = sqlx::query_scalar(table.size).fetch_one(&mut *connection);
    let pages: i64 = answered(ANSWER, size).await?;
    for first in (0..pages).step_by(PAGES as usize) {
        let started = Instant::now();
        let delete = sqlx::query(table.delete)
            .bind(first)
            .bind(first + PAGES)
            .bind(horizon.as_secs_f64())
            .execute(&mut *connection);
        deleted.increment(answered(ANSWER, delete).await?.rows_affected());
        sleep(started.elapsed() * REST).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_reads_its_pages_and_no_others() {
        let bed = testkit::bed("retention-plan").await;
        let mut connection = bed.connect().await;
        for table in &TABLES {
            let explain = format!("explain {}", table.delete);
            let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(explain))
                .bind(0_i64)
                .bind(PAGES)
                .bind(60.0)
                .fetch_all(&mut connection)
                .await
                .unwrap();
            let scan = format!("Tid Range Scan on {} e", table.name);
            assert!(plan.iter().any(|line| line.contains(&scan)), "{plan:#?}");
        }
    }
}
