//! Hostile records, and processors that come and go.

use std::time::Duration;

use contract::OrderId;
use processor::consume::probe::{Found, look};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use testkit::wait_until_named;

use super::world::{Running, World, body, headers};

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_record_ends_in_the_dead_letters_once_and_the_partition_goes_on() {
    let mut world = World::new("hostile").await;
    let processor = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.stock("p-1", 10).await;
    let (bed, topic) = (&world.bed, world.bed.topics.orders.clone());
    let id = OrderId::mint().to_string();
    let key = id.as_bytes();
    let good = body("p-1", 1, "1");
    let created = headers(&id, "order.created.v1");
    let big = vec![b'x'; 990_000];
    bed.produce_to((&topic, 0), Some(key), None, &created).await;
    bed.produce_to((&topic, 0), Some(key), Some(&big), &created).await;
    bed.produce_to((&topic, 0), Some(key), Some(b"\xff\xfe"), &created).await;
    bed.produce_to((&topic, 0), Some(b"\xff"), Some(good.as_bytes()), &created).await;
    bed.produce_to((&topic, 0), None, Some(good.as_bytes()), &[]).await;
    bed.produce_to(
        (&topic, 0),
        Some(key),
        Some(good.as_bytes()),
        &headers(&id, "order.created.v9"),
    )
    .await;
    let nul = good.replace("c-1", "c\\u0000");
    bed.produce_to((&topic, 0), Some(key), Some(nul.as_bytes()), &created).await;
    bed.produce_to((&topic, 0), Some(key), Some(good.as_bytes()), &created).await;
    world.until_status(OrderId::parse(&id).unwrap(), "PAID").await;
    world
        .until(
            "select string_agg(code, ' ' order by \"offset\") from dead_letters where published_at is not null",
            "no_value too_large invalid_body bad_key bad_header unknown_type invalid_body",
        )
        .await;
    let dead = world.bed.read_all(&world.bed.topics.dlq).await;
    assert_eq!(dead.len(), 7);
    assert_eq!(dead[1].value.as_deref(), Some(&big[..]));
    assert_eq!(dead[2].key.as_deref(), Some(key));
    assert!(dead[2].headers.contains(&("ce_type".to_owned(), b"order.created.v1".to_vec())));
    assert!(dead[2].headers.contains(&("x-dlq-error-code".to_owned(), b"invalid_body".to_vec())));
    processor.stop().await;
}

