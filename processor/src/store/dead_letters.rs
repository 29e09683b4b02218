//! The `dead_letters` table: unreadable records with their bytes, kept in the
//! transaction that passes over them; a copy goes to the dead letter topic. A lane whose
//! progress was set back meets some again, which have their row.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::{PgConnection, Row};

use super::{Database, DeadLetter, columns};
use crate::lane::{LaneId, Record, RecordBuilder};

pub(super) async fn insert(
    connection: &mut PgConnection,
    database: &Database,
    dead: &[DeadLetter<'_>],
) -> Result<(), sqlx::Error> {
    if dead.is_empty() {
        return Ok(());
    }
    let rows = dead.iter();
    sqlx::query(
        "insert into dead_letters (topic, partition, \"offset\", key, value, headers, code, message) \
         select topic, partition, \"offset\", key, value, headers::jsonb, code, message \
         from unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], $7::text[], $8::text[]) \
              as u(topic, partition, \"offset\", key, value, headers, code, message) \
         on conflict (topic, partition, \"offset\") do nothing",
    )
    .bind(columns::of(rows.clone(), |letter| database.topic(letter.record.lane)))
    .bind(columns::of(rows.clone(), |letter| letter.record.lane.partition))
    .bind(columns::of(rows.clone(), |letter| letter.record.offset))
    .bind(columns::of(rows.clone(), |letter| letter.record.key()))
    .bind(columns::of(rows.clone(), |letter| letter.record.value()))
    .bind(columns::of(rows.clone(), |letter| headers_json(letter.record)))
    .bind(columns::of(rows.clone(), |letter| letter.code))
    .bind(columns::of(rows, |letter| without_nul(&letter.message)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks copies that the broker has acknowledged.
pub(super) async fn mark_published(
    connection: &mut PgConnection,
    database: &Database,
    places: &[(LaneId, i64)],
) -> Result<(), sqlx::Error> {
    if places.is_empty() {
        return Ok(());
    }
    let rows = places.iter();
    sqlx::query(
        "update dead_letters d set published_at = now() \
         from unnest($1::text[], $2::int[], $3::bigint[]) as u(topic, partition, \"offset\") \
         where d.topic = u.topic and d.partition = u.partition and d.\"offset\" = u.\"offset\"",
    )
    .bind(columns::of(rows.clone(), |(lane, _)| database.topic(*lane)))
    .bind(columns::of(rows.clone(), |(lane, _)| lane.partition))
    .bind(columns::of(rows, |(_, offset)| *offset))
    .execute(connection)
    .await?;
    Ok(())
}

/// Dead letters of a lane whose copy nobody has acknowledged, with code and
/// message.
pub(super) async fn unpublished(
    connection: &mut PgConnection,
    topic: &str,
    lane: LaneId,
) -> Result<Vec<(Record, String, String)>, sqlx::Error> {
    let rows = sqlx::query(
        "select \"offset\", key, value, headers::text, code, message from dead_letters \
         where topic = $1 and partition = $2 and published_at is null order by \"offset\"",
    )
    .bind(topic)
    .bind(lane.partition)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let mut builder = RecordBuilder::new(lane, row.try_get(0)?, 0);
            builder.content(row.try_get(1)?, row.try_get(2)?);
            let headers: String = row.try_get(3)?;
            for (name, value) in headers_from_json(&headers)? {
                builder.header(&name, value.as_deref());
            }
            Ok((builder.build(), row.try_get(4)?, row.try_get(5)?))
        })
        .collect()
}

/// Name and value; a header may have none.
pub(crate) type OwnedHeader = (String, Option<Vec<u8>>);

fn headers_json(record: &Record) -> String {
    let headers: Vec<_> = record
        .headers()
        .map(|(name, value)| {
            (without_nul(&String::from_utf8_lossy(name)), value.map(|v| STANDARD.encode(v)))
        })
        .collect();
    serde_json::json!(headers).to_string()
}

/// Headers as the `headers` column holds them.
pub(crate) fn headers_from_json(json: &str) -> Result<Vec<OwnedHeader>, sqlx::Error> {
    let headers: Vec<(String, Option<String>)> =
        serde_json::from_str(json).map_err(|error| sqlx::Error::Decode(error.into()))?;
    headers
        .into_iter()
        .map(|(name, value)| {
            let value = value.map(|text| STANDARD.decode(text)).transpose();
            Ok((name, value.map_err(|error| sqlx::Error::Decode(error.into()))?))
        })
        .collect()
}

/// PostgreSQL text holds every character but NUL.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
