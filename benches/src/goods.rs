//! Goods and orders for a run: loadgen's own library, straight onto the topics.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use contract::topic::Topics;
use loadgen::order_mix::Mix;
use loadgen::schedule::Extent;
use loadgen::{Config, Mode};
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::bed::{Bed, wait_until};

/// Pieces of each product: no benchmark runs out of goods.
const PIECES: u32 = 1_000_000_000;
/// Seed of all orders, so that every run has the same.
pub const SEED: u64 = 1;
const STOCKED_DEADLINE: Duration = Duration::from_secs(60);

/// Stocks every product in the stack's own database, as the processor does it,
/// and leaves nobody connected to it.
///
/// # Errors
/// The broker, the database or the processor fails.
pub async fn stock(bed: &Bed) -> anyhow::Result<()> {
    let config = Config { stock: PIECES, ..direct(bed, 0) };
    loadgen::run(config, CancellationToken::new()).await.context("cannot restock")?;
    let mut processor = bed.serve("processor", &["run"], &bed.env(&[])).await?;
    let mut connection = PgConnection::connect(bed.stack.database_url()).await?;
    let products = i64::from(Mix::default().products);
    let stocked = async || {
        let shelves: i64 =
            sqlx::query_scalar("select count(*) from stock").fetch_one(&mut connection).await?;
        Ok(shelves == products)
    };
    wait_until("stocking", (Duration::from_millis(50), STOCKED_DEADLINE), stocked).await?;
    connection.close().await?;
    Ok(processor.stop().await?)
}

/// Puts orders on the orders topic; their receipts go to a file.
///
/// # Errors
/// Not every order was acknowledged.
pub async fn fill(bed: &Bed, orders: u64, receipts: PathBuf) -> anyhow::Result<()> {
    let config = Config { receipts: Some(receipts), ..direct(bed, orders) };
    let report = loadgen::run(config, CancellationToken::new()).await.context("cannot fill")?;
    let acknowledged = report.acknowledged;
    ensure!(acknowledged == orders, "only {acknowledged} of {orders} orders are in the log");
    Ok(())
}

fn direct(bed: &Bed, orders: u64) -> Config {
    Config {
        mode: Mode::Direct,
        rate: None,
        extent: Extent::Orders(orders),
        seed: SEED,
        brokers: bed.stack.brokers().to_owned(),
        topics: topics(),
        ..Config::default()
    }
}

/// The topics under their names in the environment.
pub fn topics() -> Topics {
    Topics {
        orders: stack::env::value("ORDERS_TOPIC"),
        stock: stack::env::value("STOCK_TOPIC"),
        order_events: stack::env::value("ORDER_EVENTS_TOPIC"),
        dlq: stack::env::value("DLQ_TOPIC"),
    }
}
