//! The view `sales_metrics` against what the orders add up to, both ways.

use std::collections::BTreeMap;

use contract::OrderStatus;
use foldhash::HashMap;
use jiff::Timestamp;

use super::order::{Order, REASONS};
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;
use crate::rules::money::{Code, decimal};

const MINUTE_US: i64 = 60_000_000;

/// Sums, by what they are sums of.
#[derive(Default, Debug)]
pub struct Metrics {
    orders: i128,
    by_status: [i128; OrderStatus::ALL.len()],
    by_reason: [i128; REASONS.len()],
    by_minute: HashMap<i64, i128>,
    revenue: HashMap<Code, i128>,
    revenue_by_minute: HashMap<(Code, i64), i128>,
}

/// What should be shown: metric and dimension to value.
#[derive(Debug)]
pub struct Expected(BTreeMap<(&'static str, String), String>);

impl Metrics {
    /// Counts an order with this status, or takes it out again (-1).
    pub fn count(&mut self, order: &Order, status: OrderStatus, reason: Option<u8>, sign: i128) {
        let minute = order.created_us.div_euclid(MINUTE_US);
        self.orders += sign;
        self.by_status[status as usize] += sign;
        *self.by_minute.entry(minute).or_default() += sign;
        if let Some(reason) = reason {
            self.by_reason[usize::from(reason)] += sign;
        }
        if matches!(status, OrderStatus::Paid | OrderStatus::Shipped) {
            let total = i128::from(order.total) * sign;
            *self.revenue.entry(order.currency).or_default() += total;
            *self.revenue_by_minute.entry((order.currency, minute)).or_default() += total;
        }
    }

    /// Believes a counter as it is shown, in counts or minor units; says whether it is one.
    pub fn believe(&mut self, metric: &str, dimension: &str, value: &str) -> bool {
        let Ok(value) = value.parse::<i128>() else { return false };
        let believed = match metric {
            "orders_total" => {
                self.orders += value;
                Some(())
            }
            "orders_by_status" => OrderStatus::parse(dimension).map(|status| {
                self.by_status[status as usize] += value;
            }),
            "rejects" => REASONS.iter().position(|reason| *reason == dimension).map(|reason| {
                self.by_reason[reason] += value;
            }),
            "orders_per_minute" => minute_of(dimension).map(|minute| {
                *self.by_minute.entry(minute).or_default() += value;
            }),
            "revenue_total" => Code::parse(dimension).map(|currency| {
                *self.revenue.entry(currency).or_default() += value;
            }),
            "revenue_per_minute" => money_and_minute(dimension).map(|key| {
                *self.revenue_by_minute.entry(key).or_default() += value;
            }),
            _ => None,
        };
        believed.is_some()
    }

    /// The rows that should be shown, with these pieces sold; a metric that is 0 is not.
    pub fn expected<'a>(&self, sold: impl Iterator<Item = (&'a str, i128)>) -> Expected {
        let mut rows = BTreeMap::new();
        let mut show = |metric, dimension: String, units: i128, digits| {
            if units != 0 {
                rows.insert((metric, dimension), decimal(units, digits));
            }
        };
        show("orders_total", String::new(), self.orders, 0);
        for status in OrderStatus::ALL {
            let count = self.by_status[status as usize];
            show("orders_by_status", status.as_str().to_owned(), count, 0);
        }
        for (reason, count) in REASONS.iter().zip(self.by_reason) {
            show("rejects", (*reason).to_owned(), count, 0);
        }
        for (at, count) in &self.by_minute {
            show("orders_per_minute", minute(*at), *count, 0);
        }
        for (currency, units) in &self.revenue {
            show("revenue_total", currency.as_str().to_owned(), *units, currency.digits());
        }
        for ((currency, at), units) in &self.revenue_by_minute {
            let dimension = format!("{} {}", currency.as_str(), minute(*at));
            show("revenue_per_minute", dimension, *units, currency.digits());
        }
        for (sku, sold) in sold {
            show("top_products", sku.to_owned(), sold, 0);
        }
        Expected(rows)
    }
}

impl Expected {
    /// Judges one row of the view; its value without trailing zeros.
    pub fn judge(&mut self, metric: &str, dimension: &str, value: &str, findings: &mut Findings) {
        let key = self.key(metric, dimension);
        let (invariant, detail) = match key.and_then(|key| self.0.remove(&key)) {
            None => (Invariant::MetricUnexpected, format!("shows {value}, should not be there")),
            Some(right) if right != value => {
                (Invariant::MetricDiffers, format!("shows {value}, should be {right}"))
            }
            Some(_) => return,
        };
        findings.add(invariant, || sample(metric, dimension, detail));
    }

    /// After the last row: metrics that are not shown.
    pub fn judge_missing(&self, findings: &mut Findings) {
        for ((metric, dimension), value) in &self.0 {
            let detail = format!("is not shown, should be {value}");
            findings.add(Invariant::MetricMissing, || sample(metric, dimension, detail));
        }
    }

    fn key(&self, metric: &str, dimension: &str) -> Option<(&'static str, String)> {
        const METRICS: [&str; 7] = [
            "orders_total",
            "orders_by_status",
            "revenue_total",
            "orders_per_minute",
            "revenue_per_minute",
            "top_products",
            "rejects",
        ];
        let metric = METRICS.into_iter().find(|name| *name == metric)?;
        Some((metric, dimension.to_owned()))
    }
}

fn minute_of(text: &str) -> Option<i64> {
    let time = text.strip_suffix('Z')?;
    let time: Timestamp = format!("{time}:00Z").parse().ok()?;
    Some(time.as_microsecond().div_euclid(MINUTE_US))
}

fn money_and_minute(text: &str) -> Option<(Code, i64)> {
    let (currency, minute) = text.split_once(' ')?;
    Some((Code::parse(currency)?, minute_of(minute)?))
}

fn minute(at: i64) -> String {
    match Timestamp::from_microsecond(at * MINUTE_US) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%MZ").to_string(),
        Err(_) => format!("minute {at}"),
    }
}

fn sample(metric: &str, dimension: &str, detail: String) -> Sample {
    Sample { id: format!("{metric} {dimension}").trim_end().to_owned(), place: None, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_believed_is_what_is_expected() {
        let shown = [
            ("orders_total", "", 10, "10"),
            ("orders_by_status", "PAID", 7, "7"),
            ("rejects", "card_expired", 3, "3"),
            ("orders_per_minute", "2026-11-21T08:46Z", 10, "10"),
            ("revenue_total", "EUR", 7050, "70.5"),
            ("revenue_per_minute", "JPY 2026-11-21T08:46Z", 1000, "1000"),
        ];
        let (mut metrics, mut findings) = (Metrics::default(), Findings::default());
        for (metric, dimension, units, _) in shown {
            assert!(metrics.believe(metric, dimension, &units.to_string()), "{metric}");
        }
        let mut expected = metrics.expected([("p-1", 4)].into_iter());
        for (metric, dimension, _, text) in shown {
            expected.judge(metric, dimension, text, &mut findings);
        }
        expected.judge("top_products", "p-1", "4", &mut findings);
        expected.judge_missing(&mut findings);
        assert_eq!(findings.total(), 0, "{findings:?}");
        assert!(!metrics.believe("orders_per_minute", "soon", "1"));
        assert!(!metrics.believe("weather", "", "1"));
    }
}
