//! The tables, each as a stream of rows out of one snapshot.

use std::time::Duration;

use contract::topic::Topics;
use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnection, PgRow, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Postgres, Row, Type};
use uuid::Uuid;

use crate::fold::{dead_letters, orders, payments, processed, progress, refused, stock};
use crate::place::{Place, Topic};

type Read = Result<u64, sqlx::Error>;

/// A time, in microseconds since 1970.
pub(super) struct Micros(pub(super) i64);

/// PostgreSQL counts from the year 2000.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

impl Type<Postgres> for Micros {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("timestamptz")
    }
}

impl<'r> Decode<'r, Postgres> for Micros {
    fn decode(value: PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        let since_2000 = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        Ok(Self(since_2000.saturating_add(POSTGRES_EPOCH_US)))
    }
}

/// Reads `orders`.
pub async fn orders(snapshot: &mut PgConnection, mut visit: impl FnMut(&orders::Row<'_>)) -> Read {
    const SQL: &str = "select order_id, customer_id, status::text, currency, total_minor, \
        lines::text, reason::text, shipment::text, source_partition, source_offset, created_at \
        from orders";
    stream(snapshot, SQL, |row| {
        let (partition, offset) = (row.try_get(8)?, row.try_get(9)?);
        visit(&orders::Row {
            order_id: row.try_get(0)?,
            customer_id: row.try_get(1)?,
            status: row.try_get(2)?,
            currency: row.try_get(3)?,
            total_minor: row.try_get(4)?,
            lines: row.try_get(5)?,
            reason: row.try_get(6)?,
            shipment: row.try_get(7)?,
            source: Place { topic: Topic::Orders, partition, offset },
            created_us: row.try_get::<Micros, _>(10)?.0,
        });
        Ok(())
    })
    .await
}

/// Reads `payments`.
pub async fn payments(
    snapshot: &mut PgConnection,
    mut visit: impl FnMut(&payments::Row<'_>),
) -> Read {
    const SQL: &str = "select order_id, status::text, currency, amount_minor, reason from payments";
    stream(snapshot, SQL, |row| {
        visit(&payments::Row {
            order_id: row.try_get(0)?,
            status: row.try_get(1)?,
            currency: row.try_get(2)?,
            amount_minor: row.try_get(3)?,
            reason: row.try_get(4)?,
        });
        Ok(())
    })
    .await
}

/// Reads `processed_events`; a row of a topic that is not audited has no place.
pub async fn processed_events(
    snapshot: &mut PgConnection,
    topics: &Topics,
    mut visit: impl FnMut(Uuid, Option<&processed::Row>),
) -> Read {
    const SQL: &str = "select topic, partition, \"offset\", event_id, epoch, body_hash, \
        processed_at from processed_events";
    stream(snapshot, SQL, |row| {
        let event_id = row.try_get(3)?;
        let place = place(row, topics)?;
        let (body, epoch) = (row.try_get::<&[u8], _>(5)?, row.try_get(4)?);
        // A hash of another length is no hash of any record.
        let body = body.try_into().unwrap_or([0xff; 16]);
        let processed_us = row.try_get::<Micros, _>(6)?.0;
        let row = place.map(|place| processed::Row { event_id, place, epoch, body, processed_us });
        visit(event_id, row.as_ref());
        Ok(())
    })
    .await
}

/// Reads `refused_events`; a row of a topic that is not audited has no place.
pub async fn refused_events(
    snapshot: &mut PgConnection,
    topics: &Topics,
    mut visit: impl FnMut(Uuid, Option<&refused::Row<'_>>),
) -> Read {
    const SQL: &str = "select topic, partition, \"offset\", event_id, event_type, subject, reason \
        from refused_events";
    stream(snapshot, SQL, |row| {
        let event_id = row.try_get(3)?;
        let (event_type, subject, reason) = (row.try_get(4)?, row.try_get(5)?, row.try_get(6)?);
        let row = place(row, topics)?.map(|place| refused::Row {
            place,
            event_id,
            event_type,
            subject,
            reason,
        });
        visit(event_id, row.as_ref());
        Ok(())
    })
    .await
}

/// Reads `dead_letters`; a row of a topic that is not audited has no place.
pub async fn dead_letters(
    snapshot: &mut PgConnection,
    topics: &Topics,
    mut visit: impl FnMut(Option<&dead_letters::Row<'_>>),
) -> Read {
    const SQL: &str = "select topic, partition, \"offset\", key, value, headers::text, code, \
        published_at is not null from dead_letters";
    stream(snapshot, SQL, |row| {
        let (key, value, headers) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
        let (code, published) = (row.try_get(6)?, row.try_get(7)?);
        let row = place(row, topics)?.map(|place| dead_letters::Row {
            place,
            key,
            value,
            headers,
            code,
            published,
        });
        visit(row.as_ref());
        Ok(())
    })
    .await
}

/// Reads `stock`.
pub async fn stock(snapshot: &mut PgConnection, mut visit: impl FnMut(&stock::Row<'_>)) -> Read {
    const SQL: &str = "select sku, available, reserved, sold, received from stock";
    stream(snapshot, SQL, |row| {
        visit(&stock::Row {
            sku: row.try_get(0)?,
            available: row.try_get(1)?,
            reserved: row.try_get(2)?,
            sold: row.try_get(3)?,
            received: row.try_get(4)?,
        });
        Ok(())
    })
    .await
}

/// Reads `sales_metrics`: name, dimension, value.
pub async fn metrics(snapshot: &mut PgConnection, mut visit: impl FnMut(&str, &str, &str)) -> Read {
    const SQL: &str = "select metric_name, dimension, trim_scale(value)::text from sales_metrics";
    stream(snapshot, SQL, |row| {
        visit(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(())
    })
    .await
}

/// Reads the counters under `sales_metrics`: name, dimension, sum over all writers.
pub async fn counters(snapshot: &mut PgConnection, mut visit: impl FnMut(&str, &str, i64)) -> Read {
    const SQL: &str = "select metric_name, dimension, sum(value)::bigint \
        from sales_metric_shards group by metric_name, dimension";
    stream(snapshot, SQL, |row| {
        visit(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(())
    })
    .await
}

/// Reads where each partition has work left over: topic, partition and first offset.
pub async fn resume_offsets(
    snapshot: &mut PgConnection,
) -> Result<Vec<(String, i32, i64)>, sqlx::Error> {
    const SQL: &str = "select topic, partition, resume_offset from partition_progress";
    sqlx::query_as(SQL).fetch_all(snapshot).await
}

/// Reads `outbox`: topic and partition of the input.
pub async fn outbox(snapshot: &mut PgConnection, mut visit: impl FnMut(i64, &str, i32)) -> Read {
    stream(snapshot, "select id, topic, partition from outbox", |row| {
        visit(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(())
    })
    .await
}

/// Reads rows of `outbox` that are older: id, and topic and partition of the input.
pub async fn outbox_before(
    snapshot: &mut PgConnection,
    age: Duration,
) -> Result<Vec<(i64, String, i32)>, sqlx::Error> {
    const SQL: &str = "select id, topic, partition from outbox \
        where created_at < now() - make_interval(secs => $1) limit 1000";
    sqlx::query_as(SQL).bind(age.as_secs_f64()).fetch_all(snapshot).await
}

/// Reads `partition_progress` of the audited topics.
pub async fn progress(
    snapshot: &mut PgConnection,
    topics: &Topics,
) -> Result<Vec<progress::Row>, sqlx::Error> {
    const SQL: &str = "select topic, partition, next_offset, epoch from partition_progress";
    let mut rows = Vec::new();
    stream(snapshot, SQL, |row| {
        let (epoch, next_offset) = (row.try_get(3)?, row.try_get(2)?);
        let partition = row.try_get(1)?;
        let topic = Topic::input(row.try_get(0)?, topics);
        rows.extend(topic.map(|topic| progress::Row { topic, partition, epoch, next_offset }));
        Ok(())
    })
    .await?;
    Ok(rows)
}

async fn stream(
    snapshot: &mut PgConnection,
    sql: &'static str,
    mut visit: impl FnMut(&PgRow) -> Result<(), sqlx::Error>,
) -> Read {
    let mut rows = sqlx::query(sql).fetch(snapshot);
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        visit(&row)?;
        count += 1;
    }
    Ok(count)
}

/// Topic, partition and offset of the first three columns.
pub(super) fn place(row: &PgRow, topics: &Topics) -> Result<Option<Place>, sqlx::Error> {
    let (partition, offset) = (row.try_get(1)?, row.try_get(2)?);
    let topic = Topic::input(row.try_get(0)?, topics);
    Ok(topic.map(|topic| Place { topic, partition, offset }))
}
