//! What a caller asks of a stack: where it lives, who provides the servers,
//! which ports and topics it has, and how long it stays.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{env, place};

/// How long the shared stack stays up after the last test: a developer who
/// runs tests again soon finds it.
pub const TEST_LINGER: Duration = Duration::from_secs(30);

/// One of the two servers of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    /// Apache Kafka: one combined broker and controller.
    Kafka,
    /// PostgreSQL.
    Postgres,
}

impl Server {
    /// Both, in the order an order meets them.
    pub const ALL: [Self; 2] = [Self::Kafka, Self::Postgres];

    /// The name used for folders, log files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Postgres => "postgres",
        }
    }

    /// The name people use in a sentence.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Kafka => "Kafka",
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// Who may provide the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Addresses from the environment, then Docker Compose, then native processes.
    #[default]
    Auto,
    /// Docker Compose, from the repository's docker-compose.yml.
    Compose,
    /// PostgreSQL's own binaries and Kafka on the JDK.
    Native,
}

/// How long the stack stays up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Until somebody says `down`, once it is up with topics and schema.
    Pinned,
    /// While somebody holds a lease, and this many milliseconds longer.
    Leased {
        /// Time from the end of the last lease to the stop.
        linger_ms: u64,
    },
}

/// What a stack that nobody runs starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Data {
    /// What it held when it was stopped.
    Kept,
    /// Nothing: what tests left behind is removed.
    Fresh,
}

/// What is done to the database of a stack that is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// It is made when missing, and brought to the newest schema.
    Migrated,
    /// Nothing: the caller makes databases of its own.
    Untouched,
}

/// Ports that were asked for by number; the others are free ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ports {
    /// Port of the Kafka broker.
    pub kafka: Option<u16>,
    /// Port of PostgreSQL.
    pub postgres: Option<u16>,
}

impl Ports {
    /// The port asked for this server.
    #[must_use]
    pub fn of(self, server: Server) -> Option<u16> {
        match server {
            Server::Kafka => self.kafka,
            Server::Postgres => self.postgres,
        }
    }
}

/// A topic that must exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Name on the broker.
    pub name: String,
    /// Number of partitions when it has to be created.
    pub partitions: u16,
}

/// The `orders=8` of `--partitions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionOverride {
    /// Name of the topic.
    pub topic: String,
    /// Partitions it gets when it has to be created.
    pub partitions: u16,
}

impl FromStr for PartitionOverride {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (topic, count) =
            text.split_once('=').ok_or("expected TOPIC=COUNT, for example orders=8")?;
        match count.parse() {
            Ok(partitions @ 1..=1000) if !topic.is_empty() => {
                Ok(Self { topic: topic.to_owned(), partitions })
            }
            _ => Err(format!("{count:?} is not a partition count from 1 to 1000")),
        }
    }
}

/// Everything a caller can ask of a stack.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of this stack: state, data and logs.
    pub dir: PathBuf,
    /// Who may provide the servers.
    pub source: Source,
    /// Ports asked for by number.
    pub ports: Ports,
    /// Topics to create when they are missing.
    pub topics: Vec<Topic>,
    /// How long the stack stays up.
    pub hold: Hold,
    /// What its servers start with.
    pub data: Data,
    /// What is done to its database.
    pub schema: Schema,
    /// A process that counts as a user until it ends, beside the caller.
    pub companion: Option<u32>,
}

impl Options {
    /// A stack of this name, topics as the environment names them, that ends with its last user.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            dir: place::folder(name),
            source: Source::Auto,
            ports: Ports::default(),
            topics: env::topics(),
            hold: Hold::Leased { linger_ms: 0 },
            data: Data::Kept,
            schema: Schema::Migrated,
            companion: None,
        }
    }

    /// The one stack that all tests of this workspace share: they make their own topics and
    /// databases in it, and it starts empty. It stays while the `cargo test` runs, however long
    /// tests that do not use it take.
    #[must_use]
    pub fn for_tests() -> Self {
        let linger_ms = u64::try_from(TEST_LINGER.as_millis()).unwrap_or(u64::MAX);
        Self {
            topics: Vec::new(),
            hold: Hold::Leased { linger_ms },
            data: Data::Fresh,
            schema: Schema::Untouched,
            companion: cargo(),
            ..Self::named("test")
        }
    }

    /// Sets partition counts; a topic that is not in the list yet is added to it.
    pub fn override_partitions(&mut self, overrides: &[PartitionOverride]) {
        for wanted in overrides {
            match self.topics.iter_mut().find(|topic| topic.name == wanted.topic) {
                Some(topic) => topic.partitions = wanted.partitions,
                None => self
                    .topics
                    .push(Topic { name: wanted.topic.clone(), partitions: wanted.partitions }),
            }
        }
    }
}

/// The cargo that runs this process.
fn cargo() -> Option<u32> {
    let parent = rustix::process::getppid()?.as_raw_pid();
    let name = std::fs::read_to_string(format!("/proc/{parent}/comm")).ok()?;
    name.starts_with("cargo").then_some(parent)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_override_needs_a_topic_and_a_count_from_one() {
        assert_eq!(
            "orders=8".parse(),
            Ok(PartitionOverride { topic: "orders".into(), partitions: 8 })
        );
        assert_eq!(
            "orders".parse::<PartitionOverride>(),
            Err("expected TOPIC=COUNT, for example orders=8".into())
        );
        for refused in ["orders=0", "orders=x", "=4", "orders=1001"] {
            assert!(refused.parse::<PartitionOverride>().is_err(), "{refused}");
        }
    }

    #[test]
    fn overriding_partitions_changes_known_topics_and_adds_others() {
        let mut options = Options::for_tests();
        options.topics = vec![Topic { name: "orders".into(), partitions: 4 }];
        options.override_partitions(&[
            PartitionOverride { topic: "orders".into(), partitions: 8 },
            PartitionOverride { topic: "mine".into(), partitions: 1 },
        ]);
        let counts: Vec<_> =
            options.topics.iter().map(|t| (t.name.as_str(), t.partitions)).collect();
        assert_eq!(counts, [("orders", 8), ("mine", 1)]);
    }
}
