//! `GET /stock/{sku}`.

use serde::Serialize;
use sqlx::PgConnection;

use super::time;

/// The books of one product.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StockLevel {
    product_id: String,
    available: i64,
    reserved: i64,
    sold: i64,
    received: i64,
    low_at: i64,
    updated_at: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    sku: String,
    available: i64,
    reserved: i64,
    sold: i64,
    received: i64,
    low_at: i64,
    updated_millis: i64,
}

/// The stock of one product.
pub async fn find(lent: &mut PgConnection, sku: &str) -> Result<Option<StockLevel>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "select sku, available, reserved, sold, received, low_at, \
                (extract(epoch from updated_at) * 1000)::bigint as updated_millis \
         from stock where sku = $1",
    )
    .bind(sku)
    .fetch_optional(lent)
    .await?;
    Ok(row.map(|row| StockLevel {
        product_id: row.sku,
        available: row.available,
        reserved: row.reserved,
        sold: row.sold,
        received: row.received,
        low_at: row.low_at,
        updated_at: time(row.updated_millis),
    }))
}
