//! What can be set, with defaults that fit two cores with the broker beside.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Parser, value_parser};
use service::args::{DatabaseArgs, KafkaArgs, duration, time_limit};

const EXAMPLES: &str = r#"Examples:
  ingest
  ingest --listen 0.0.0.0:8080 --brokers kafka-1:9092,kafka-2:9092
  curl -i http://127.0.0.1:8080/orders --json \
       '{"customerId":"c-1","items":[{"productId":"p-1","quantity":2,"price":10}]}'
  curl -i 'http://127.0.0.1:8080/orders/ID?wait=5s'
  curl -i http://127.0.0.1:8080/orders/ID/cancel --json '{"reason":"changed my mind"}'
  curl -i http://127.0.0.1:8080/stock/p-1/adjustments --json '{"quantity":100,"reason":"restock"}'
  curl -s http://127.0.0.1:9080/readyz

Exit codes: 0 stopped by SIGTERM or Ctrl-C after a drain, 1 could not start or failed,
2 wrong usage, 130 a second signal ended the drain."#;

/// Takes orders over HTTP and puts them on Kafka
#[derive(Parser, Clone)]
#[command(name = "ingest", version, after_help = EXAMPLES)]
pub struct Config {
    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// PostgreSQL; only reads use it.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// PostgreSQL for reads if it is another one, such as a replica, as a URL
    #[arg(long, env = "DATABASE_READ_URL", hide_env_values = true)]
    pub database_read_url: Option<String>,
    /// Address for HTTP
    #[arg(long, env = "INGEST_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Address for /livez, /readyz and /metrics
    #[arg(long, env = "INGEST_ADMIN_LISTEN", default_value = "127.0.0.1:9080")]
    pub admin_listen: SocketAddr,
    /// Threads that serve requests; the default is one per core
    #[arg(long, env = "INGEST_WORKERS", value_parser = value_parser!(u8).range(1..=128))]
    pub workers: Option<u8>,
    /// Open connections; more wait to be accepted
    #[arg(long, env = "INGEST_CONNECTIONS_MAX", default_value = "8192")]
    pub connections_max: NonZeroUsize,
    /// Writes that wait for the broker's acknowledgement, shared out to the workers; one that has
    /// its share answers 503 at once
    #[arg(long, env = "INGEST_IN_FLIGHT_MAX", default_value = "2048")]
    pub in_flight_max: NonZeroUsize,
    /// How long the producer gathers records for one request to the broker; while a request is
    /// unanswered it gathers anyway
    #[arg(long, env = "INGEST_LINGER", default_value = "3ms", value_parser = duration)]
    pub linger: Duration,
    /// Memory for records that are not acknowledged, in KiB; more get 503 at once
    #[arg(long, env = "INGEST_QUEUE_KIB", default_value_t = 65_536, value_parser = value_parser!(u32).range(1024..=2_097_151))]
    pub queue_kib: u32,
    /// How long a write waits for the broker's acknowledgement before its 503
    #[arg(long, env = "INGEST_ACK_TIMEOUT", default_value = "10s", value_parser = time_limit)]
    pub ack_timeout: Duration,
    /// How long without any acknowledgement until the broker counts as away
    #[arg(long, env = "INGEST_STALL_AFTER", default_value = "2s", value_parser = time_limit)]
    pub stall_after: Duration,
    /// How long a client may take to send a body
    #[arg(long, env = "INGEST_BODY_TIMEOUT", default_value = "5s", value_parser = time_limit)]
    pub body_timeout: Duration,
    /// How long a client may be silent between requests, or take to send a head or to read an
    /// answer
    #[arg(long, env = "INGEST_IDLE_TIMEOUT", default_value = "30s", value_parser = time_limit)]
    pub idle_timeout: Duration,
    /// How long to answer while not ready before closing the listener, for load balancers
    #[arg(long, env = "INGEST_DRAIN_NOTICE", default_value = "0s", value_parser = duration)]
    pub drain_notice: Duration,
    /// How long requests that are under way, and then records, may take to finish on exit
    #[arg(long, env = "INGEST_DRAIN_TIMEOUT", default_value = "15s", value_parser = duration)]
    pub drain_timeout: Duration,
    /// PostgreSQL connections for reads
    #[arg(long, env = "INGEST_READ_CONNECTIONS", default_value_t = 4, value_parser = value_parser!(u32).range(1..=64))]
    pub read_connections: u32,
}

impl Config {
    /// Threads that serve requests.
    pub fn worker_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers.map_or_else(cores, usize::from).min(usize::from(u8::MAX))
    }

    /// Where reads go.
    pub fn read_url(&self) -> &str {
        self.database_read_url.as_deref().unwrap_or(&self.database.database_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_has_defaults() {
        use clap::CommandFactory;
        Config::command().debug_assert();
        let config = Config::parse_from(["ingest", "--workers", "3"]);
        assert_eq!(config.worker_count(), 3);
        assert_eq!(config.linger, Duration::from_millis(3));
        assert_eq!(config.read_url(), config.database.database_url);
    }

    #[test]
    fn a_time_limit_of_nothing_is_refused() {
        for flag in ["--ack-timeout", "--stall-after", "--body-timeout", "--idle-timeout"] {
            let error = Config::try_parse_from(["ingest", flag, "0s"]).err().unwrap();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("must be at least 1ms"), "{error}");
        }
    }

    #[test]
    fn reads_may_go_elsewhere() {
        let config = Config::parse_from(["ingest", "--database-read-url", "postgres://replica/o"]);
        assert_eq!(config.read_url(), "postgres://replica/o");
    }
}
