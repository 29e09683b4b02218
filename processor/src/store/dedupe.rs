//! Dedupe: an event has its effect once. The insert tells which events are new;
//! a known one with the same body is a duplicate, with another body a conflict.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::batch::{Batch, BodyHash};
use super::{Database, columns};
use crate::decide::{Decided, Refusal};

/// What dedupe makes of a batch.
pub(super) struct Deduped<'a> {
    /// Events that never had their effect.
    pub(super) new: Vec<&'a Decided>,
    /// Known event ids with another body.
    pub(super) conflicts: Vec<Refusal>,
    /// How many exact duplicates there were.
    pub(super) duplicates: u64,
}

pub(super) async fn dedupe<'a>(
    connection: &mut PgConnection,
    database: &Database,
    batch: &Batch<'a>,
) -> Result<Deduped<'a>, sqlx::Error> {
    let mut first_of: HashMap<Uuid, usize, FixedState> = HashMap::default();
    for (n, (record, _)) in batch.records.iter().enumerate() {
        first_of.entry(record.inbound.event_id).or_insert(n);
    }
    // In key order: two batches that insert the same ids must not wait for
    // each other in a circle.
    let mut firsts: Vec<(Uuid, usize)> = first_of.iter().map(|(id, n)| (*id, *n)).collect();
    firsts.sort_unstable();
    let inserted = insert(connection, database, batch, &firsts).await?;
    if inserted == batch.records.len() as u64 {
        let new = batch.records.iter().map(|(record, _)| record).collect();
        return Ok(Deduped { new, conflicts: Vec::new(), duplicates: 0 });
    }
    let found = found(connection, &firsts).await?;
    Ok(split(batch, &first_of, &found))
}

async fn insert(
    connection: &mut PgConnection,
    database: &Database,
    batch: &Batch<'_>,
    firsts: &[(Uuid, usize)],
) -> Result<u64, sqlx::Error> {
    let rows = firsts.iter().map(|(_, n)| &batch.records[*n]);
    let epoch_of = |record: &Decided| batch.advances.get(&record.lane).map_or(0, |a| a.claim.epoch);
    let done = sqlx::query(
        "insert into processed_events (event_id, topic, partition, \"offset\", epoch, body_hash) \
         select * from unnest($1::uuid[], $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bytea[]) \
         on conflict (event_id) do nothing",
    )
    .bind(firsts.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(columns::of(rows.clone(), |(record, _)| database.topic(record.lane)))
    .bind(columns::of(rows.clone(), |(record, _)| record.lane.partition))
    .bind(columns::of(rows.clone(), |(record, _)| record.offset))
    .bind(columns::of(rows.clone(), |(record, _)| epoch_of(record)))
    .bind(columns::of(rows, |(_, hash)| &hash[..]))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// A row of a batch's events.
enum Found {
    /// This transaction inserted it.
    New,
    /// It was there, with this body.
    Known(Vec<u8>),
}

/// Which rows of these events are new. A transaction without savepoints is known by its
/// rows' `xmin`.
async fn found(
    connection: &mut PgConnection,
    firsts: &[(Uuid, usize)],
) -> Result<HashMap<Uuid, Found, FixedState>, sqlx::Error> {
    let rows = sqlx::query(
        "select event_id, body_hash, xmin = pg_current_xact_id()::xid \
         from processed_events where event_id = any($1)",
    )
    .bind(firsts.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let found = |row: PgRow| {
        let found = if row.try_get(2)? { Found::New } else { Found::Known(row.try_get(1)?) };
        Ok((row.try_get(0)?, found))
    };
    rows.into_iter().map(found).collect()
}

fn split<'a>(
    batch: &Batch<'a>,
    first_of: &HashMap<Uuid, usize, FixedState>,
    found: &HashMap<Uuid, Found, FixedState>,
) -> Deduped<'a> {
    let mut deduped = Deduped { new: Vec::new(), conflicts: Vec::new(), duplicates: 0 };
    for (n, (record, hash)) in batch.records.iter().enumerate() {
        let id = record.inbound.event_id;
        let first = first_of.get(&id).copied().unwrap_or(n);
        let original: &[u8] = match found.get(&id) {
            Some(Found::New) if first == n => {
                deduped.new.push(record);
                continue;
            }
            Some(Found::New) => &batch.records[first].1,
            Some(Found::Known(body)) => body,
            // Gone between the two statements: retention. It was processed.
            None => hash,
        };
        if same(original, hash) {
            deduped.duplicates += 1;
        } else {
            deduped.conflicts.push(Refusal::body_mismatch(record));
        }
    }
    deduped
}

fn same(body: &[u8], hash: &BodyHash) -> bool {
    body == &hash[..]
}
