//! The `stock` table. Reads for a view, locks where the decision must be certain, and the
//! update: nothing follows it but the event of a product that got low, and the commit.

use std::collections::{BTreeMap, HashMap};

use contract::Sku;
use foldhash::fast::FixedState;
use sqlx::{PgConnection, Row};

use super::columns;
use crate::decide::{Shelf, StockDelta};

/// A product's shelf after the update.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shelved {
    /// Which product.
    pub sku: Sku,
    /// How many are available now.
    pub available: i64,
    /// Below how many it counts as low.
    pub low_at: i64,
}

/// Reads shelves without locks.
pub(super) async fn read(
    connection: &mut PgConnection,
    skus: &[&str],
) -> Result<HashMap<Sku, Shelf, FixedState>, sqlx::Error> {
    let rows = sqlx::query("select sku, available from stock where sku = any($1)")
        .bind(skus)
        .fetch_all(connection)
        .await?;
    shelves(&rows)
}

/// Locks shelves in SKU order and reads them.
pub(super) async fn lock(
    connection: &mut PgConnection,
    skus: &[&str],
) -> Result<HashMap<Sku, Shelf, FixedState>, sqlx::Error> {
    let rows = sqlx::query(
        "select sku, available from stock where sku = any($1) order by sku for no key update",
    )
    .bind(skus)
    .fetch_all(connection)
    .await?;
    shelves(&rows)
}

fn shelves(rows: &[sqlx::postgres::PgRow]) -> Result<HashMap<Sku, Shelf, FixedState>, sqlx::Error> {
    let mut shelves = HashMap::with_capacity_and_hasher(rows.len(), FixedState::default());
    for row in rows {
        if let Some(sku) = Sku::parse(row.try_get(0)?) {
            shelves.insert(sku, Shelf { available: row.try_get(1)? });
        }
    }
    Ok(shelves)
}

/// Creates shelves for products that are stocked for the first time.
pub(super) async fn create(
    connection: &mut PgConnection,
    skus: &[&str],
) -> Result<(), sqlx::Error> {
    if skus.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into stock (sku, available, received) select sku, 0, 0 from unnest($1::text[]) as u(sku) \
         on conflict (sku) do nothing",
    )
    .bind(skus)
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves stock. `None` when a shelf had fewer pieces than the view showed: the
/// transaction must be rolled back and the batch decided on locked rows.
pub(super) async fn update(
    connection: &mut PgConnection,
    movements: &BTreeMap<Sku, StockDelta>,
) -> Result<Option<Vec<Shelved>>, sqlx::Error> {
    let rows = movements.iter();
    if rows.len() == 0 {
        return Ok(Some(Vec::new()));
    }
    let updated = sqlx::query(
        "update stock s set available = s.available + u.available, reserved = s.reserved + u.reserved, \
                            sold = s.sold + u.sold, received = s.received + u.received, updated_at = now() \
         from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
              as u(sku, available, reserved, sold, received) \
         where s.sku = u.sku and s.available + u.available >= 0 \
         returning s.sku, s.available, s.low_at",
    )
    .bind(columns::of(rows.clone().map(|(sku, _)| sku), contract::Sku::as_str))
    .bind(columns::of(rows.clone().map(|(_, delta)| delta), |delta| delta.available))
    .bind(columns::of(rows.clone().map(|(_, delta)| delta), |delta| delta.reserved))
    .bind(columns::of(rows.clone().map(|(_, delta)| delta), |delta| delta.sold))
    .bind(columns::of(rows.clone().map(|(_, delta)| delta), |delta| delta.received))
    .fetch_all(connection)
    .await?;
    if updated.len() < movements.len() {
        return Ok(None);
    }
    let mut shelved = Vec::with_capacity(updated.len());
    for row in &updated {
        if let Some(sku) = Sku::parse(row.try_get(0)?) {
            shelved.push(Shelved { sku, available: row.try_get(1)?, low_at: row.try_get(2)? });
        }
    }
    Ok(Some(shelved))
}
