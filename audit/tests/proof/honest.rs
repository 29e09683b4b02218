//! A world without faults is clean, and the program says so.

use audit::{Args, Command, Receipts, Verdict};
use clap::Parser;

use crate::world::{World, id};

#[tokio::test]
async fn an_honest_world_is_clean() {
    let world = World::honest("audit-honest").await;
    let report = audit::run(&world.config()).await;
    assert_eq!(report.broken(), [""; 0], "{report}");
    assert_eq!(report.verdict, Verdict::Clean, "{report}");
    assert_eq!((report.read.orders, report.read.stock), (23, 5));
    assert_eq!((report.read.receipts, report.read.order_events), (19, 22));
    assert_eq!((report.read.dead_letters, report.read.order_rows), (5, 10));

    let blind = audit::Config { receipts: Receipts::NotGiven, ..world.config() };
    let report = audit::run(&blind).await;
    assert_eq!(report.verdict, Verdict::Clean);
    assert!(report.verdict_line().ends_with("2 not judged: no receipts"));
}

#[tokio::test]
async fn the_life_of_an_order_is_told_with_its_evidence() {
    let world = World::honest("audit-explain").await;
    // The world is made in a moment, with times of long ago.
    let life = explain(&world, &id(1), "9000d").await.unwrap();
    for (place, words) in [
        ("table orders", "from record"),
        ("table processed_events", "processed under epoch"),
        ("stock ", "reserved: "),
        ("stock ", "sold: "),
        ("receipt ", "accepted as record"),
        ("told.jsonl:2", "notified of payment.completed.v1"),
        ("table payments", "CAPTURED"),
        (world.bed.topics.orders.as_str(), "order.created.v1"),
        (world.bed.topics.order_events.as_str(), "inventory.reserved.v1"),
        (world.bed.topics.order_events.as_str(), "payment.completed.v1"),
    ] {
        let found = life.lines().any(|line| line.contains(place) && line.contains(words));
        assert!(found, "{place} {words} is missing in\n{life}");
    }
    assert!(!life.contains(&id(2)), "{life}");
    let unknown = explain(&world, &id(999), "5s").await.unwrap_err().to_string();
    assert!(unknown.starts_with("the tables know nothing of order"), "{unknown}");
}

#[tokio::test]
async fn the_moves_of_stock_are_told_of_old_orders_and_of_sales_given_back() {
    let world = World::honest("audit-moves").await;
    let (paid, refunded) = (id(1), id(5));
    let mut connection = world.bed.connect().await;
    for sql in [
        format!("delete from processed_events where event_id = '{paid}'"),
        format!("update payments set decided_at = '2020-01-01' where order_id = '{refunded}'"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
    for (order, moves) in
        [(&paid, &["reserved", "sold"][..]), (&refunded, &["reserved", "sold", "given back"])]
    {
        let life = explain(&world, order, "9000d").await.unwrap();
        for of_stock in moves {
            let words = format!("{of_stock}: ");
            assert!(life.contains(&words), "{words} is missing in\n{life}");
        }
    }
}

#[tokio::test]
async fn every_event_of_one_commit_is_told() {
    let world = World::honest("audit-one-commit").await;
    let refunded = id(5);
    let mut connection = world.bed.connect().await;
    let at = "timestamptz '2026-11-21 08:49:00Z'";
    for sql in [
        format!("update orders set updated_at = {at} where order_id = '{refunded}'"),
        format!("update processed_events set processed_at = {at} where event_id = '{refunded}'"),
        format!(
            "update payments set decided_at = {at}, updated_at = {at} where order_id = '{refunded}'"
        ),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
    let life = explain(&world, &refunded, "9000d").await.unwrap();
    for kind in ["inventory.reserved.v1", "payment.completed.v1", "order.cancelled.v1"] {
        let told = format!(" {kind} {refunded}/");
        assert!(life.contains(&told), "{told} is missing in\n{life}");
    }
}

async fn explain(world: &World, order_id: &str, window: &str) -> anyhow::Result<String> {
    let topics = &world.bed.topics;
    let receipts = world.receipts("explain", &world.receipt_lines());
    let told = receipts.with_file_name("told.jsonl");
    let line = |id: &str, kind| {
        format!(r#"{{"id":"{id}/x","type":"{kind}","time":"2026-11-21T08:00:00Z","data":{{}}}}"#)
    };
    let lines = [line(&id(2), "inventory.reserved.v1"), line(&id(1), "payment.completed.v1")];
    std::fs::write(&told, lines.join("\n")).unwrap();
    let words = ["audit", "explain", order_id, "--window", window]
        .into_iter()
        .chain(["--receipts", receipts.to_str().unwrap()])
        .chain(["--notifications", told.to_str().unwrap()])
        .chain(["--brokers", &world.bed.brokers, "--database-url", &world.bed.database_url])
        .chain(["--orders-topic", &topics.orders, "--order-events-topic", &topics.order_events]);
    let Some(Command::Explain(args)) = Args::try_parse_from(words).unwrap().command else {
        panic!("not understood");
    };
    audit::explain::run(&args).await
}
