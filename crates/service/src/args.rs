//! Command-line arguments that several processes share, each with its
//! environment name and a default that fits a local stack.

mod list;
mod password;

pub use list::{Listed, list};
pub use password::without_password;

use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use contract::topic::{self, Topics};

/// Where Kafka is and what the topics are called.
#[derive(Args, Clone, Debug)]
pub struct KafkaArgs {
    /// Kafka bootstrap servers, comma separated
    #[arg(
        long,
        env = "KAFKA_BROKERS",
        default_value = "127.0.0.1:9092",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub brokers: String,
    /// Topic with orders and what is asked of them (in)
    #[arg(long, env = "ORDERS_TOPIC", default_value = topic::ORDERS)]
    pub orders_topic: String,
    /// Topic with restocks and corrections (in)
    #[arg(long, env = "STOCK_TOPIC", default_value = topic::STOCK)]
    pub stock_topic: String,
    /// Topic with what became of orders (out)
    #[arg(long, env = "ORDER_EVENTS_TOPIC", default_value = topic::ORDER_EVENTS)]
    pub order_events_topic: String,
    /// Topic for records nobody can read (out)
    #[arg(long, env = "DLQ_TOPIC", default_value = topic::DLQ)]
    pub dlq_topic: String,
}

impl KafkaArgs {
    /// The topic names.
    pub fn topics(&self) -> Topics {
        Topics {
            orders: self.orders_topic.clone(),
            stock: self.stock_topic.clone(),
            order_events: self.order_events_topic.clone(),
            dlq: self.dlq_topic.clone(),
        }
    }
}

/// Where PostgreSQL is.
#[derive(Args, Clone)]
pub struct DatabaseArgs {
    /// PostgreSQL with the orders, as a URL
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "postgres://postgres:postgres@127.0.0.1:5432/orders"
    )]
    pub database_url: String,
}

/// A duration such as `250ms`, `30s` or `5m`, for clap.
///
/// # Errors
/// The text is no duration.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number with a unit, such as 250ms, 30s or 5m"))
}

/// A duration that something may take or that something is kept, at least 1 ms, for
/// clap: with nothing at all it would stand still, and some clients read 0 as for ever.
///
/// # Errors
/// The text is no duration or a shorter one.
pub fn time_limit(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        long if long >= Duration::from_millis(1) => Ok(long),
        _ => Err("must be at least 1ms".to_owned()),
    }
}

/// A rate per second such as `1000`, `5k` or `2.5k/s`, for clap.
///
/// # Errors
/// The text is no positive rate.
pub fn rate(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches("/s");
    let (number, scale) = match number.strip_suffix(['k', 'K']) {
        Some(thousands) => (thousands, 1000.0),
        None => (number, 1.0),
    };
    match number.parse::<f64>().map(|number| number * scale) {
        Ok(rate) if rate > 0.0 && rate <= 10_000_000.0 => Ok(rate),
        _ => Err("write a rate per second as 1000, 5k or 2.5k/s, above 0".to_owned()),
    }
}

/// A share such as `1%`, `0.5%` or `0.01`, for clap.
///
/// # Errors
/// The text is no number between 0 and 1 (or 0% and 100%).
pub fn share(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.trim().strip_suffix('%') {
        Some(percent) => (percent.trim(), 100.0),
        None => (text.trim(), 1.0),
    };
    match number.parse::<f64>().map(|number| number / scale) {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("write a share as 1% or 0.01, from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_limit_is_not_nothing() {
        assert_eq!(time_limit("1ms"), Ok(Duration::from_millis(1)));
        for bad in ["0s", "0ms", "999us", "5", ""] {
            assert!(time_limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_are_read_with_their_usual_suffixes() {
        assert_eq!(rate("1000"), Ok(1000.0));
        assert_eq!(rate("5k"), Ok(5000.0));
        assert_eq!(rate("2.5k/s"), Ok(2500.0));
        assert_eq!(rate("10/s"), Ok(10.0));
        for bad in ["", "0", "-1", "k", "fast", "inf", "NaN", "1000/m"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