/// The schema refuses what the code does not know about.
async fn refuse_customer_13(world: &mut World) {
    sqlx::query("alter table orders add constraint odd check (customer_id <> 'c-13')")
        .execute(&mut world.books)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_that_postgresql_refuses_costs_one_dead_letter_and_no_neighbour() {
    let mut world = World::new("bisect").await;
    refuse_customer_13(&mut world).await;
    for n in 0..100 {
        let order = body("p-1", 1, "1").replace("c-1", &format!("c-{n}"));
        world.order(OrderId::mint(), &order).await;
    }
    let processor = Running::start(&world.bed, &["--commit-interval", "100ms"]).await;
    world.until("select count(*)::text from orders", "99").await;
    world.until("select string_agg(code, ' ') from dead_letters", "refused_by_database").await;
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_that_rides_with_a_refused_record_is_not_lost() {
    let mut world = World::new("riders").await;
    refuse_customer_13(&mut world).await;
    // The answer is there long before the next commit, which takes the refused record.
    let flags = ["--commit-interval", "1s", "--workers", "1", "--payment-success", "1"];
    let processor = Running::start(&world.bed, &flags).await;
    world.stock("p-1", 10).await;
    let order_id = OrderId::mint();
    world.order(order_id, &body("p-1", 1, "1")).await;
    world.until_status(order_id, "RESERVED").await;
    world.order(OrderId::mint(), &body("p-1", 1, "1").replace("c-1", "c-13")).await;
    world.until("select string_agg(code, ' ') from dead_letters", "refused_by_database").await;
    world.until_status(order_id, "PAID").await;
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_no_record_can_hold_goes_without_its_value() {
    let mut world = World::new("huge").await;
    let topic = world.bed.topics.orders.clone();
    // The broker looks at what is left after compression.
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &world.bed.brokers)
        .set("compression.type", "lz4")
        .set("message.max.bytes", "8000000")
        .create()
        .unwrap();
    let huge = vec![b'x'; 3_000_000];
    let record: BaseRecord<'_, [u8], [u8]> =
        BaseRecord::to(&topic).partition(0).key(&b"k"[..]).payload(&huge);
    producer.send(record).unwrap();
    producer.flush(Duration::from_secs(10)).unwrap();
    let processor = Running::start(&world.bed, &[]).await;
    let published = "select count(*)::text from dead_letters where published_at is not null";
    world.until(published, "1").await;
    let dead = world.bed.read_all(&world.bed.topics.dlq).await;
    assert_eq!((dead.len(), dead[0].value.as_deref()), (1, None));
    let code = world.text("select code from dead_letters").await.into_bytes();
    assert!(dead[0].headers.contains(&("x-dlq-error-code".to_owned(), code)));
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_marker_of_a_transaction_is_no_record_to_wait_for() {
    let world = World::new("markers").await;
    let topic = world.bed.topics.orders.clone();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &world.bed.brokers)
        .set("transactional.id", &topic)
        .create()
        .unwrap();
    let soon = Duration::from_secs(20);
    producer.init_transactions(soon).unwrap();
    producer.begin_transaction().unwrap();
    let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&topic).partition(0).payload(&b"x"[..]);
    producer.send(record).unwrap();
    producer.commit_transaction(soon).unwrap();
    let brokers = &world.bed.brokers;
    // The broker writes the marker a moment after it has answered.
    let committed = async || look(brokers, &topic, 0, 0) == Found::Record;
    wait_until_named("the record of the transaction", soon, committed).await;
    // The log ends at offset 2; the marker is at 1.
    assert_eq!(look(brokers, &topic, 0, 1), Found::Nothing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unreadable_records_stops_the_process_and_stays_in_the_log() {
    let mut world = World::new("flood").await;
    let topic = world.bed.topics.orders.clone();
    for _ in 0..40 {
        world.bed.produce_to((&topic, 0), None, Some(b"broken"), &[]).await;
    }
    let flags = ["--dead-letter-limit", "20", "--batch-max", "10"];
    let said = Running::start(&world.bed, &flags).await.last_words().await;
    assert!(said.contains("records are unreadable"), "{said}");
    // The batch that went over the limit is not committed.
    assert_eq!(world.text("select (count(*) < 20)::text from dead_letters").await, "true");
    let processor = Running::start(&world.bed, &["--dead-letter-limit", "0"]).await;
    world.until("select count(*)::text from dead_letters", "40").await;
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processors_come_and_go_and_every_order_has_one_outcome() {
    let mut world = World::new("members").await;
    let first = Running::start(&world.bed, &["--payment-latency", "50ms"]).await;
    world.stock("p-1", 1_000_000).await;
    let orders = async |world: &World| {
        for _ in 0..150 {
            world.order(OrderId::mint(), &body("p-1", 1, "1")).await;
        }
    };
    orders(&world).await;
    let second = Running::start(&world.bed, &["--payment-latency", "50ms"]).await;
    orders(&world).await;
    first.stop().await;
    orders(&world).await;
    let third = Running::start(&world.bed, &["--payment-latency", "50ms"]).await;
    orders(&world).await;
    second.stop().await;
    world
        .until(
            "select count(*)::text from orders where status in ('PAID', 'PAYMENT_FAILED')",
            "600",
        )
        .await;
    assert_eq!(
        world.text("select concat_ws(' ', available + sold, reserved, received) from stock").await,
        "1000000 0 1000000"
    );
    assert_eq!(
        world.text("select sum(value)::text from sales_metric_shards where metric_name = 'orders_total'").await,
        "600"
    );
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_processor_hands_its_partitions_over_at_once() {
    let mut world = World::new("leave").await;
    let claims = "select sum(epoch)::text from partition_progress";
    let flags = ["--payment-latency", "300ms", "--payment-success", "1"];
    let first = Running::start(&world.bed, &flags).await;
    world.stock("p-1", 100).await;
    world.until(claims, "6").await;
    let second = Running::start(&world.bed, &flags).await;
    world.until(claims, "9").await;
    for _ in 0..20 {
        world.order(OrderId::mint(), &body("p-1", 1, "1")).await;
    }
    world.until("select (count(*) > 0)::text from orders where status = 'RESERVED'", "true").await;
    let handover = async {
        first.stop().await;
        world.until(claims, "12").await;
    };
    // A third of the time that a session takes to run out, half of that a drain may take.
    tokio::time::timeout(Duration::from_secs(5), handover).await.expect("no handover");
    world.until("select count(*)::text from orders where status = 'PAID'", "20").await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_that_cannot_claim_waits_and_stops_when_it_is_told_to() {
    let mut world = World::new("claimless").await;
    // Nothing listens there.
    world.bed.database_url = "postgres://postgres:postgres@127.0.0.1:1/orders".to_owned();
    let processor = Running::start(&world.bed, &[]).await;
    processor.until_unready("claim").await;
    let stopped = tokio::time::timeout(Duration::from_secs(5), processor.stop());
    stopped.await.expect("a stop waits for a claim");
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_left_reserved_are_settled_by_the_next_owner() {
    let mut world = World::new("resume").await;
    let slow = ["--payment-latency", "1h", "--payment-deadline", "1h", "--drain-deadline", "50ms"];
    let first = Running::start(&world.bed, &slow).await;
    world.stock("p-1", 100).await;
    for _ in 0..20 {
        world.order(OrderId::mint(), &body("p-1", 1, "1")).await;
    }
    world.until("select count(*)::text from orders where status = 'RESERVED'", "20").await;
    first.stop().await;
    let second = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.until("select count(*)::text from orders where status = 'PAID'", "20").await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_whose_epoch_is_over_changes_nothing() {
    let mut world = World::new("zombie").await;
    let processor = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.stock("p-1", 10).await;
    let epochs = "select count(*)::text from partition_progress where topic like '%orders%'";
    world.until(epochs, "4").await;
    // Another owner claims everything behind its back.
    sqlx::query("update partition_progress set epoch = epoch + 1")
        .execute(&mut world.books)
        .await
        .unwrap();
    let before = world.text("select sum(next_offset)::text from partition_progress").await;
    let refused =
        "select (xact_rollback > 0)::text from pg_stat_database where datname = current_database()";
    assert_eq!(world.text(refused).await, "false");
    world.order(OrderId::mint(), &body("p-1", 1, "1")).await;
    world.until(refused, "true").await;
    processor.stop().await;
    assert_eq!(world.text("select count(*)::text from orders").await, "0");
    assert_eq!(world.text("select sum(next_offset)::text from partition_progress").await, before);
}
