//! Servers that are not as they were: another log, a database that refuses, a topic
//! that takes nothing.

use contract::OrderId;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::world::{Running, World, body};

const SETTLED: &str = "select count(*)::text from orders where status <> 'RESERVED'";

#[tokio::test(flavor = "multi_thread")]
async fn orders_made_anew_that_outgrew_the_old_place_stop_the_processor() {
    let mut world = World::new("witness").await;
    let processor = Running::start(&world.bed, &[]).await;
    world.stock("p-1", 100).await;
    let place = world.order(OrderId::mint(), &body("p-1", 1, "1")).await;
    world.until(SETTLED, "1").await;
    // A record that nobody can read is not what its log is known by.
    let orders = world.bed.topics.orders.clone();
    world.bed.produce_to((&orders, place.0), Some(b"k"), Some(b"x"), &[]).await;
    world.until("select count(*)::text from dead_letters", "1").await;
    processor.stop().await;

    world.bed.remake(&orders, 4).await;
    for _ in 0..3 {
        world.bed.produce_to((&orders, place.0), Some(b"k"), Some(b"x"), &[]).await;
    }
    stops_at(&world, &orders, place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_made_anew_that_outgrew_the_old_place_stops_the_processor() {
    let mut world = World::new("witness-stock").await;
    let processor = Running::start(&world.bed, &[]).await;
    let place = world.adjust("p-1", 100, "restock").await;
    world.until("select max(available)::text from stock", "100").await;
    processor.stop().await;

    let stock = world.bed.topics.stock.clone();
    world.bed.remake(&stock, 2).await;
    for quantity in 1..4 {
        world.adjust("p-1", quantity, "restock").await;
    }
    stops_at(&world, &stock, place).await;
}

/// Twice: a first start must not make the new log's records those it is known by.
async fn stops_at(world: &World, topic: &str, (partition, offset): (i32, i64)) {
    let place = format!("{topic}/{partition} is not the log");
    for _start in 0..2 {
        let words = Running::start(&world.bed, &[]).await.last_words().await;
        assert!(words.contains(&place) && words.contains(&format!("offset {offset} ")), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_for_a_while_is_waited_for() {
    let mut world = World::new("refusal").await;
    let processor = Running::start(&world.bed, &[]).await;
    world.stock("p-1", 100).await;
    let (first, second) = (OrderId::mint(), OrderId::mint());
    world.order(first, &body("p-1", 1, "1")).await;
    world.until(SETTLED, "1").await;

    let url = world.bed.database_url.split('?').next().unwrap();
    let (server, name) = url.rsplit_once('/').unwrap();
    let mut outside = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    let away = format!("{name}_away");
    let end = format!(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}'"
    );
    let allow = |name: &str, how| format!("alter database \"{name}\" allow_connections {how}");
    let rename = |from: &str, to: &str| format!("alter database \"{from}\" rename to \"{to}\"");
    // First it takes no connections, then it is not there at all.
    for statement in [allow(name, false), end, rename(name, &away)] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut outside).await.unwrap();
    }
    processor.until_unready("postgres").await;
    world.order(second, &body("p-1", 1, "1")).await;
    processor.until_problem("does not exist").await;
    for statement in [rename(&away, name), allow(name, true)] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut outside).await.unwrap();
    }
    world.books = world.bed.connect().await;
    world.until(SETTLED, "2").await;
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_takes_no_events_is_named_until_it_does() {
    let mut world = World::new("refused-events").await;
    let processor = Running::start(&world.bed, &[]).await;
    world.stock("p-1", 100).await;
    world.limit_events("100").await;
    world.order(OrderId::mint(), &body("p-1", 1, "1")).await;
    processor.until_unready("publish").await;
    processor.until_problem(&world.bed.topics.order_events).await;
    world.limit_events("1048588").await;
    world.until_published().await;
    processor.until_ready().await;
    processor.stop().await;
}
