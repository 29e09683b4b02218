//! The command line, and what it means once checked.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Parser;
use service::args::{KafkaArgs, Listed, list, time_limit};

use crate::sink::{Settings, Spec};

/// Shorter than the drain, which gives nothing back that a call has in hand.
const WEBHOOK_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// Tells what became of orders: reads order-events, writes to sinks
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "Exit codes: 0 stopped by SIGTERM or Ctrl-C, 1 failed, 2 usage, 130 a second signal."
)]
pub struct Args {
    #[command(flatten)]
    kafka: KafkaArgs,
    /// Consumer group; each sink reads in its own, GROUP.SINK
    #[arg(long, env = "NOTIFIER_GROUP", default_value = "notifier")]
    group: String,
    /// Where to tell: `log` (text on standard output), `file:PATH` (JSON lines) or `webhook:URL`
    /// (POST, http only); NAME= before it names it. Repeatable: what is typed is one sink, spaces
    /// and all; in the variable, spaces separate sinks
    #[arg(
        long = "sink",
        value_name = "[NAME=]SINK",
        env = "NOTIFIER_SINKS",
        value_parser = list(b' ', Spec::from_str),
        default_value = "log"
    )]
    sinks: Vec<Listed<Spec>>,
    /// Event ids remembered per partition to tell each event once
    #[arg(
        long,
        value_name = "EVENTS",
        env = "NOTIFIER_DEDUPE_WINDOW",
        default_value_t = 200_000,
        value_parser = clap::value_parser!(u32).range(1..=10_000_000)
    )]
    dedupe_window: u32,
    /// How long a webhook may take to answer, 10s at most
    #[arg(
        long,
        value_name = "DURATION",
        env = "NOTIFIER_WEBHOOK_TIMEOUT",
        default_value = "5s",
        value_parser = time_limit
    )]
    webhook_timeout: Duration,
    /// Calls of a webhook under way at once
    #[arg(
        long,
        value_name = "CALLS",
        env = "NOTIFIER_WEBHOOK_CONCURRENCY",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=256)
    )]
    webhook_concurrency: u16,
    /// Address of /livez, /readyz and /metrics
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "NOTIFIER_ADMIN_LISTEN",
        default_value = "127.0.0.1:9082"
    )]
    admin_listen: SocketAddr,
}

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bootstrap servers.
    pub brokers: String,
    /// The topic that is read.
    pub topic: String,
    /// What the groups of the lanes begin with.
    pub group: String,
    /// The sinks, each with a name of its own.
    pub sinks: Vec<Spec>,
    /// Records before its progress from which a partition is read.
    pub dedupe_window: usize,
    /// How webhooks are called.
    pub webhook: Settings,
    /// Where the admin port listens.
    pub admin_listen: SocketAddr,
}

impl TryFrom<Args> for Config {
    type Error = anyhow::Error;

    fn try_from(args: Args) -> anyhow::Result<Self> {
        let sinks: Vec<Spec> = args.sinks.into_iter().flat_map(|listed| listed.0).collect();
        let mut names = HashSet::new();
        for sink in &sinks {
            if !names.insert(&sink.name) {
                bail!(
                    "two sinks are called {}; name one, as in --sink NAME={0}:…, and keep the name: \
                     it is the sink's progress",
                    sink.name
                );
            }
        }
        ensure!(
            args.webhook_timeout <= WEBHOOK_TIMEOUT_MAX,
            "--webhook-timeout must be at most {WEBHOOK_TIMEOUT_MAX:?}: a stop waits for what is under way"
        );
        Ok(Self {
            brokers: args.kafka.brokers,
            topic: args.kafka.order_events_topic,
            group: args.group,
            sinks,
            dedupe_window: args.dedupe_window as usize,
            webhook: Settings {
                timeout: args.webhook_timeout,
                concurrency: usize::from(args.webhook_concurrency),
            },
            admin_listen: args.admin_listen,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::sink::Kind;

    fn config(arguments: &[&str]) -> anyhow::Result<Config> {
        Args::try_parse_from([&["notifier"], arguments].concat())?.try_into()
    }

    #[test]
    fn every_flag_is_explained_and_has_a_variable() {
        Args::command().debug_assert();
        for argument in Args::command().get_arguments() {
            assert!(argument.get_help().is_some(), "{argument}");
            assert!(argument.get_env().is_some(), "{argument}");
        }
    }

    #[test]
    fn a_typed_sink_is_one_whatever_stands_in_it() {
        let sinks = config(&["--sink", "file:/my stacks/told,1", "--sink", "log"]).unwrap().sinks;
        assert_eq!(sinks[0].kind, Kind::File("/my stacks/told,1".into()));
        assert_eq!(sinks[1].kind, Kind::Log);
    }

    #[test]
    fn a_webhook_has_some_time() {
        assert!(config(&["--webhook-timeout", "0s"]).is_err());
        assert!(config(&["--webhook-timeout", "10s"]).is_ok());
        assert!(config(&["--webhook-timeout", "11s"]).is_err());
    }

    #[test]
    fn sinks_have_names_of_their_own() {
        let names = |arguments: &[&str]| -> Vec<String> {
            config(arguments).unwrap().sinks.into_iter().map(|sink| sink.name).collect()
        };
        assert_eq!(names(&[]), ["log"]);
        assert_eq!(names(&["--sink", "log", "--sink", "crm=webhook:http://h/"]), ["log", "crm"]);
        let twice = config(&["--sink", "file:/a", "--sink", "file:/b"]).unwrap_err();
        assert!(twice.to_string().starts_with("two sinks are called file"), "{twice}");
    }
}
