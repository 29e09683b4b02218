//! The figures of a run: medians over its legs, and the gateway against the
//! bare server by CPU time per request.

use std::fmt::Write as _;

use benches::args::BenchArgs;
use benches::cost::medians;
use benches::median::median;
use benches::report::{Machine, Report, rounded};
use serde_json::{Map, Value, json};

use crate::leg::{CONNECTIONS, JUDGED, Kind, Leg, of};

/// The report. Rate, ratio and costs are those at the judged number of
/// connections.
pub(crate) fn report(args: &BenchArgs, legs: &[Leg], audit: String) -> Report {
    let latency = CONNECTIONS.map(|connections| {
        let at = |value: fn(&Leg) -> Option<f64>| {
            median(of(legs, Kind::Gateway, connections).filter_map(value))
        };
        let quantiles = json!({ "p50": at(|leg| leg.p50_ms), "p99": at(|leg| leg.p99_ms) });
        (format!("accept at {connections}"), quantiles)
    });
    let costs = |kind| medians(of(legs, kind, JUDGED).map(|leg| &leg.cpu_us_per_request));
    let both = costs(Kind::Gateway).into_iter().chain(costs(Kind::Bare));
    Report {
        bench: "gateway",
        extent: args.extent(),
        orders_per_s: speed(legs, Kind::Gateway, JUDGED).map(rounded),
        ratio_to_bare: ratio(legs, JUDGED).map(rounded),
        cpu_us_per_order: both.map(|(name, cost)| (name, rounded(cost))).collect(),
        latency_ms: Value::Object(Map::from_iter(latency)),
        audit: Some(audit),
        legs: json!(legs),
        machine: Machine::here(),
    }
}

/// The table for a person.
pub(crate) fn to_text(report: &Report, legs: &[Leg]) -> String {
    let mut text = String::from(
        "\ngateway                  requests/s   CPU µs/request   ratio   p50 ms   p99 ms   kafka µs\n",
    );
    for connections in CONNECTIONS {
        for (kind, name) in [(Kind::Gateway, "ingest"), (Kind::Bare, "bare")] {
            let at = |value: fn(&Leg) -> Option<f64>| {
                median(of(legs, kind, connections).filter_map(value)).unwrap_or(f64::NAN)
            };
            let ratio = match kind {
                Kind::Gateway => ratio(legs, connections).unwrap_or(f64::NAN),
                Kind::Bare => 1.0,
            };
            // Writing to a string cannot fail.
            let _infallible = writeln!(
                text,
                "  {name:<8} {connections:>5} conn. {:>13.0} {:>16.1} {ratio:>7.2} {:>8.1} {:>8.1} {:>10.1}",
                speed(legs, kind, connections).unwrap_or(f64::NAN),
                own_cost(legs, kind, connections).unwrap_or(f64::NAN),
                at(|leg| leg.p50_ms),
                at(|leg| leg.p99_ms),
                at(|leg| leg.cpu_us_per_request.get("kafka").copied()),
            );
        }
    }
    text + &report.footer()
}

fn speed(legs: &[Leg], kind: Kind, connections: usize) -> Option<f64> {
    median(of(legs, kind, connections).map(|leg| leg.requests_per_s))
}

fn own_cost(legs: &[Leg], kind: Kind, connections: usize) -> Option<f64> {
    let name = match kind {
        Kind::Gateway => "ingest",
        Kind::Bare => "bare",
    };
    median(of(legs, kind, connections).filter_map(|leg| leg.cpu_us_per_request.get(name).copied()))
}

/// The median over pairs of neighbouring legs.
fn ratio(legs: &[Leg], connections: usize) -> Option<f64> {
    let costs = |kind, name: &'static str| {
        of(legs, kind, connections).filter_map(move |leg| leg.cpu_us_per_request.get(name))
    };
    let pairs = costs(Kind::Gateway, "ingest").zip(costs(Kind::Bare, "bare"));
    median(pairs.map(|(gateway, bare)| gateway / bare))
}
