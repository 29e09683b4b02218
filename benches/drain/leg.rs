//! One leg of the comparison and what it showed.

use std::fmt;

use benches::cost::Costs;
use serde::Serialize;

/// How much is measured, alike in all legs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Orders of a leg.
    pub(crate) orders: u64,
    /// Records of one transaction at most.
    pub(crate) batch_max: usize,
    /// Workers, each with one connection.
    pub(crate) workers: usize,
}

/// What worked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The real processor on a real topic.
    Drain,
    /// The same transactions from memory.
    Bare,
}

/// A leg.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Leg {
    /// What worked.
    pub(crate) kind: Kind,
    /// Orders between the first and the last reading of the clocks.
    pub(crate) orders: u64,
    /// Seconds between them.
    pub(crate) seconds: f64,
    /// What that is a second.
    pub(crate) orders_per_s: f64,
    /// By process.
    pub(crate) cpu_us_per_order: Costs,
    /// Begin to commit of one transaction.
    pub(crate) commit_ms: Quantiles,
}

/// Quantiles of a latency in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Quantiles {
    /// Median.
    pub(crate) p50: Option<f64>,
    /// 95 of 100 are not slower.
    pub(crate) p95: Option<f64>,
    /// 99 of 100 are not slower.
    pub(crate) p99: Option<f64>,
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.kind {
            Kind::Drain => "drain",
            Kind::Bare => "bare",
        };
        write!(f, "  {name:<6} {:>9.0} orders/s in {:>5.2} s", self.orders_per_s, self.seconds)?;
        for (process, cost) in &self.cpu_us_per_order {
            write!(f, "  {process} {cost:.1} µs")?;
        }
        write!(f, "  commit p50 {:.0} ms", self.commit_ms.p50.unwrap_or(f64::NAN))
    }
}

/// The legs of one kind.
pub(crate) fn of_kind(legs: &[Leg], kind: Kind) -> impl Iterator<Item = &Leg> {
    legs.iter().filter(move |leg| leg.kind == kind)
}
