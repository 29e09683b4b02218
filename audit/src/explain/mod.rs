//! The whole life of one order with its evidence: what was acknowledged, what the
//! log says, what the tables say, what was told. No verdict: facts with their places,
//! by time.

mod files;
mod log;
mod tables;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use service::args::{DatabaseArgs, KafkaArgs, duration};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

const EXAMPLES: &str = "Examples:\n  audit explain 01a1fed6-14ef-75fb-bd9d-1d861493f540\n  \
    audit explain 01a1fed6-14ef-75fb-bd9d-1d861493f540 --receipts receipts.csv --notifications told.jsonl\n\n\
    Exit codes: 0 told, 2 nothing is known of the order or a server is away";

/// Prints the life of one order: records, events, stock, money
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// The order
    order_id: Uuid,
    /// How long after a step was committed its event is looked for
    #[arg(long, value_parser = duration, default_value = "5s")]
    window: Duration,
    /// Receipts of whoever sent the orders
    #[arg(long, value_name = "FILE", num_args = 1..)]
    receipts: Vec<PathBuf>,
    /// Notifications that the notifier wrote to a file
    #[arg(long, value_name = "FILE", num_args = 1..)]
    notifications: Vec<PathBuf>,
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

/// Where an order came from and when it was changed, by the tables.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// Partition and offset of the record that created it.
    source: (i32, i64),
    created_ms: i64,
    /// Its last change.
    changed_ms: i64,
    /// Every commit that concerned it.
    commits_ms: Vec<i64>,
    /// Whether somebody asked for its last change.
    was_asked: bool,
    /// How long after a commit its event is looked for.
    window_ms: i64,
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
    let window_ms = i64::try_from(args.window.as_millis()).unwrap_or(i64::MAX / 4);
    if let Some(life) = tables::life(&mut connection, args.order_id, window_ms).await? {
        facts.extend(log::facts(&args.kafka, args.order_id, &life)?);
        facts.extend(files::receipts(&args.receipts, args.order_id, life.created_ms)?);
        facts.extend(files::notifications(&args.notifications, args.order_id)?);
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
