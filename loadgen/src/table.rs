//! The report as a person reads it.

use std::fmt::{self, Write};

use crate::latency::Summary;
use crate::report::Report;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        head(self, f)?;
        counts(self, f)?;
        latencies(self, f)?;
        cost(self, f)?;
        verdict(self, f)
    }
}

fn head(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let run = &report.run;
    let rate = run.rate.map_or("as fast as possible".to_owned(), |rate| format!("{rate}/s"));
    writeln!(f, "loadgen {} {} -> {}", run.version, run.mode, run.target)?;
    writeln!(f, "  seed {}, run {}, {rate}, {:.1} s", run.seed, run.name, report.elapsed_s)
}

fn counts(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\n  sent          {:>10}  of {} scheduled", report.sent, report.scheduled)?;
    writeln!(
        f,
        "  acknowledged  {:>10}  {:.0} orders/s",
        report.acknowledged, report.orders_per_s
    )?;
    writeln!(f, "  refused       {:>10}{}", report.refused, refusals(report)?)?;
    writeln!(f, "  errors        {:>10}{}", report.errors, failures(report)?)?;
    if let Some(settled) = report.settled {
        let all = settled.paid + settled.payment_failed + settled.rejected + settled.cancelled;
        writeln!(
            f,
            "  settled       {all:>10}  {} paid, {} declined, {} rejected, {} cancelled, {} unresolved",
            settled.paid,
            settled.payment_failed,
            settled.rejected,
            settled.cancelled,
            settled.unresolved
        )?;
    }
    report.receipts.map_or(Ok(()), |count| writeln!(f, "  receipts      {count:>10}"))
}

fn refusals(report: &Report) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for (n, line) in report.refusals.iter().enumerate() {
        let separator = if n == 0 { "  " } else { ", " };
        write!(
            text,
            "{separator}{} × {} {}",
            line.count, line.refusal.status, line.refusal.problem
        )?;
    }
    Ok(text)
}

fn failures(report: &Report) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let counts = report.failures.iter().map(|(failure, count)| (format!("{failure:?}"), *count));
    let all = counts
        .chain([("dropped".into(), report.dropped), ("unanswered".into(), report.unanswered)]);
    for (name, count) in all.filter(|(_, count)| *count > 0) {
        let separator = if text.is_empty() { "  " } else { ", " };
        write!(text, "{separator}{count} × {}", name.to_lowercase())?;
    }
    Ok(text)
}

fn latencies(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(
        f,
        "\n  ms            {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "p50", "p90", "p95", "p99", "p99.9", "max"
    )?;
    latency("accept", &report.accept_ms, f)?;
    if let Some(settled) = &report.settled_ms {
        latency("settled", settled, f)?;
    }
    latency("service", &report.service_ms, f)?;
    latency("schedule lag", &report.schedule_lag_ms, f)
}

fn latency(name: &str, summary: &Summary, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "  {name:<14}")?;
    let quantiles =
        [summary.p50, summary.p90, summary.p95, summary.p99, summary.p99_9, summary.max];
    for (n, quantile) in quantiles.into_iter().enumerate() {
        let separator = if n == 0 { "" } else { " " };
        match quantile {
            Some(ms) => write!(f, "{separator}{ms:>9.2}")?,
            None if summary.never > 0 => write!(f, "{separator}{:>9}", "∞")?,
            None => write!(f, "{separator}{:>9}", "-")?,
        }
    }
    writeln!(f)
}

fn cost(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
    writeln!(
        f,
        "\n  generator     {} µs CPU a request, {} MiB peak",
        number(report.cpu_us_per_request),
        number(report.peak_rss_mib)
    )
}

fn verdict(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for outcome in &report.slo {
        let word = if outcome.met { "met" } else { "MISSED" };
        let measured =
            outcome.measured.map_or("∞ or not measured".to_owned(), |m| format!("{m:.3}"));
        writeln!(f, "  {word:<13} {} (measured {measured})", outcome.rule)?;
    }
    if report.interrupted {
        writeln!(f, "  INTERRUPTED   the report covers what was sent until then")?;
    }
    for reason in &report.invalid_because {
        writeln!(f, "  INVALID       {reason}")?;
    }
    Ok(())
}
