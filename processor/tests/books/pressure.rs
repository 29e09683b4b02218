//! What goes on while nothing more is taken in.

use contract::OrderId;
use testkit::PaymentProvider;

use super::world::{Running, World, body};

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_taken_over_while_the_payment_provider_is_away() {
    let mut world = World::new("pressure").await;
    let away = PaymentProvider::start(|_| ("503 Service Unavailable", "")).await;
    let mut flags = vec!["--workers", "1", "--batch-max", "1", "--unsettled-max", "1"];
    flags.extend(["--payment-provider", "http", "--payment-url", away.url()]);
    let processor = Running::start(&world.bed, &flags).await;
    world.stock("p-1", 100).await;
    // Enough for some of them in each partition.
    for _ in 0..20 {
        world.order(OrderId::mint(), &body("p-1", 1, "5")).await;
    }
    world.until("select count(*)::text from orders", "1").await;

    let epoch = "select max(epoch)::text from partition_progress";
    world.until(epoch, "1").await;
    let other = Running::start(&world.bed, &[]).await;
    world.until(epoch, "2").await;
    other.stop().await;
    world.until(epoch, "3").await;
    // As if the other one had not come to it.
    let left = "insert into outbox (topic, partition, events) \
         select topic, partition, \
                '[{\"specversion\":\"1.0\",\"id\":\"o-1/inventory.reserved\",\"type\":\"inventory.reserved.v1\",\
                   \"source\":\"/processor\",\"subject\":\"o-1\",\"time\":\"2026-11-21T08:00:00Z\",\"data\":{}}]' \
         from partition_progress where epoch = 3 limit 1";
    sqlx::query(left).execute(&mut world.books).await.unwrap();
    world.until_published().await;
    processor.stop().await;
}
