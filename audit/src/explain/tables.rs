//! What the tables know of an order.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Fact, Life};

/// Each gives milliseconds, place and words. Their keys are indexed, or their
/// tables small: refused events, dead letters and the outbox are exceptions.
const QUESTIONS: [&str; 7] = [
    "select (extract(epoch from created_at) * 1000)::bigint, 'table orders', \
            format('%s of %s %s for %s, from record orders/%s/%s: %s', status, total_minor, currency, customer_id, \
                   source_partition, source_offset, lines) \
     from orders where order_id = $1",
    "select (extract(epoch from updated_at) * 1000)::bigint, 'table orders', \
            format('became %s in transaction %s%s%s', status, xmin, ' ' || reason::text, ' ' || shipment::text) \
     from orders where order_id = $1 and updated_at > created_at",
    "select (extract(epoch from processed_at) * 1000)::bigint, 'table processed_events', \
            format('record %s/%s/%s processed under epoch %s in transaction %s, body %s', topic, partition, \"offset\", \
                   epoch, xmin, encode(body_hash, 'hex')) \
     from processed_events where event_id = $1",
    "select (extract(epoch from decided_at) * 1000)::bigint, 'table payments', \
            format('%s %s %s%s', status, amount_minor, currency, ': ' || reason) \
     from payments where order_id = $1",
    // Derived: the move of each step, from the lines of the order, which outlives its trace.
    "select (extract(epoch from m.at) * 1000)::bigint, 'stock', format('%s: %s', m.move, l.pieces) \
     from orders o left join processed_events e on e.event_id = o.order_id \
          left join payments p using (order_id) \
          cross join lateral (select string_agg(format('%s of %s', line ->> 'quantity', line ->> 'sku'), ', ') \
                              from jsonb_array_elements(o.lines) line) as l(pieces) \
          cross join lateral (values (coalesce(e.processed_at, o.created_at), 'reserved', o.status <> 'REJECTED'), \
                                     (p.decided_at, 'sold', o.status in ('PAID', 'SHIPPED') \
                                                            or o.status = 'CANCELLED' and p.decided_at < o.updated_at), \
                                     (o.updated_at, 'given back', o.status in ('PAYMENT_FAILED', 'CANCELLED'))) \
               as m(at, move, took_place) \
     where o.order_id = $1 and m.took_place",
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

/// Where the order came from and when it was changed.
pub(super) async fn life(
    connection: &mut PgConnection,
    order_id: Uuid,
    window_ms: i64,
) -> Result<Option<Life>, sqlx::Error> {
    let row: Option<(i32, i64, i64, i64, bool, Vec<i64>)> = sqlx::query_as(
        "select source_partition, source_offset, (extract(epoch from o.created_at) * 1000)::bigint, \
                (extract(epoch from o.updated_at) * 1000)::bigint, o.status in ('CANCELLED', 'SHIPPED'), \
                array(select distinct (extract(epoch from at) * 1000)::bigint \
                      from unnest(array[e.processed_at, p.decided_at, p.updated_at, o.updated_at]) as at \
                      where at is not null order by 1) \
         from orders o left join payments p using (order_id) \
              left join processed_events e on e.event_id = o.order_id \
         where order_id = $1",
    )
    .bind(order_id)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(partition, offset, created_ms, changed_ms, was_asked, commits_ms)| Life {
        source: (partition, offset),
        created_ms,
        changed_ms,
        commits_ms,
        was_asked,
        window_ms,
    }))
}
