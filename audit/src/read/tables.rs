//! The tables, each as a stream of rows out of one snapshot.

use std::time::Duration;

use contract::topic::Topics;
use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::rows;
use crate::fold::{dead_letters, orders, payments, processed, progress, refused, stock};
use crate::place::Topic;

type Read = Result<u64, sqlx::Error>;

/// Reads `orders`.
pub async fn orders(snapshot: &mut PgConnection, mut visit: impl FnMut(&orders::Row<'_>)) -> Read {
    const SQL: &str = "select order_id, customer_id, status::text, currency, total_minor, \
        lines::text, reason::text, shipment::text, source_partition, source_offset, created_at \
        from orders";
    stream(snapshot, SQL, |row| {
        visit(&rows::order(row, row.try_get(0)?, 1)?);
        Ok(())
    })
    .await
}

/// Reads `payments`.
pub async fn payments(
    snapshot: &mut PgConnection,
    mut visit: impl FnMut(&payments::Row<'_>),
) -> Read {
    const SQL: &str = "select order_id, status::text, currency, amount_minor, reason, decided_at \
        from payments";
    stream(snapshot, SQL, |row| {
        if let Some(payment) = rows::payment(row, row.try_get(0)?, 1)? {
            visit(&payment);
        }
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
    const SQL: &str = "select event_id, topic, partition, \"offset\", epoch, body_hash, \
        processed_at from processed_events";
    stream(snapshot, SQL, |row| {
        let event_id = row.try_get(0)?;
        visit(event_id, rows::processed(row, event_id, 1, topics)?.as_ref());
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
        visit(row.try_get(3)?, rows::refused(row, topics)?.as_ref());
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
        visit(rows::dead_letter(row, topics)?.as_ref());
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
pub async fn counters(
    snapshot: &mut PgConnection,
    mut visit: impl FnMut(&str, &str, &str),
) -> Read {
    const SQL: &str = "select metric_name, dimension, sum(value)::text \
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
