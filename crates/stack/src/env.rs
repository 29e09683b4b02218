//! The environment names that every program of the workspace understands.
//!
//! `cargo stack env` prints them, docker-compose.yml is checked against them,
//! and topic names and partition counts are read from them.

use std::env;

use crate::options::Topic;

/// One name, what it is for, and what it is when nobody sets it.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Name of the variable.
    pub name: &'static str,
    /// Value when it is not set; empty when that is another variable's value.
    pub default: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

const fn known(name: &'static str, default: &'static str, meaning: &'static str) -> Known {
    Known { name, default, meaning }
}

/// Every name, in the order `cargo stack env` prints them.
pub const KNOWN: [Known; 14] = [
    known("KAFKA_BROKERS", "127.0.0.1:9092", "bootstrap servers, comma-separated"),
    known(
        "DATABASE_URL",
        "postgres://postgres:postgres@127.0.0.1:5432/orders",
        "the database that the processor writes",
    ),
    known("DATABASE_READ_URL", "", "the database that ingest reads; DATABASE_URL when not set"),
    known("ORDERS_TOPIC", "orders", "orders and what happens to them, in"),
    known("STOCK_TOPIC", "stock", "restocks and corrections, in"),
    known("ORDER_EVENTS_TOPIC", "order-events", "what became of each order, out"),
    known("DLQ_TOPIC", "orders.dlq", "records nobody could read, with the reason"),
    known("INGEST_LISTEN", "127.0.0.1:8080", "address of the HTTP API"),
    known("INGEST_ADMIN_LISTEN", "127.0.0.1:9080", "health and metrics of ingest"),
    known("PROCESSOR_ADMIN_LISTEN", "127.0.0.1:9081", "health and metrics of the processor"),
    known("NOTIFIER_ADMIN_LISTEN", "127.0.0.1:9082", "health and metrics of the notifier"),
    known("INGEST_URL", "http://127.0.0.1:8080", "where loadgen and the demo send orders"),
    known("RUST_LOG", "info", "levels of the logs, as tracing understands them"),
    known("LOG_FORMAT", "text", "text or json"),
];

/// Variables of docker-compose.yml: the ports that are published on 127.0.0.1.
pub const PUBLISHED: [(&str, u16); 7] = [
    ("KAFKA_PORT", 9092),
    ("POSTGRES_PORT", 5432),
    ("KAFKA_UI_PORT", 8085),
    ("INGEST_PORT", 8080),
    ("INGEST_ADMIN_PORT", 9080),
    ("PROCESSOR_ADMIN_PORT", 9081),
    ("NOTIFIER_ADMIN_PORT", 9082),
];

/// The topic variables and how many partitions each topic gets when it is created.
pub const TOPICS: [(&str, u16); 4] =
    [("ORDERS_TOPIC", 4), ("STOCK_TOPIC", 2), ("ORDER_EVENTS_TOPIC", 4), ("DLQ_TOPIC", 1)];

/// Value of a known name: the environment's, or the default.
#[must_use]
pub fn value(name: &str) -> String {
    set(name).unwrap_or_else(|| {
        KNOWN.iter().find(|known| known.name == name).map_or("", |known| known.default).to_owned()
    })
}

/// Value of a variable that is set and not empty.
#[must_use]
pub fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The topics of the pipeline under the names the environment gives them.
#[must_use]
pub fn topics() -> Vec<Topic> {
    TOPICS.iter().map(|&(name, partitions)| Topic { name: value(name), partitions }).collect()
}

/// Says which addresses of a shell come from `cargo stack env`, separated by spaces.
const PRINTED: &str = "ORDERMILL_PRINTED";

/// Value of an address that somebody gave. Those that `cargo stack env` printed belong to
/// a stack: they say where its servers are, not that another stack needs none.
#[must_use]
pub fn given(name: &str) -> Option<String> {
    let printed = set(PRINTED).unwrap_or_default();
    set(name).filter(|value| printed.split(' ').all(|own| own != value))
}

/// Every known name with its value for servers at these addresses.
#[must_use]
pub fn exports(brokers: &str, database_url: &str) -> Vec<(String, String)> {
    let known = KNOWN.iter().map(|known| {
        let value = match known.name {
            "KAFKA_BROKERS" => brokers.to_owned(),
            "DATABASE_URL" => database_url.to_owned(),
            "DATABASE_READ_URL" => given(known.name).unwrap_or_else(|| database_url.to_owned()),
            name => value(name),
        };
        (known.name.to_owned(), value)
    });
    let addresses = [("KAFKA_BROKERS", brokers), ("DATABASE_URL", database_url)];
    let own = addresses.iter().filter(|(name, value)| given(name).as_deref() != Some(*value));
    let printed: Vec<_> = own.map(|(_, value)| *value).collect();
    known.chain([(PRINTED.to_owned(), printed.join(" "))]).collect()
}

/// A value as a shell reads it back unchanged.
#[must_use]
pub fn quoted(value: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@,=".contains(letter);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_variable_is_a_known_name() {
        for (name, _) in TOPICS {
            assert!(KNOWN.iter().any(|known| known.name == name), "{name}");
        }
    }

    #[test]
    fn exports_carry_the_addresses_and_reads_follow_writes() {
        let exports = exports("127.0.0.1:1", "postgres://db");
        assert_eq!(exports.len(), KNOWN.len() + 1);
        assert_eq!(exports[0], ("KAFKA_BROKERS".into(), "127.0.0.1:1".into()));
        assert_eq!(exports[1], ("DATABASE_URL".into(), "postgres://db".into()));
        assert_eq!(exports[2].0, "DATABASE_READ_URL");
    }

    #[test]
    fn values_are_quoted_only_when_a_shell_would_change_them() {
        assert_eq!(quoted("127.0.0.1:9092"), "127.0.0.1:9092");
        assert_eq!(quoted("a b'c"), r"'a b'\''c'");
        assert_eq!(quoted(""), "''");
    }
}
