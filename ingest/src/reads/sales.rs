//! `GET /metrics/sales`: rows of the `sales_metrics` view, largest first.

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::PgConnection;

use super::time;
use crate::problem::Problem;
use crate::query::Query;

const ROWS_DEFAULT: i64 = 100;
const ROWS_MAX: i64 = 1000;
const NAME_CHARS_MAX: usize = 64;

/// Which metrics.
#[derive(Debug)]
pub struct SalesQuery {
    metric: Option<String>,
    limit: i64,
}

impl SalesQuery {
    /// Reads the query string.
    pub fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let query = Query::parse(text, &["metric", "limit"])?;
        let metric = query.get("metric", "a name such as orders_total", |text| {
            let word = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
            (word && (1..=NAME_CHARS_MAX).contains(&text.len())).then(|| text.to_owned())
        })?;
        let limit = query.get("limit", &format!("1 to {ROWS_MAX}"), |text| {
            text.parse().ok().filter(|limit| (1..=ROWS_MAX).contains(limit))
        })?;
        Ok(Self { metric, limit: limit.unwrap_or(ROWS_DEFAULT) })
    }
}

/// Some metrics.
#[derive(Serialize)]
pub struct Sales {
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    metric: String,
    dimension: String,
    /// A count, or an amount of money: as PostgreSQL writes it, for no double holds it.
    value: Box<RawValue>,
    updated_at: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    metric_name: String,
    dimension: String,
    value: String,
    updated_millis: i64,
}

/// Reads the view.
pub async fn list(lent: &mut PgConnection, query: &SalesQuery) -> Result<Sales, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select metric_name, dimension, trim_scale(value)::text as value, \
                (extract(epoch from updated_at) * 1000)::bigint as updated_millis \
         from sales_metrics s where $1::text is null or metric_name = $1 \
         order by metric_name, s.value desc, dimension limit $2",
    )
    .bind(query.metric.as_deref())
    .bind(query.limit)
    .fetch_all(lent)
    .await?;
    let metric = |row: Row| {
        let value =
            RawValue::from_string(row.value).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let updated_at = time(row.updated_millis);
        Ok(Metric { metric: row.metric_name, dimension: row.dimension, value, updated_at })
    };
    Ok(Sales { metrics: rows.into_iter().map(metric).collect::<Result<_, sqlx::Error>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_a_word_and_rows_have_a_limit() {
        let query = SalesQuery::parse(Some("metric=top_products&limit=10")).unwrap();
        assert_eq!((query.metric.as_deref(), query.limit), (Some("top_products"), 10));
        assert_eq!(SalesQuery::parse(None).unwrap().limit, 100);
        for bad in ["metric=", "metric=A", "metric=a%27", "limit=0", "limit=1001", "x=1"] {
            assert!(SalesQuery::parse(Some(bad)).is_err(), "{bad}");
        }
    }
}
