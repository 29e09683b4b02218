//! The command line: what was typed, and how it becomes a [`Config`].

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use service::args::{KafkaArgs, duration, rate, time_limit};

use crate::config::{Config, Http, Mode, fresh_run_name};
use crate::order_mix::{Mix, Share};
use crate::progress::Progress;
use crate::schedule::{Arrivals, Extent};
use crate::slo::Slo;

const EXAMPLES: &str = "\
Examples:
  loadgen --rate 1000 --duration 5m
  loadgen --rate 10k --duration 1m --follow --receipts receipts.csv
  loadgen --rate 2k --duplicates 1% --invalid 1% --cancels 1% --json report.json
  loadgen --rate 5k --slo 'accept.p99<50ms' --slo 'errors<0.1%' && echo fast enough
  loadgen --direct --orders 1500000";

const NOTES: &str = "\
Latency counts from the instant a request should have been sent, so a stall of
the target shows in full. A request without an answer is infinitely slow.

Exit codes:
  0    done, objectives met         4    invalid: the generator fell behind
  1    failed, or no order taken   99    an objective was missed
  2    wrong usage                130    interrupted (the report is printed)
  3    gateway or broker away

--json FILE: orders_per_s, scheduled, sent, acknowledged, refused, errors, dropped,
  accept_ms, settled_ms, service_ms, schedule_lag_ms (each count, never, mean, p50,
  p90, p95, p99, p99.9, max; null: no sample, or infinite when never > 0), settled,
  kinds, refusals, failures, receipts, cpu_us_per_request, peak_rss_mib, valid,
  invalid_because, interrupted, slo, run (seed, rate, duration_s, version, ...)
--receipts FILE is written while the load runs, at least every 100 ms, and synced at
  the end: a killed load generator loses at most its last moment, never half a line";

/// Drives orders at a constant rate and measures from the intended send instants
#[derive(Parser, Debug)]
#[command(version, before_help = EXAMPLES, after_help = NOTES, max_term_width = 100)]
pub struct Args {
    /// Requests per second, such as 1000, 5k or 2.5k/s [default: 1000; with --direct: as fast as possible]
    #[arg(long, env = "LOADGEN_RATE", value_parser = rate)]
    pub rate: Option<f64>,
    /// How long, such as 30s or 5m [default: 60s]
    #[arg(long, env = "LOADGEN_DURATION", value_parser = duration, conflicts_with = "orders")]
    pub duration: Option<Duration>,
    /// How many requests, instead of a duration
    #[arg(long, env = "LOADGEN_ORDERS")]
    pub orders: Option<u64>,
    /// Gaps between requests
    #[arg(long, env = "LOADGEN_ARRIVALS", value_enum, default_value = "constant")]
    pub arrivals: Arrivals,
    /// The gateway
    #[arg(long, env = "INGEST_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    mix: MixArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    kafka: KafkaArgs,
}

#[derive(clap::Args, Debug)]
struct LoadArgs {
    /// Connections to the gateway, kept alive
    #[arg(long, env = "LOADGEN_CONNECTIONS", default_value_t = Http::default().connections)]
    connections: usize,
    /// Load threads; one keeps 20,000 requests/s
    #[arg(long, env = "LOADGEN_THREADS", default_value_t = Http::default().threads)]
    threads: usize,
    /// How long a request waits for its answer
    #[arg(long, env = "LOADGEN_TIMEOUT", value_parser = time_limit, default_value = "30s")]
    timeout: Duration,
    /// Due requests that may wait for a free connection; more are dropped and void the run
    #[arg(long, env = "LOADGEN_BACKLOG", default_value_t = Http::default().backlog)]
    backlog: usize,
    /// Lag of the generator itself (p99) that voids the run
    #[arg(long, env = "LOADGEN_LAG_LIMIT", value_parser = duration, default_value = "10ms")]
    lag_limit: Duration,
    /// Fill the orders topic without the gateway, for drain benchmarks
    #[arg(long, env = "LOADGEN_DIRECT")]
    direct: bool,
}

#[derive(clap::Args, Debug)]
struct MixArgs {
    /// Seed: the same seed gives the same orders, byte for byte
    #[arg(long, env = "LOADGEN_SEED", default_value_t = 1)]
    seed: u64,
    /// Name of the run, part of idempotency keys [default: the time]
    #[arg(long, env = "LOADGEN_RUN")]
    run: Option<String>,
    /// Customers
    #[arg(long, env = "LOADGEN_CUSTOMERS", default_value_t = Mix::default().customers)]
    customers: u32,
    /// Products
    #[arg(long, env = "LOADGEN_PRODUCTS", default_value_t = Mix::default().products)]
    products: u32,
    /// What the names of products begin with; a number of five digits follows
    #[arg(long, env = "LOADGEN_PRODUCT_PREFIX", default_value_t = Mix::default().product_prefix, value_parser = product_prefix)]
    product_prefix: String,
    /// Exponent of Zipf's law over the products; 0 is uniform
    #[arg(long, env = "LOADGEN_ZIPF", default_value_t = Mix::default().zipf)]
    zipf: f64,
    /// Share of retries: an earlier order again, same idempotency key, same body; one order in ten
    /// has a key then
    #[arg(long, env = "LOADGEN_DUPLICATES", value_parser = Share::parse, default_value = "0%")]
    duplicates: Share,
    /// Share of orders that break a rule
    #[arg(long, env = "LOADGEN_INVALID", value_parser = Share::parse, default_value = "0%")]
    invalid: Share,
    /// Share of cancellations of an order acknowledged a moment earlier
    #[arg(long, env = "LOADGEN_CANCELS", value_parser = Share::parse, default_value = "0%")]
    cancels: Share,
    /// Share of shipments of an order acknowledged a moment earlier
    #[arg(long, env = "LOADGEN_SHIPS", value_parser = Share::parse, default_value = "0%")]
    ships: Share,
    /// Pieces of every product to restock before the load; 0 for none
    #[arg(long, env = "LOADGEN_STOCK", default_value_t = 1_000_000)]
    stock: u32,
}

