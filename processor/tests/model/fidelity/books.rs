//! The real tables beside the simulated ones, each row as one line of text.

use std::collections::{BTreeMap, HashMap};

use contract::Sku;
use processor::lane::{LaneId, Source};
use processor::store::encode;
use sqlx::PgConnection;

use crate::tables::{Place, Shelf4, Tables};

/// Forgets everything.
pub(super) async fn empty(connection: &mut PgConnection) {
    for table in ["orders", "payments", "stock", "partition_progress", "processed_events"] {
        delete(connection, table).await;
    }
    for table in ["refused_events", "dead_letters", "outbox", "sales_metric_shards"] {
        delete(connection, table).await;
    }
}

async fn delete(connection: &mut PgConnection, table: &str) {
    let sql = sqlx::AssertSqlSafe(format!("delete from {table}"));
    sqlx::query(sql).execute(connection).await.unwrap();
}

/// Puts these shelves up.
pub(super) async fn stock(connection: &mut PgConnection, shelves: &BTreeMap<Sku, Shelf4>) {
    for (sku, shelf) in shelves {
        sqlx::query("insert into stock (sku, available, received) values ($1, $2, $2)")
            .bind(sku.as_str())
            .bind(shelf.received)
            .execute(&mut *connection)
            .await
            .unwrap();
    }
}

/// Compares every table.
pub(super) async fn compare(
    connection: &mut PgConnection,
    tables: &Tables,
    outbox: &HashMap<i64, i64>,
) {
    for (sql, expected) in [
        (PROGRESS, progress(tables)),
        (ORDERS, orders(tables)),
        (PAYMENTS, payments(tables)),
        (STOCK, shelves(tables)),
        (PROCESSED, processed(tables)),
        (REFUSED, refused(tables)),
        (DEAD, dead(tables)),
        (METRICS, metrics(tables)),
        (OUTBOX, pending(tables, outbox)),
    ] {
        let mut found: Vec<String> =
            sqlx::query_scalar(sql).fetch_all(&mut *connection).await.unwrap();
        found.sort();
        let mut expected = expected;
        expected.sort();
        assert_eq!(found, expected, "{sql}");
    }
}

const PROGRESS: &str = "select concat_ws(' ', topic, partition, epoch, next_offset, resume_offset, \
     commit_seq) from partition_progress";

fn progress(tables: &Tables) -> Vec<String> {
    let row = |(lane, row): (&LaneId, &crate::tables::Progress)| {
        format!("{} {} {} {} {}", place(*lane), row.epoch, row.next, row.resume, row.seq)
    };
    tables.progress.iter().map(row).collect()
}

const ORDERS: &str = "select concat_ws(' ', order_id, customer_id, status, total_minor, source_partition, \
     source_offset, coalesce(reason ->> 'code', '-'), coalesce(shipment::text, '-')) from orders";

fn orders(tables: &Tables) -> Vec<String> {
    let json = |text: &Option<String>| {
        text.as_deref().map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap())
    };
    let row = |(id, row): (&contract::OrderId, &crate::tables::OrderRow)| {
        let state = &row.state;
        let code = json(&row.reason).map(|reason| reason["code"].as_str().unwrap().to_owned());
        // PostgreSQL writes jsonb with a space after each colon.
        let shipment = row.shipment.as_ref().map(|text| text.replace(':', ": "));
        format!(
            "{id} {} {} {} {} {} {} {}",
            state.customer_id,
            state.status,
            state.total.minor,
            state.lane.partition,
            state.offset,
            code.as_deref().unwrap_or("-"),
            shipment.as_deref().unwrap_or("-"),
        )
    };
    tables.orders.iter().map(row).collect()
}

const PAYMENTS: &str =
    "select concat_ws(' ', order_id, status, amount_minor, coalesce(reason, '-')) from payments";

fn payments(tables: &Tables) -> Vec<String> {
    let row = |(id, row): (&contract::OrderId, &processor::decide::PaymentRow)| {
        format!("{id} {} {} {}", row.status, row.amount.minor, row.reason.unwrap_or("-"))
    };
    tables.payments.iter().map(row).collect()
}

const STOCK: &str = "select concat_ws(' ', sku, available, reserved, sold, received) from stock";

fn shelves(tables: &Tables) -> Vec<String> {
    let row = |(sku, shelf): (&Sku, &Shelf4)| {
        let Shelf4 { available, reserved, sold, received } = shelf;
        format!("{sku} {available} {reserved} {sold} {received}")
    };
    tables.stock.iter().map(row).collect()
}

const PROCESSED: &str = "select concat_ws(' ', event_id, topic, partition, \"offset\", epoch, encode(body_hash, 'hex')) \
     from processed_events";

fn processed(tables: &Tables) -> Vec<String> {
    let row = |(id, ((lane, offset), epoch, hash)): (_, &(Place, i64, [u8; 16]))| {
        let id: &uuid::Uuid = id;
        format!("{id} {} {offset} {epoch} {:032x}", place(*lane), u128::from_be_bytes(*hash))
    };
    tables.processed.iter().map(row).collect()
}

const REFUSED: &str =
    "select concat_ws(' ', topic, partition, \"offset\", event_id, reason) from refused_events";

fn refused(tables: &Tables) -> Vec<String> {
    let row = |((lane, offset), (id, reason)): (&Place, &(uuid::Uuid, &str))| {
        format!("{} {offset} {id} {reason}", place(*lane))
    };
    tables.refused.iter().map(row).collect()
}

const DEAD: &str = "select concat_ws(' ', topic, partition, \"offset\", published_at is not null) from dead_letters";

fn dead(tables: &Tables) -> Vec<String> {
    let row = |((lane, offset), published): (&Place, &bool)| {
        format!("{} {offset} {}", place(*lane), if *published { "t" } else { "f" })
    };
    tables.dead.iter().map(row).collect()
}

const METRICS: &str =
    "select concat_ws('/', metric_name, dimension, shard, value) from sales_metric_shards";

fn metrics(tables: &Tables) -> Vec<String> {
    let row = |((name, dimension, shard), value): (&(&str, String, i32), &i128)| {
        format!("{name}/{dimension}/{shard}/{value}")
    };
    tables.metrics.iter().map(row).collect()
}

const OUTBOX: &str = "select concat_ws(' ', id, topic, partition, events) from outbox";

fn pending(tables: &Tables, outbox: &HashMap<i64, i64>) -> Vec<String> {
    let row = |(id, (lane, events)): (&i64, &(LaneId, Vec<_>))| {
        format!("{} {} {}", outbox[id], place(*lane), encode(events))
    };
    tables.outbox.iter().map(row).collect()
}

fn place(lane: LaneId) -> String {
    let topic = match lane.source {
        Source::Orders => contract::topic::ORDERS,
        Source::Stock => contract::topic::STOCK,
    };
    format!("{topic} {}", lane.partition)
}
