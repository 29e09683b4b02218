//! Servers that are not as they were: another log, a database that refuses, a topic
//! that takes nothing.

use contract::OrderId;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::world::{Running, World, body};

const SETTLED: &str = "select count(*)::text from orders where status <> 'RESERVED'";

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_the_one_that_was_read_stops_the_processor() {
    let mut world = World::new("witness").await;
    let processor = Running::start(&world.bed, &[]).await;
    world.stock("p-1", 100).await;
    let orders: Vec<_> = (0..8).map(|_| OrderId::mint()).collect();
    let mut places = Vec::new();
    for order_id in &orders {
        places.push((world.order(*order_id, &body("p-1", 1, "1")).await, order_id));
    }
    world.until("select count(*)::text from orders", "8").await;
    processor.stop().await;
    // As if the topic had been made anew and had grown since: at the place of the
    // newest order of its partition is another one.
    let ((partition, offset), order_id) = places[7];
    sqlx::query("update orders set order_id = $1 where order_id = $2")
        .bind(OrderId::mint().0)
        .bind(order_id.0)
        .execute(&mut world.books)
        .await
        .unwrap();
    let words = Running::start(&world.bed, &[]).await.last_words().await;
    let place = format!("{}/{partition} is not the log", world.bed.topics.orders);
    assert!(words.contains(&place) && words.contains(&format!("offset {offset} ")), "{words}");
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
