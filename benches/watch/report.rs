//! The legs with the watch against those without.

use std::fmt::Write as _;

use benches::args::BenchArgs;
use benches::cost::medians;
use benches::median::median;
use benches::report::{Machine, Report, rounded};
use benches::step::Step;
use serde_json::json;

use crate::measure::Leg;

/// Medians of one kind of leg.
pub(crate) struct Kind {
    accepted_per_s: Option<f64>,
    cpu_us_per_order: Option<f64>,
    accept_p99_ms: Option<f64>,
    settled_p50_ms: Option<f64>,
    settled_p95_ms: Option<f64>,
}

impl Kind {
    fn of(legs: &[&Leg]) -> Self {
        let over = |figure: fn(&Step) -> f64| median(legs.iter().map(|leg| figure(&leg.step)));
        Self {
            accepted_per_s: over(|step| step.accepted_per_s),
            cpu_us_per_order: over(|step| step.cpu_us_per_order.values().sum()),
            accept_p99_ms: over(|step| Step::quantile(&step.accept_ms, "p99")),
            settled_p50_ms: over(|step| Step::quantile(&step.settled_ms, "p50")),
            settled_p95_ms: over(|step| Step::quantile(&step.settled_ms, "p95")),
        }
    }
}

/// Medians of the legs with the watch, and of those without.
pub(crate) fn kinds(legs: &[Leg]) -> (Kind, Kind) {
    let (with, without): (Vec<_>, Vec<_>) = legs.iter().partition(|leg| leg.lag_seconds.is_some());
    (Kind::of(&with), Kind::of(&without))
}

/// The report. Rate, costs and latencies are those with the watch; the bare pipeline is
/// the one without.
pub(crate) fn report(
    args: &BenchArgs,
    legs: &[Leg],
    (watched, bare): &(Kind, Kind),
    audit: String,
) -> Report {
    let ratio =
        watched.accepted_per_s.zip(bare.accepted_per_s).map(|(with, without)| with / without);
    let with = legs.iter().filter(|leg| leg.lag_seconds.is_some());
    let costs = medians(with.map(|leg| &leg.step.cpu_us_per_order));
    Report {
        bench: "watch",
        extent: args.extent(),
        orders_per_s: watched.accepted_per_s.map(rounded),
        ratio_to_bare: ratio.map(rounded),
        cpu_us_per_order: costs.into_iter().map(|(name, us)| (name, rounded(us))).collect(),
        latency_ms: json!({
            "accept_p99": watched.accept_p99_ms,
            "settled_p50": watched.settled_p50_ms,
            "settled_p95": watched.settled_p95_ms,
        }),
        audit: Some(audit),
        legs: json!(legs),
        machine: Machine::here(),
    }
}

/// The table for a person.
pub(crate) fn to_text(report: &Report, legs: &[Leg], (watched, bare): &(Kind, Kind)) -> String {
    let mut text = format!("\n{:<28} {:>9} {:>9} {:>7}\n", "median of", "without", "with", "ratio");
    let mut line = |what, (bare, with): (Option<f64>, Option<f64>)| {
        let (bare, with) = (bare.unwrap_or(f64::NAN), with.unwrap_or(f64::NAN));
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "{what:<28} {bare:>9.1} {with:>9.1} {:>7.3}", with / bare);
    };
    line("accepted orders/s", (bare.accepted_per_s, watched.accepted_per_s));
    line("CPU µs/order, all processes", (bare.cpu_us_per_order, watched.cpu_us_per_order));
    line("accept p99 ms", (bare.accept_p99_ms, watched.accept_p99_ms));
    line("settled p50 ms", (bare.settled_p50_ms, watched.settled_p50_ms));
    line("settled p95 ms", (bare.settled_p95_ms, watched.settled_p95_ms));
    let own = report.cpu_us_per_order.get("audit").copied().unwrap_or(f64::NAN);
    let lag = median(legs.iter().filter_map(|leg| leg.lag_seconds)).unwrap_or(f64::NAN);
    let _infallible = writeln!(
        text,
        "the watch itself: {own:.1} µs/order; proved to {lag:.1} s behind the head when the load ended"
    );
    text + &report.footer()
}
