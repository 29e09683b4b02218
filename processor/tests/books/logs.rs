//! Logs that reach far back, or no longer do.

use std::time::Duration;

use contract::OrderId;
use processor::consume::probe::{Log, compare};
use processor::lane::Witness;
use rdkafka::admin::AdminOptions;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use super::world::{Running, World, body};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_records_are_all_gone_by_age_is_the_one_that_was_read() {
    let world = World::new("expired").await;
    let topic = &world.bed.topics.orders;
    let place = (&**topic, 0);
    for _ in 0..2 {
        world.bed.produce_to(place, Some(b"k"), Some(b"x"), &[]).await;
    }
    let witness = |offset| Witness { offset, event_id: OrderId::mint().0 };
    let log = |offset| compare(&world.bed.brokers, topic, 0, &witness(offset));
    assert_eq!(log(1), Log::Another);
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(topic, 0, Offset::End).unwrap();
    world.admin().delete_records(&all, &AdminOptions::new()).await.unwrap();
    assert_eq!(log(1), Log::Known);
    assert_eq!(log(2), Log::Silent, "nothing was ever there");
}

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

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_read_again_from_its_start_changes_nothing() {
    let mut world = World::new("again").await;
    let processor = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.stock("p-1", 10).await;
    let order_id = OrderId::mint();
    world.order(order_id, &body("p-1", 2, "1")).await;
    world.until_status(order_id, "PAID").await;
    world.ask(OrderId::mint(), "order.shipped.v1", "{}").await;
    world.send(order_id, "order.created.v1", order_id, &body("p-1", 3, "1")).await;
    world.send(order_id, "order.unheard_of.v1", OrderId::mint(), "{}").await;
    let end = "select sum(next_offset)::text from partition_progress";
    world.until(end, "5").await;
    processor.stop().await;
    let books = "select concat_ws('; ', \
         (select string_agg(concat_ws(' ', status, available, reserved, sold), ', ') from orders, stock), \
         (select string_agg(reason, ', ' order by reason) from refused_events), \
         (select string_agg(code, ', ') from dead_letters))";
    let before = world.text(books).await;
    assert_eq!(before, "PAID 8 0 2; body_mismatch, unknown_order; unknown_type");

    let back = "update partition_progress set next_offset = 0, resume_offset = 0";
    sqlx::query(back).execute(&mut world.books).await.unwrap();
    let processor = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.until(end, "5").await;
    processor.stop().await;
    assert_eq!(world.text(books).await, before);
}
