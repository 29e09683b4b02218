//! The `orders` table: insert taken orders, step existing ones, read the ones a
//! cancellation or shipment names.

use std::collections::HashSet;

use contract::{Amount, Currency, CustomerId, Order, OrderId, OrderStatus, Sku};
use foldhash::fast::FixedState;
use serde::Deserialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::columns;
use crate::decide::{Certainty, Effects, OrderState, OrdersById, StatusChange, pieces};
use crate::lane::{LaneId, Source};

pub(super) async fn insert(
    connection: &mut PgConnection,
    effects: &Effects<'_>,
) -> Result<(), sqlx::Error> {
    let rows = effects.taken.iter();
    if rows.len() == 0 {
        return Ok(());
    }
    sqlx::query(
        "insert into orders (order_id, customer_id, status, currency, total_minor, lines, reason, \
                             source_partition, source_offset, created_at, updated_at) \
         select order_id, customer_id, status::order_status, currency, total_minor, lines::jsonb, reason::jsonb, \
                source_partition, source_offset, to_timestamp(created_ms / 1000.0), now() \
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], \
                     $8::int[], $9::bigint[], $10::bigint[]) \
              as u(order_id, customer_id, status, currency, total_minor, lines, reason, \
                   source_partition, source_offset, created_ms)",
    )
    .bind(columns::of(rows.clone(), |taken| taken.order_id.0))
    .bind(columns::of(rows.clone(), |taken| taken.state.customer_id.as_str()))
    .bind(columns::of(rows.clone(), |taken| taken.state.status.as_str()))
    .bind(columns::of(rows.clone(), |taken| taken.state.total.currency.code()))
    .bind(columns::of(rows.clone(), |taken| taken.state.total.minor))
    .bind(columns::of(rows.clone(), |taken| lines_json(taken.order)))
    .bind(columns::of(rows.clone(), |taken| taken.reason.as_deref()))
    .bind(columns::of(rows.clone(), |taken| taken.state.lane.partition))
    .bind(columns::of(rows.clone(), |taken| taken.state.offset))
    .bind(columns::of(rows, |taken| taken.state.created_ms))
    .execute(connection)
    .await?;
    Ok(())
}

/// `[{"sku":"p-1","quantity":2,"price_minor":1000}]`; the grammar of SKUs
/// leaves nothing to escape.
fn lines_json(order: &Order) -> String {
    let mut json = String::with_capacity(2 + order.lines.len() * 56);
    let mut digits = itoa::Buffer::new();
    for line in &order.lines {
        json.push_str(if json.is_empty() { r#"[{"sku":""# } else { r#",{"sku":""# });
        json.push_str(line.sku.as_str());
        json.push_str(r#"","quantity":"#);
        json.push_str(digits.format(line.quantity));
        json.push_str(r#","price_minor":"#);
        json.push_str(digits.format(line.price_minor));
        json.push('}');
    }
    json.push(']');
    json
}

/// Whether orders stood where the decision saw them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stepped {
    All,
    /// Some did not: the transaction must be rolled back and the batch decided on
    /// locked rows. A request in another lane than its order's came in between.
    NotAll,
}

/// Steps orders. An order that steps twice in one batch is stepped in two
/// statements: one `UPDATE` joins each row once.
pub(super) async fn step(
    connection: &mut PgConnection,
    changes: &[StatusChange],
) -> Result<Stepped, sqlx::Error> {
    let mut rest: Vec<&StatusChange> = changes.iter().collect();
    while !rest.is_empty() {
        let mut seen = HashSet::with_capacity_and_hasher(rest.len(), FixedState::default());
        let (mut round, later): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|change| seen.insert(change.order_id));
        round.sort_unstable_by_key(|change| change.order_id);
        if step_round(connection, &round).await? < round.len() as u64 {
            return Ok(Stepped::NotAll);
        }
        rest = later;
    }
    Ok(Stepped::All)
}

async fn step_round(
    connection: &mut PgConnection,
    round: &[&StatusChange],
) -> Result<u64, sqlx::Error> {
    let rows = round.iter();
    let done = sqlx::query(
        "update orders o set status = u.next::order_status, reason = coalesce(u.reason::jsonb, o.reason), \
                             shipment = coalesce(u.shipment::jsonb, o.shipment), updated_at = now() \
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) \
              as u(order_id, previous, next, reason, shipment) \
         where o.order_id = u.order_id and o.status = u.previous::order_status",
    )
    .bind(columns::of(rows.clone(), |change| change.order_id.0))
    .bind(columns::of(rows.clone(), |change| change.from.as_str()))
    .bind(columns::of(rows.clone(), |change| change.to.as_str()))
    .bind(columns::of(rows.clone(), |change| change.reason.as_deref()))
    .bind(columns::of(rows, |change| change.shipment.as_deref()))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

pub(super) const STATE_COLUMNS: &str = "o.order_id, o.customer_id, o.status::text, o.currency, o.total_minor, \
     o.lines::text, (extract(epoch from o.created_at) * 1000)::bigint, o.source_partition, o.source_offset";

/// The states of these orders, as far as they exist; locked, in the order of
/// their ids, where the decision must be certain.
pub(super) async fn states(
    connection: &mut PgConnection,
    order_ids: &[Uuid],
    certainty: Certainty,
) -> Result<OrdersById, sqlx::Error> {
    let lock = match certainty {
        Certainty::LastSeen => "",
        Certainty::Locked => "order by o.order_id for no key update",
    };
    let sql = format!("select {STATE_COLUMNS} from orders o where o.order_id = any($1) {lock}");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(order_ids).fetch_all(connection).await?;
    rows.iter().map(state).collect()
}

#[derive(Deserialize)]
struct StoredLine<'a> {
    sku: &'a str,
    quantity: i64,
}

pub(super) fn state(row: &PgRow) -> Result<(OrderId, OrderState), sqlx::Error> {
    let lines: String = row.try_get(5)?;
    let lines: Vec<StoredLine<'_>> =
        serde_json::from_str(&lines).map_err(|_| unreadable("lines"))?;
    let lines = lines.into_iter().map(|line| Some((Sku::parse(line.sku)?, line.quantity)));
    let lines: Vec<_> = lines.collect::<Option<_>>().ok_or_else(|| unreadable("lines"))?;
    let currency = Currency::parse(row.try_get(3)?).ok_or_else(|| unreadable("currency"))?;
    let state = OrderState {
        customer_id: CustomerId::parse(row.try_get(1)?).ok_or_else(|| unreadable("customer_id"))?,
        status: OrderStatus::parse(row.try_get(2)?).ok_or_else(|| unreadable("status"))?,
        total: Amount { minor: row.try_get(4)?, currency },
        pieces: pieces(lines.into_iter()),
        created_ms: row.try_get(6)?,
        lane: LaneId { source: Source::Orders, partition: row.try_get(7)? },
        offset: row.try_get(8)?,
    };
    Ok((OrderId(row.try_get(0)?), state))
}

/// The table holds what this program would never write.
fn unreadable(column: &str) -> sqlx::Error {
    sqlx::Error::Configuration(format!("orders.{column} holds what no processor wrote").into())
}
