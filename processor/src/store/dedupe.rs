//! Dedupe: an event has its effect once. The insert tells which events are new;
//! a known one with the same body is a duplicate, with another body a conflict.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;
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
    if inserted.len() == batch.records.len() {
        let new = batch.records.iter().map(|(record, _)| record).collect();
        return Ok(Deduped { new, conflicts: Vec::new(), duplicates: 0 });
    }
    let known = known_bodies(connection, &firsts, &inserted).await?;
    Ok(split(batch, &first_of, &inserted, &known))
}

async fn insert(
    connection: &mut PgConnection,
    database: &Database,
    batch: &Batch<'_>,
    firsts: &[(Uuid, usize)],
) -> Result<HashSet<Uuid, FixedState>, sqlx::Error> {
    let rows = firsts.iter().map(|(_, n)| &batch.records[*n]);
    let epoch_of = |record: &Decided| batch.advances.get(&record.lane).map_or(0, |a| a.claim.epoch);
    let inserted: Vec<Uuid> = sqlx::query_scalar(
        "insert into processed_events (event_id, topic, partition, \"offset\", epoch, body_hash) \
         select * from unnest($1::uuid[], $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bytea[]) \
         on conflict (event_id) do nothing returning event_id",
    )
    .bind(firsts.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(columns::of(rows.clone(), |(record, _)| database.topic(record.lane)))
    .bind(columns::of(rows.clone(), |(record, _)| record.lane.partition))
    .bind(columns::of(rows.clone(), |(record, _)| record.offset))
    .bind(columns::of(rows.clone(), |(record, _)| epoch_of(record)))
    .bind(columns::of(rows, |(_, hash)| &hash[..]))
    .fetch_all(connection)
    .await?;
    Ok(inserted.into_iter().collect())
}

async fn known_bodies(
    connection: &mut PgConnection,
    firsts: &[(Uuid, usize)],
    inserted: &HashSet<Uuid, FixedState>,
) -> Result<HashMap<Uuid, Vec<u8>, FixedState>, sqlx::Error> {
    let known: Vec<Uuid> =
        firsts.iter().map(|(id, _)| *id).filter(|id| !inserted.contains(id)).collect();
    let rows =
        sqlx::query("select event_id, body_hash from processed_events where event_id = any($1)")
            .bind(known)
            .fetch_all(connection)
            .await?;
    rows.into_iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

fn split<'a>(
    batch: &Batch<'a>,
    first_of: &HashMap<Uuid, usize, FixedState>,
    inserted: &HashSet<Uuid, FixedState>,
    known: &HashMap<Uuid, Vec<u8>, FixedState>,
) -> Deduped<'a> {
    let mut deduped = Deduped { new: Vec::new(), conflicts: Vec::new(), duplicates: 0 };
    for (n, (record, hash)) in batch.records.iter().enumerate() {
        let id = record.inbound.event_id;
        let first = first_of.get(&id).copied().unwrap_or(n);
        let original: Option<&[u8]> = match known.get(&id) {
            Some(body) => Some(body),
            None if first != n => Some(&batch.records[first].1),
            None => None,
        };
        match original {
            None if inserted.contains(&id) => deduped.new.push(record),
            // Gone between the two statements: retention. It was processed.
            None => deduped.duplicates += 1,
            Some(body) if same(body, hash) => deduped.duplicates += 1,
            Some(_) => deduped.conflicts.push(Refusal::body_mismatch(record)),
        }
    }
    deduped
}

fn same(body: &[u8], hash: &BodyHash) -> bool {
    body == &hash[..]
}
