//! Logs on standard error and metrics for Prometheus.

use std::io::IsTerminal as _;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// Histogram buckets in seconds: those that OpenTelemetry asks for, and finer
/// ones below 5 ms where a local commit or acknowledgement lives.
const SECONDS_BUCKETS: [f64; 17] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0,
    7.5, 10.0,
];

/// Buckets for sizes of batches, in records.
const RECORDS_BUCKETS: [f64; 10] =
    [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 500.0, 1000.0, 2000.0, 5000.0];

/// Sends logs to standard error: text, or one JSON object a line with
/// `LOG_FORMAT=json`. `RUST_LOG` sets the levels; the default is `info`.
pub fn init_logs() {
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let filter = match wanted.as_str() {
        "" => EnvFilter::new("info"),
        wanted => EnvFilter::try_new(wanted).unwrap_or_else(|error| {
            eprintln!("RUST_LOG={wanted} is not understood ({error}); logging at info");
            EnvFilter::new("info")
        }),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let json = std::env::var("LOG_FORMAT").is_ok_and(|format| format == "json");
    // A second call (tests in one process) keeps the first subscriber.
    let _first_wins = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init()
    };
}

/// Installs the process-wide metrics recorder and returns what renders it.
///
/// # Errors
/// A recorder is installed already.
pub fn install_metrics() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS_BUCKETS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Suffix("_records".into()), &RECORDS_BUCKETS)
        })
        .context("cannot set histogram buckets")?
        .install_recorder()
        .context("cannot install the metrics recorder")
}
