//! The figures of a run: medians over its legs, and the ratio of the two kinds.

use std::fmt::Write as _;

use benches::args::BenchArgs;
use benches::cost::{Costs, medians};
use benches::median::median;
use benches::report::{Machine, Report, rounded};
use serde_json::json;

use crate::leg::{Extent, Kind, Leg, of_kind};

/// The report. The ratio is the median over pairs of neighbouring legs.
pub(crate) fn report(args: &BenchArgs, extent: Extent, legs: &[Leg], audit: String) -> Report {
    let ratios = of_kind(legs, Kind::Drain)
        .zip(of_kind(legs, Kind::Bare))
        .map(|(drain, bare)| drain.orders_per_s / bare.orders_per_s);
    let commit = |at: fn(&Leg) -> Option<f64>| median(of_kind(legs, Kind::Drain).filter_map(at));
    Report {
        bench: "drain",
        extent: args.extent(),
        orders_per_s: speed(legs, Kind::Drain).map(rounded),
        ratio_to_bare: median(ratios).map(rounded),
        cpu_us_per_order: costs(legs, Kind::Drain),
        latency_ms: json!({ "commit": {
            "p50": commit(|leg| leg.commit_ms.p50),
            "p95": commit(|leg| leg.commit_ms.p95),
            "p99": commit(|leg| leg.commit_ms.p99),
        }}),
        audit: Some(audit),
        legs: json!({
            "orders": extent.orders, "batch_max": extent.batch_max, "workers": extent.workers,
            "legs": legs,
        }),
        machine: Machine::here(),
    }
}

/// The table for a person.
pub(crate) fn to_text(report: &Report, legs: &[Leg]) -> String {
    let mut text = String::from(
        "\ndrain                orders/s   ratio   CPU µs/order: client  postgres   kafka\n",
    );
    for (kind, name, client) in
        [(Kind::Drain, "processor", "processor"), (Kind::Bare, "bare loop", "loop")]
    {
        let costs = costs(legs, kind);
        let cost = |name: &str| costs.get(name).copied().unwrap_or(f64::NAN);
        let ratio = match kind {
            Kind::Drain => report.ratio_to_bare.unwrap_or(f64::NAN),
            Kind::Bare => 1.0,
        };
        // Writing to a string cannot fail.
        let _infallible = writeln!(
            text,
            "  {name:<16} {:>10.0} {ratio:>7.2} {:>21.1} {:>9.1} {:>7.1}",
            speed(legs, kind).unwrap_or(f64::NAN),
            cost(client),
            cost("postgres"),
            cost("kafka"),
        );
    }
    text + &report.footer()
}

fn speed(legs: &[Leg], kind: Kind) -> Option<f64> {
    median(of_kind(legs, kind).map(|leg| leg.orders_per_s))
}

fn costs(legs: &[Leg], kind: Kind) -> Costs {
    let costs = medians(of_kind(legs, kind).map(|leg| &leg.cpu_us_per_order));
    costs.into_iter().map(|(name, cost)| (name, rounded(cost))).collect()
}
