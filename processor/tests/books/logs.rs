//! Logs that reach far back.

use std::time::Duration;

use contract::OrderId;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::world::{Running, World};

/// Records in one partition without effects, but for the keys of some.
fn fill(world: &World, records: i64, key: impl Fn(i64) -> String) {
    let producer: BaseProducer = service::kafka::producer(&world.bed.brokers, "test")
        .set("queue.buffering.max.messages", "1000000")
        .create()
        .unwrap();
    for offset in 0..records {
        let key = key(offset);
        let record = BaseRecord::to(&world.bed.topics.orders).partition(0);
        producer.send(record.key(&key).payload("x")).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_wait_however_far_back_are_settled_by_the_next_owner() {
    let mut world = World::new("far-back").await;
    let offsets = [0, 99_999, 100_000, 200_000];
    let waiting = offsets.map(|offset| (offset, OrderId::mint()));
    fill(&world, 200_001, |offset| {
        let found = waiting.iter().find(|(waits, _)| *waits == offset);
        found.map(|(_, order_id)| order_id.to_string()).unwrap_or_default()
    });
    sqlx::raw_sql(
        "insert into stock (sku, available, reserved, received) values ('p-1', 0, 4, 4); \
         insert into orders (order_id, customer_id, status, currency, total_minor, lines, \
                             source_partition, source_offset, created_at, updated_at) \
         select gen_random_uuid(), 'c-1', 'SHIPPED', 'EUR', 100, '[]', 0, n, now(), now() \
         from generate_series(1, 199999) n where n not in (99999, 100000)",
    )
    .execute(&mut world.books)
    .await
    .unwrap();
    for (offset, order_id) in waiting {
        sqlx::query(
            "insert into orders (order_id, customer_id, status, currency, total_minor, lines, \
                                 source_partition, source_offset, created_at, updated_at) \
             values ($1, 'c-1', 'RESERVED', 'EUR', 100, \
                     '[{\"sku\":\"p-1\",\"quantity\":1,\"price_minor\":100}]', 0, $2, now(), now())",
        )
        .bind(order_id.0)
        .bind(offset)
        .execute(&mut world.books)
        .await
        .unwrap();
    }
    sqlx::query(
        "insert into partition_progress (topic, partition, next_offset) values ($1, 0, 200001)",
    )
    .bind(&world.bed.topics.orders)
    .execute(&mut world.books)
    .await
    .unwrap();
    let processor = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.until("select count(*)::text from orders where status = 'PAID'", "4").await;
    processor.stop().await;
}
