//! Analytics: what each step of an order adds to `sales_metrics`.

use std::collections::HashMap;

use compact_str::{CompactString, ToCompactString, format_compact};
use contract::{OrderStatus, Sku};
use foldhash::fast::FixedState;

use super::OrderState;

/// A metric of `sales_metrics`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Metric {
    /// Orders taken.
    OrdersTotal,
    /// Orders in each status now.
    OrdersByStatus,
    /// Orders taken, by the minute of their creation.
    OrdersPerMinute,
    /// Orders that became no sale, by reason.
    Rejects,
    /// Money of paid orders, by the minute of their creation.
    RevenuePerMinute,
    /// Money of paid orders, by currency.
    RevenueTotal,
    /// Pieces sold, by product.
    TopProducts,
}

impl Metric {
    /// The `metric_name`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrdersTotal => "orders_total",
            Self::OrdersByStatus => "orders_by_status",
            Self::OrdersPerMinute => "orders_per_minute",
            Self::Rejects => "rejects",
            Self::RevenuePerMinute => "revenue_per_minute",
            Self::RevenueTotal => "revenue_total",
            Self::TopProducts => "top_products",
        }
    }
}

/// A `dimension`, written out only when rows are made: a batch has many orders and few
/// dimensions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Dimension {
    /// None, a status, a reason or a currency.
    Word(&'static str),
    /// A minute since 1970.
    Minute(i64),
    /// A currency and a minute since 1970.
    Money(&'static str, i64),
    /// A product.
    Product(Sku),
}

impl Dimension {
    fn text(&self) -> CompactString {
        match self {
            Self::Word(word) => CompactString::const_new(word),
            Self::Minute(minute) => minute_text(*minute),
            Self::Money(currency, minute) => format_compact!("{currency} {}", minute_text(*minute)),
            Self::Product(sku) => CompactString::new(sku.as_str()),
        }
    }
}

/// Sums of one batch: one row a metric and dimension, because an upsert must
/// not meet the same row twice (SQLSTATE 21000).
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Rollup {
    deltas: HashMap<(Metric, Dimension), (i64, i16), FixedState>,
}

impl Rollup {
    /// An order was taken and stands in this status.
    pub fn taken(&mut self, order: &OrderState, status: OrderStatus) {
        self.add(Metric::OrdersTotal, Dimension::Word(""), 1);
        self.add(Metric::OrdersPerMinute, Dimension::Minute(minute(order)), 1);
        self.add(Metric::OrdersByStatus, Dimension::Word(status.as_str()), 1);
    }

    /// An order went from one status to another.
    pub fn moved(&mut self, from: OrderStatus, to: OrderStatus) {
        self.add(Metric::OrdersByStatus, Dimension::Word(from.as_str()), -1);
        self.add(Metric::OrdersByStatus, Dimension::Word(to.as_str()), 1);
    }

    /// An order became no sale.
    pub fn rejected(&mut self, reason: &'static str) {
        self.add(Metric::Rejects, Dimension::Word(reason), 1);
    }

    /// An order's money and pieces count as sold (`1`) or no longer (`-1`).
    pub fn sold(&mut self, order: &OrderState, sign: i64) {
        let (currency, money) = (order.total.currency, sign * order.total.minor);
        let (code, digits) = (currency.code(), currency.digits() as i16);
        let by_minute = Dimension::Money(code, minute(order));
        self.add_money(Metric::RevenueTotal, Dimension::Word(code), money, digits);
        self.add_money(Metric::RevenuePerMinute, by_minute, money, digits);
        for (sku, quantity) in &order.pieces {
            self.add(Metric::TopProducts, Dimension::Product(sku.clone()), sign * quantity);
        }
    }

    /// Rows that change, sorted by key: name, dimension, delta, decimals.
    pub fn rows(&self) -> Vec<(Metric, CompactString, i64, i16)> {
        let mut rows: Vec<_> = self
            .deltas
            .iter()
            .filter(|(_, (delta, _))| *delta != 0)
            .map(|((metric, dimension), (delta, digits))| {
                (*metric, dimension.text(), *delta, *digits)
            })
            .collect();
        rows.sort_unstable_by(|a, b| (a.0.as_str(), &a.1).cmp(&(b.0.as_str(), &b.1)));
        rows
    }

    fn add(&mut self, metric: Metric, dimension: Dimension, delta: i64) {
        self.add_money(metric, dimension, delta, 0);
    }

    fn add_money(&mut self, metric: Metric, dimension: Dimension, delta: i64, digits: i16) {
        self.deltas.entry((metric, dimension)).or_insert((0, digits)).0 += delta;
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
