//! The top of `sales_metrics`, as anyone would ask for it in psql.

use sqlx::{Connection, PgConnection, Row};

const TOP: &str = "
    (select metric_name, dimension, value from sales_metrics
     where metric_name in ('orders_total', 'orders_by_status', 'revenue_total', 'rejects')
     order by metric_name, value desc)
    union all
    (select metric_name, dimension, value from sales_metrics
     where metric_name = 'top_products' order by value desc limit 5)
    union all
    (select metric_name, dimension, value from sales_metrics
     where metric_name = 'orders_per_minute' order by dimension desc limit 3)";

/// Rows of name, dimension and value.
pub(crate) async fn top(database_url: &str) -> anyhow::Result<Vec<[String; 3]>> {
    let mut connection = PgConnection::connect(database_url).await?;
    let query =
        format!("select metric_name, dimension, trim_scale(value)::text from ({TOP}) as top");
    let rows = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(&mut connection).await?;
    connection.close().await?;
    rows.iter().map(|row| Ok([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?])).collect()
}
