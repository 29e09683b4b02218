//! What the tables know of an order.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Fact, Span};

/// Each gives milliseconds, place and words. Their keys are indexed, or their
/// tables small: refused events, dead letters and the outbox are exceptions.
const QUESTIONS: [&str; 6] = [
    "select (extract(epoch from created_at) * 1000)::bigint, 'table orders', \
            format('%s of %s %s for %s, from record orders/%s/%s: %s', status, total_minor, currency, customer_id, \
                   source_partition, source_offset, lines) \
     from orders where order_id = $1",
    "select (extract(epoch from updated_at) * 1000)::bigint, 'table orders', \
            format('became %s%s%s', status, ' ' || reason::text, ' ' || shipment::text) \
     from orders where order_id = $1 and updated_at > created_at",
    "select (extract(epoch from processed_at) * 1000)::bigint, 'table processed_events', \
            format('record %s/%s/%s processed under epoch %s, body %s', topic, partition, \"offset\", epoch, \
                   encode(body_hash, 'hex')) \
     from processed_events where event_id = $1",
    "select (extract(epoch from decided_at) * 1000)::bigint, 'table payments', \
            format('%s %s %s%s', status, amount_minor, currency, ': ' || reason) \
     from payments where order_id = $1",
    "select (extract(epoch from refused_at) * 1000)::bigint, 'table refused_events', \
            format('%s of record %s/%s/%s refused: %s', event_type, topic, partition, \"offset\", reason) \
     from refused_events where subject = $1::text",
    "select (extract(epoch from created_at) * 1000)::bigint, 'table outbox', \
            format('%s waits in row %s: %s', event_type, outbox_id, data) \
     from outbox_events where subject = $1::text",
];

pub(super) async fn facts(
    connection: &mut PgConnection,
    order_id: Uuid,
) -> Result<Vec<Fact>, sqlx::Error> {
    let mut facts = Vec::new();
    for question in QUESTIONS {
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as(question).bind(order_id).fetch_all(&mut *connection).await?;
        facts.extend(rows.into_iter().map(|(at_ms, place, words)| Fact { at_ms, place, words }));
    }
    Ok(facts)
}

/// Where the order came from, and when it was created and last changed.
pub(super) async fn span(
    connection: &mut PgConnection,
    order_id: Uuid,
) -> Result<Option<Span>, sqlx::Error> {
    let row: Option<(i32, i64, i64, i64)> = sqlx::query_as(
        "select source_partition, source_offset, (extract(epoch from created_at) * 1000)::bigint, \
                (extract(epoch from updated_at) * 1000)::bigint \
         from orders where order_id = $1",
    )
    .bind(order_id)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(partition, offset, from_ms, to_ms)| Span {
        source: (partition, offset),
        from_ms,
        to_ms,
    }))
}
