//! What is audited, against which receipts, and how long it may take to settle.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PathBufValueParser;
use clap::{Parser, Subcommand, ValueEnum};
use contract::topic::Topics;
use service::args::{DatabaseArgs, KafkaArgs, Listed, duration, list, time_limit};

use crate::explain::ExplainArgs;

const EXIT_CODES: &str = "\
Exit codes:
  0  clean: every invariant was judged true, or is named as not judged: for want of receipts, or
     while it runs
  1  findings: at least one is false
  2  could not judge, and what was missing; also wrong usage";

/// Proves from receipts, log and tables that no order was lost or counted twice.
#[derive(Parser)]
#[command(
    name = "audit",
    version,
    after_help = EXIT_CODES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Args {
    /// Something smaller than an audit
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// The sender's receipts: CSV files as loadgen writes them. Repeatable; in the variable,
    /// commas separate files
    #[arg(
        long,
        env = "AUDIT_RECEIPTS",
        value_name = "FILE",
        num_args = 1..,
        value_parser = list(b',', PathBufValueParser::new()),
        required_unless_present_any = ["without_receipts", "watch"],
        conflicts_with = "watch"
    )]
    receipts: Vec<Listed<PathBuf>>,
    /// Judge without receipts; whether every acknowledged order reached the log stays open
    #[arg(long, env = "AUDIT_WITHOUT_RECEIPTS", conflicts_with = "receipts")]
    without_receipts: bool,
    /// Write the report as JSON to this file too
    #[arg(long, env = "AUDIT_JSON", value_name = "FILE")]
    json: Option<PathBuf>,
    /// How long to wait for the work in progress to be finished
    #[arg(long, env = "AUDIT_SETTLE_TIMEOUT", value_parser = duration, default_value = "60s")]
    settle_timeout: Duration,
    /// Do not wait: nothing runs any more, and work left over is a finding
    #[arg(long, env = "AUDIT_AS_IS")]
    as_is: bool,
    /// Prove the books in steps while the system runs, until Ctrl-C or SIGTERM; what is
    /// under way longer than the settle timeout is a finding
    #[arg(long, env = "AUDIT_WATCH", conflicts_with_all = ["as_is", "without_receipts"])]
    watch: bool,
    /// How often the watch makes a step
    #[arg(long, env = "AUDIT_INTERVAL", value_parser = duration, default_value = "3s")]
    interval: Duration,
    /// Where the watch begins: at the beginning of the log, or here and now, believing the
    /// tables as they are
    #[arg(long, env = "AUDIT_FROM", value_enum, default_value_t = Begin::Earliest)]
    from: Begin,
    /// Admin port of the watch: /livez, /readyz, /metrics
    #[arg(long, env = "AUDIT_ADMIN_LISTEN", default_value = "127.0.0.1:9083")]
    admin_listen: SocketAddr,
    /// How long the processor remembers; what it noted of older records may be gone
    #[arg(long, env = "PROCESSOR_RETENTION", value_parser = time_limit, default_value = "8d")]
    retention: Duration,
}

/// How to watch.
#[derive(Clone, Copy, Debug)]
pub struct Watching {
    /// Between two steps.
    pub interval: Duration,
    /// Where it begins.
    pub from: Begin,
    /// Where the admin port listens.
    pub admin_listen: SocketAddr,
}

/// Where a watch begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Begin {
    /// At the first record; all of them must be there still.
    Earliest,
    /// At what is processed now: the tables as they are count as right.
    Latest,
}

/// What `audit` does instead of an audit.
#[derive(Subcommand)]
pub enum Command {
    /// Print the life of one order: its records, events, payment
    Explain(ExplainArgs),
}

/// One audit.
#[derive(Clone)]
pub struct Config {
    /// Kafka bootstrap servers.
    pub brokers: String,
    /// Names of the topics.
    pub topics: Topics,
    /// PostgreSQL.
    pub database_url: String,
    /// What the sender says.
    pub receipts: Receipts,
    /// What to do about work in progress.
    pub settle: Settle,
    /// How long rows of `processed_events`, `refused_events` and `dead_letters` are kept.
    pub retention: Duration,
    /// Whether to tell how far it is.
    pub progress: Progress,
}

/// The sender's side of the story.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Receipts {
    /// These files.
    Files(Vec<PathBuf>),
    /// None, knowingly.
    NotGiven,
}

/// What to do about work in progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settle {
    /// Wait for it so long, then give up.
    Within(Duration),
    /// Nothing runs any more: what is left over is a finding.
    AsIs,
}

/// Whether progress is told on standard error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// A line a second.
    Shown,
    /// Nothing.
    Silent,
}

impl Args {
    /// Where the JSON report goes.
    pub fn json(&self) -> Option<PathBuf> {
        self.json.clone()
    }

    /// Whether to watch, and how.
    pub fn watching(&self) -> Option<Watching> {
        let Self { interval, from, admin_listen, .. } = *self;
        self.watch.then_some(Watching { interval, from, admin_listen })
    }

    /// The audit that is asked for.
    pub fn into_config(self) -> Config {
        let topics = self.kafka.topics();
        Config {
            brokers: self.kafka.brokers,
            topics,
            database_url: self.database.database_url,
            receipts: match self.without_receipts || self.watch {
                true => Receipts::NotGiven,
                false => {
                    Receipts::Files(self.receipts.into_iter().flat_map(|listed| listed.0).collect())
                }
            },
            settle: match self.as_is {
                true => Settle::AsIs,
                false => Settle::Within(self.settle_timeout),
            },
            retention: self.retention,
            progress: Progress::Shown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Config, clap::Error> {
        Args::try_parse_from(line.split(' ')).map(Args::into_config)
    }

    #[test]
    fn a_watch_needs_no_receipts() {
        let args = Args::try_parse_from(["audit", "--watch", "--interval", "1s"]).unwrap();
        assert_eq!(args.watching().unwrap().interval, Duration::from_secs(1));
        assert_eq!(args.into_config().receipts, Receipts::NotGiven);
        assert!(parse("audit --watch --as-is").is_err());
        assert!(parse("audit --watch --receipts a.csv").is_err());
        assert!(
            Args::try_parse_from(["audit", "--without-receipts"]).unwrap().watching().is_none()
        );
    }

    #[test]
    fn receipts_are_given_or_knowingly_left_out() {
        assert!(parse("audit").is_err());
        assert!(parse("audit --without-receipts --receipts a.csv").is_err());
        assert_eq!(parse("audit --without-receipts").unwrap().receipts, Receipts::NotGiven);
        let config = parse("audit --receipts a.csv b.csv --settle-timeout 5s").unwrap();
        assert_eq!(config.receipts, Receipts::Files(vec!["a.csv".into(), "b.csv".into()]));
        assert_eq!(config.settle, Settle::Within(Duration::from_secs(5)));
        let config = parse("audit --receipts a,b.csv --receipts c.csv").unwrap();
        assert_eq!(config.receipts, Receipts::Files(vec!["a,b.csv".into(), "c.csv".into()]));
    }

    #[test]
    fn what_is_remembered_for_no_time_cannot_be_proved() {
        assert!(parse("audit --without-receipts --retention 0s").is_err());
    }
}