#[derive(clap::Args, Debug)]
struct ReportArgs {
    /// Follow orders on the order-events topic until they settle
    #[arg(long, env = "LOADGEN_FOLLOW")]
    follow: bool,
    /// How long to wait for settlements after the load
    #[arg(long, env = "LOADGEN_SETTLE_TIMEOUT", value_parser = duration, default_value = "30s")]
    settle_timeout: Duration,
    /// Objective, such as accept.p99<50ms, settled.p95<90ms, lag.max<10ms or errors<0.1% (repeatable)
    #[arg(long = "slo", env = "LOADGEN_SLO", value_parser = Slo::parse, value_delimiter = ',')]
    slos: Vec<Slo>,
    /// Write the report as JSON
    #[arg(long, env = "LOADGEN_JSON", value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write an HdrHistogram interval log (microseconds; tags accept, settled, lag)
    #[arg(long, env = "LOADGEN_HLOG", value_name = "FILE")]
    hlog: Option<PathBuf>,
    /// Write every order, cancellation and shipment as it is acknowledged
    #[arg(long, env = "LOADGEN_RECEIPTS", value_name = "FILE")]
    receipts: Option<PathBuf>,
    /// Show no progress
    #[arg(long, env = "LOADGEN_QUIET")]
    quiet: bool,
}

impl Args {
    /// Where the JSON report goes.
    pub fn json(&self) -> Option<PathBuf> {
        self.report.json.clone()
    }

    /// The run that was asked for.
    pub fn into_config(self) -> Config {
        let Self { load, mix, report, kafka, .. } = self;
        let duration = self.duration.unwrap_or(Duration::from_secs(60));
        let LoadArgs { connections, threads, timeout, backlog, .. } = load;
        let http = Http { url: self.url, connections, threads, timeout, backlog };
        let MixArgs { customers, products, product_prefix, zipf, .. } = mix;
        let MixArgs { duplicates, invalid, cancels, ships, .. } = mix;
        let shares =
            Mix { customers, products, product_prefix, zipf, duplicates, invalid, cancels, ships };
        Config {
            mode: if load.direct { Mode::Direct } else { Mode::Http(http) },
            rate: self.rate.or((!load.direct).then_some(1000.0)),
            arrivals: self.arrivals,
            extent: self.orders.map_or(Extent::Duration(duration), Extent::Orders),
            seed: mix.seed,
            run: mix.run.unwrap_or_else(fresh_run_name),
            mix: shares,
            stock: mix.stock,
            topics: kafka.topics(),
            brokers: kafka.brokers,
            follow: report.follow.then_some(report.settle_timeout),
            lag_limit: load.lag_limit,
            slos: report.slos,
            receipts: report.receipts,
            hlog: report.hlog,
            progress: if report.quiet { Progress::Silent } else { Progress::detect() },
        }
    }
}

/// Letters and digits as a product's name may have them, with room for a number.
fn product_prefix(text: &str) -> Result<String, String> {
    let fits = text.len() <= 48
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let error = format!(
        "{text:?} is not up to 48 letters, digits, '-', '_' or '.', beginning with a letter or digit"
    );
    if fits { Ok(text.to_owned()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(line: &str) -> Config {
        Args::try_parse_from(line.split_whitespace()).unwrap().into_config()
    }

    #[test]
    fn the_usual_line_is_understood() {
        let config = config("loadgen --rate 1000 --duration 5m");
        assert_eq!(config.rate, Some(1000.0));
        assert_eq!(config.extent, Extent::Duration(Duration::from_secs(300)));
        let Mode::Http(http) = config.mode else { panic!("not over HTTP") };
        assert_eq!((http.url.as_str(), http.connections), ("http://127.0.0.1:8080", 256));
        assert!(config.stock > 0, "orders need goods");
    }

    #[test]
    fn direct_mode_has_no_rate_unless_one_is_given() {
        assert_eq!(config("loadgen --direct --orders 10").rate, None);
        assert_eq!(config("loadgen --direct --rate 2k").rate, Some(2000.0));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            "--rate 0",
            "--timeout 0s",
            "--duration 5",
            "--orders 5 --duration 5s",
            "--slo p99",
            "--duplicates 2",
        ] {
            let line = format!("loadgen {bad}");
            assert!(Args::try_parse_from(line.split_whitespace()).is_err(), "{bad}");
        }
    }
}
