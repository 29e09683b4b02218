//! What nobody but a person can mend: the processor ends, and says what it was.

use contract::OrderId;

use super::world::{Running, World, body};

#[tokio::test(flavor = "multi_thread")]
async fn progress_that_somebody_else_moved_ends_the_process_with_the_reason() {
    let mut world = World::new("moved").await;
    let processor = Running::start(&world.bed, &[]).await;
    world.stock("p-1", 10).await;
    let epochs = "select count(*)::text from partition_progress where topic like '%orders%'";
    world.until(epochs, "4").await;
    let moved = "update partition_progress set next_offset = 5 where topic like '%orders%'";
    sqlx::query(moved).execute(&mut world.books).await.unwrap();
    let (partition, _) = world.order(OrderId::mint(), &body("p-1", 1, "1")).await;
    let words = processor.last_words().await;
    assert!(words.contains("partition_progress.next_offset is beyond"), "{words}");
    assert!(words.contains(&format!("orders/{partition} at 0")), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_later_version_in_the_outbox_ends_the_process_with_the_reason() {
    let mut world = World::new("later").await;
    let event = r#"[{"id":"1","type":"order.praised.v1","subject":"s","time":"t","data":{}}]"#;
    let topic = world.bed.topics.orders.clone();
    sqlx::query("insert into outbox (topic, partition, events) values ($1, 0, $2)")
        .bind(&topic)
        .bind(event)
        .execute(&mut world.books)
        .await
        .unwrap();
    let words = Running::start(&world.bed, &[]).await.last_words().await;
    let why = "outbox row 1: this version knows no event type order.praised.v1";
    assert!(words.contains("cannot read the books") && words.contains(why), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_that_postgresql_refuses_ends_the_process_with_its_order() {
    let mut world = World::new("unsettled").await;
    let odd = "alter table payments add constraint odd check (amount_minor <> 13)";
    sqlx::query(odd).execute(&mut world.books).await.unwrap();
    let processor = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.stock("p-1", 10).await;
    let order_id = OrderId::mint();
    world.order(order_id, &body("p-1", 1, "0.13")).await;
    let words = processor.last_words().await;
    let why = format!("SQLSTATE 23514, Failing row contains ({order_id}, ");
    assert!(words.contains(&why), "{words}");
    assert!(words.contains(&format!("; 1 settlements, of orders {order_id}: ")), "{words}");
}
