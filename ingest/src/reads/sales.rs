//! `GET /metrics/sales`: rows of the `sales_metrics` view, largest first.

use serde::{Serialize, Serializer};
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
    value: Value,
    updated_at: Option<String>,
}

/// A count or an amount of money: at most 15 digits, so a double holds it.
struct Value(f64);

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 && self.0.abs() < 1e15 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    metric_name: String,
    dimension: String,
    value: f64,
    updated_millis: i64,
}

/// Reads the view.
pub async fn list(lent: &mut PgConnection, query: &SalesQuery) -> Result<Sales, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select metric_name, dimension, value::float8 as value, \
                (extract(epoch from updated_at) * 1000)::bigint as updated_millis \
         from sales_metrics where $1::text is null or metric_name = $1 \
         order by metric_name, value desc, dimension limit $2",
    )
    .bind(query.metric.as_deref())
    .bind(query.limit)
    .fetch_all(lent)
    .await?;
    let metrics = rows.into_iter().map(|row| Metric {
        metric: row.metric_name,
        dimension: row.dimension,
        value: Value(row.value),
        updated_at: time(row.updated_millis),
    });
    Ok(Sales { metrics: metrics.collect() })
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

    #[test]
    fn whole_numbers_have_no_fraction() {
        assert_eq!(serde_json::to_string(&[Value(70.0), Value(70.5)]).unwrap(), "[70,70.5]");
    }
}
