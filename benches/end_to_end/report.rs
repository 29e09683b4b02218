//! The curve of a run, and the last step before its knee.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use benches::args::BenchArgs;
use benches::report::{Machine, Report, rounded};
use benches::step::Step;
use serde_json::{Value, json};

/// The report. Rate, costs and latencies are those of the last step before the
/// knee; there is no bare pipeline to compare with.
pub(crate) fn report(args: &BenchArgs, steps: &[Step], audit: String) -> Report {
    let held = steps.iter().take_while(|step| step.beyond.is_empty()).last();
    let costs = held.map(|step| &step.cpu_us_per_order).into_iter().flatten();
    Report {
        bench: "end_to_end",
        extent: args.extent(),
        orders_per_s: held.map(|step| rounded(step.accepted_per_s)),
        ratio_to_bare: None,
        cpu_us_per_order: costs.map(|(name, cost)| (name.clone(), rounded(*cost))).collect(),
        latency_ms: held.map_or(
            Value::Null,
            |step| json!({ "accept": step.accept_ms, "settled": step.settled_ms }),
        ),
        audit: Some(audit),
        legs: json!(steps),
        machine: Machine::here(),
    }
}

/// The table for a person.
pub(crate) fn to_text(report: &Report, steps: &[Step]) -> String {
    let processes: BTreeSet<&str> =
        steps.iter().flat_map(|step| step.cpu_us_per_order.keys().map(String::as_str)).collect();
    let mut text = String::from(
        "\nend to end        accept ms            settled ms                     CPU µs/order\n \
         offered accepted    p50    p99          p50    p95    p99",
    );
    // Writing to a string cannot fail.
    for process in &processes {
        let _infallible = write!(text, " {process:>10}");
    }
    text.push_str("   together\n");
    for step in steps {
        let _infallible = write!(text, " {:>7} {:>8.0}", step.plan.rate, step.accepted_per_s);
        let (accept, settled) = (&step.accept_ms, &step.settled_ms);
        let at = |latency, name| Step::quantile(latency, name);
        let _infallible = write!(text, " {:>6.1} {:>6.1}", at(accept, "p50"), at(accept, "p99"));
        let _infallible = write!(
            text,
            "       {:>6.1} {:>6.1} {:>6.1}",
            at(settled, "p50"),
            at(settled, "p95"),
            at(settled, "p99")
        );
        for process in &processes {
            let cost = step.cpu_us_per_order.get(*process).copied().unwrap_or(f64::NAN);
            let _infallible = write!(text, " {cost:>10.1}");
        }
        let together: f64 = step.cpu_us_per_order.values().sum();
        let _infallible = writeln!(text, " {together:>10.1}  {}", step.beyond.join(", "));
    }
    let _infallible = match report.orders_per_s {
        Some(knee) => writeln!(text, "the last step before the knee: {knee:.0} orders/s"),
        None => writeln!(text, "the first step was beyond the knee"),
    };
    text + &report.footer()
}
