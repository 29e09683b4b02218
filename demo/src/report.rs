//! What the demo prints at the end, and the same as JSON.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

/// Everything the demo measured.
#[derive(Serialize)]
pub(crate) struct Report {
    /// What loadgen reported.
    pub(crate) load: Value,
    /// What the audit reported.
    pub(crate) audit: Value,
    /// Accepted orders per second.
    pub(crate) orders_per_s: f64,
    /// CPU time per order by process, from the first order to the last settled; the load
    /// generator counts its own up to its last answer.
    pub(crate) cpu_us_per_order: Vec<Cost>,
    /// The top of `sales_metrics`.
    pub(crate) sales_metrics: Vec<[String; 3]>,
}

/// What one process cost.
#[derive(Serialize)]
pub(crate) struct Cost {
    /// Which process.
    pub(crate) process: String,
    /// Microseconds of CPU per order.
    pub(crate) cpu_us: f64,
    /// The most memory it had, in MiB.
    pub(crate) peak_mib: u64,
}

impl Report {
    /// The report for a person; loadgen and audit have printed theirs.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::from("\ncost                 CPU µs/order   peak MiB\n");
        let mut total = 0.0;
        for Cost { process, cpu_us, peak_mib } in &self.cpu_us_per_order {
            total += cpu_us;
            // Writing to a string cannot fail.
            let _infallible = writeln!(text, "  {process:<18} {cpu_us:>12.1} {peak_mib:>10}");
        }
        let _infallible = writeln!(text, "  {:<18} {total:>12.1}", "together");
        text.push_str("\nsales_metrics\n");
        for [name, dimension, value] in &self.sales_metrics {
            let _infallible = writeln!(text, "  {name:<18} {dimension:<20} {value:>16}");
        }
        text
    }
}
