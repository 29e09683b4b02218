//! The whole life of one order with its evidence: what the log says, what the
//! tables say, what was told. No verdict: facts with their places, by time.

mod log;
mod tables;

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use service::args::{DatabaseArgs, KafkaArgs, duration};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

const EXAMPLES: &str = "Examples:\n  audit explain 01a1fed6-14ef-75fb-bd9d-1d861493f540\n\n\
    Exit codes: 0 told, 2 nothing is known of the order or a server is away";

/// Prints the life of one order: records, events, stock, money
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// The order
    order_id: Uuid,
    /// How long before its creation and after its last change the log is searched
    #[arg(long, value_parser = duration, default_value = "5s")]
    window: Duration,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// One thing that is known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Fact {
    /// Milliseconds since 1970.
    at_ms: i64,
    /// A record such as `orders/3/1234`, or a table.
    place: String,
    words: String,
}

/// Where and when an order was seen by the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Partition and offset of the record that created it.
    source: (i32, i64),
    from_ms: i64,
    to_ms: i64,
}

/// What is known of an order, one line a fact.
///
/// # Errors
/// A server does not answer, or the tables know nothing of the order.
pub async fn run(args: &ExplainArgs) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(&args.database.database_url)
        .await
        .context("cannot reach PostgreSQL; is DATABASE_URL right, and is it up?")?;
    let mut facts = tables::facts(&mut connection, args.order_id).await?;
    let span = tables::span(&mut connection, args.order_id).await?;
    if let Some(span) = span {
        let window_ms = i64::try_from(args.window.as_millis()).unwrap_or(i64::MAX / 4);
        let span = Span {
            from_ms: span.from_ms - window_ms,
            to_ms: span.to_ms.saturating_add(window_ms),
            ..span
        };
        facts.extend(log::facts(&args.kafka, args.order_id, span)?);
    }
    anyhow::ensure!(
        !facts.is_empty(),
        "the tables know nothing of order {}; was it acknowledged, and is the processor's lag 0?",
        args.order_id
    );
    facts.sort();
    let line = |fact: &Fact| format!("{}  {:<26} {}", time(fact.at_ms), fact.place, fact.words);
    Ok(facts.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn time(at_ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    format!("{time:.3}")
}
