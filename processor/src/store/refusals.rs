//! The `refused_events` table: readable events that changed nothing, and why. A lane whose
//! progress was set back meets some again, which have their row.

use sqlx::PgConnection;

use super::{Database, columns};
use crate::decide::Refusal;

pub(super) async fn insert(
    connection: &mut PgConnection,
    database: &Database,
    refusals: &[Refusal],
) -> Result<(), sqlx::Error> {
    if refusals.is_empty() {
        return Ok(());
    }
    let rows = refusals.iter();
    sqlx::query(
        "insert into refused_events (topic, partition, \"offset\", event_id, event_type, subject, reason) \
         select * from unnest($1::text[], $2::int[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::text[]) \
         on conflict (topic, partition, \"offset\") do nothing",
    )
    .bind(columns::of(rows.clone(), |refusal| database.topic(refusal.lane)))
    .bind(columns::of(rows.clone(), |refusal| refusal.lane.partition))
    .bind(columns::of(rows.clone(), |refusal| refusal.offset))
    .bind(columns::of(rows.clone(), |refusal| refusal.event_id))
    .bind(columns::of(rows.clone(), |refusal| refusal.kind.as_str()))
    .bind(columns::of(rows.clone(), |refusal| refusal.subject.as_str()))
    .bind(columns::of(rows, |refusal| refusal.reason))
    .execute(connection)
    .await?;
    Ok(())
}
