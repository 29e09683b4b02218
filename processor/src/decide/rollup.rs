//! Analytics: what each step of an order adds to `sales_metrics`. Pieces sold by
//! product are not among it: `stock` has them already, and the view takes them there.

use std::collections::HashMap;

use compact_str::{CompactString, ToCompactString, format_compact};
use contract::{Currency, OrderStatus};
use foldhash::fast::FixedState;

use super::OrderState;

/// A metric of `sales_metrics` with its dimension, which is written out only when rows
/// are made: a batch has many orders and few dimensions. Minutes count from 1970.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Metric {
    /// Orders taken.
    OrdersTotal,
    /// Orders in each status now.
    OrdersByStatus(OrderStatus),
    /// Orders taken, by the minute of their creation.
    OrdersPerMinute(i64),
    /// Orders that became no sale, by reason.
    Rejects(&'static str),
    /// Money of paid orders, by the minute of their creation.
    RevenuePerMinute(Currency, i64),
    /// Money of paid orders, by currency.
    RevenueTotal(Currency),
}

impl Metric {
    /// The `metric_name`.
    pub fn name(self) -> &'static str {
        match self {
            Self::OrdersTotal => "orders_total",
            Self::OrdersByStatus(_) => "orders_by_status",
            Self::OrdersPerMinute(_) => "orders_per_minute",
            Self::Rejects(_) => "rejects",
            Self::RevenuePerMinute(..) => "revenue_per_minute",
            Self::RevenueTotal(_) => "revenue_total",
        }
    }

    /// The decimals of its value: 0 for counts.
    pub fn digits(self) -> i16 {
        match self {
            Self::RevenuePerMinute(currency, _) | Self::RevenueTotal(currency) => {
                currency.digits() as i16
            }
            _ => 0,
        }
    }

    fn dimension(self) -> CompactString {
        match self {
            Self::OrdersTotal => CompactString::const_new(""),
            Self::OrdersByStatus(status) => CompactString::const_new(status.as_str()),
            Self::Rejects(reason) => CompactString::const_new(reason),
            Self::RevenueTotal(currency) => CompactString::const_new(currency.code()),
            Self::OrdersPerMinute(minute) => minute_text(minute),
            Self::RevenuePerMinute(currency, minute) => {
                format_compact!("{} {}", currency.code(), minute_text(minute))
            }
        }
    }
}

/// Sums of one batch: one row a metric and dimension, because an upsert must
/// not meet the same row twice (SQLSTATE 21000).
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Rollup {
    deltas: HashMap<Metric, i128, FixedState>,
}

impl Rollup {
    /// An order was taken and stands in this status.
    pub fn taken(&mut self, order: &OrderState, status: OrderStatus) {
        self.add(Metric::OrdersTotal, 1);
        self.add(Metric::OrdersPerMinute(minute(order)), 1);
        self.add(Metric::OrdersByStatus(status), 1);
    }

    /// An order went from one status to another.
    pub fn moved(&mut self, from: OrderStatus, to: OrderStatus) {
        self.add(Metric::OrdersByStatus(from), -1);
        self.add(Metric::OrdersByStatus(to), 1);
    }

    /// An order became no sale.
    pub fn rejected(&mut self, reason: &'static str) {
        self.add(Metric::Rejects(reason), 1);
    }

    /// An order's money counts as revenue (`1`) or no longer (`-1`).
    pub fn sold(&mut self, order: &OrderState, sign: i64) {
        let (currency, money) = (order.total.currency, i128::from(sign * order.total.minor));
        self.add(Metric::RevenueTotal(currency), money);
        self.add(Metric::RevenuePerMinute(currency, minute(order)), money);
    }

    /// Rows that change, sorted by key: metric, dimension, delta.
    pub fn rows(&self) -> Vec<(Metric, CompactString, i128)> {
        let changed = self.deltas.iter().filter(|(_, delta)| **delta != 0);
        let mut rows: Vec<_> =
            changed.map(|(metric, delta)| (*metric, metric.dimension(), *delta)).collect();
        rows.sort_unstable_by(|a, b| (a.0.name(), &a.1).cmp(&(b.0.name(), &b.1)));
        rows
    }

    fn add(&mut self, metric: Metric, delta: i128) {
        *self.deltas.entry(metric).or_default() += delta;
    }
}

/// The minute in which an order was taken, since 1970.
fn minute(order: &OrderState) -> i64 {
    order.created_ms.div_euclid(60_000)
}

/// `2026-11-21T08:46Z`
fn minute_text(since_1970: i64) -> CompactString {
    let time = jiff::Timestamp::from_second(since_1970.saturating_mul(60)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%MZ").to_compact_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_written_in_utc() {
        assert_eq!(minute_text(1_700_000_000_000 / 60_000), "2023-11-14T22:13Z");
        assert_eq!(minute_text(0), "1970-01-01T00:00Z");
        assert_eq!(minute_text(-1), "1969-12-31T23:59Z");
    }

    #[test]
    fn what_cancels_out_writes_no_row() {
        let mut rollup = Rollup::default();
        rollup.moved(OrderStatus::Reserved, OrderStatus::Paid);
        rollup.moved(OrderStatus::Paid, OrderStatus::Reserved);
        assert_eq!(rollup.rows(), []);
    }
}
