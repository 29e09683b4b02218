//! The `sales_metric_shards` table: adds a batch's sums to this writer's shard.

use sqlx::PgConnection;

use super::columns;
use crate::decide::Rollup;

/// Adds sums. `shard` is a partition that this transaction has fenced, so no
/// other writer touches the same rows.
pub(super) async fn add(
    connection: &mut PgConnection,
    rollup: &Rollup,
    shard: i32,
) -> Result<(), sqlx::Error> {
    let rows = rollup.rows();
    if rows.is_empty() {
        return Ok(());
    }
    let rows = rows.iter();
    sqlx::query(
        "insert into sales_metric_shards as m (metric_name, dimension, shard, value, digits) \
         select metric_name, dimension, $5, value, digits \
         from unnest($1::text[], $2::text[], $3::text[]::numeric[], $4::smallint[]) \
              as u(metric_name, dimension, value, digits) \
         on conflict (metric_name, dimension, shard) \
         do update set value = m.value + excluded.value, updated_at = now()",
    )
    .bind(columns::of(rows.clone(), |(metric, ..)| metric.name()))
    .bind(columns::of(rows.clone(), |(_, dimension, _)| dimension.as_str()))
    .bind(columns::of(rows.clone(), |(.., delta)| delta.to_string()))
    .bind(columns::of(rows, |(metric, ..)| metric.digits()))
    .bind(shard)
    .execute(connection)
    .await?;
    Ok(())
}
