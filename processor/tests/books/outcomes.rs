//! What each kind of record leads to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contract::OrderId;
use sqlx::{Connection, PgConnection, Postgres, Transaction};
use testkit::{PaymentProvider, wait_until_named};

use super::world::{Running, SOON, World, body};

const STOCK: &str = "select string_agg(concat_ws(' ', sku, available, reserved, sold, received), ';' order by sku) from stock";
const METRICS: &str = "select string_agg(concat_ws(' ', metric_name, dimension, trim_scale(value)), ';' \
     order by metric_name, dimension) from sales_metrics";

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_moves_stock_money_metrics_and_tells_it_in_order() {
    let mut world = World::new("paid").await;
    let processor = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.stock("p-1", 10).await;
    let order_id = OrderId::mint();
    world.order(order_id, &body("p-1", 3, "9.95")).await;
    world.until_status(order_id, "PAID").await;
    assert_eq!(world.text(STOCK).await, "p-1 7 0 3 10");
    let payment = "select concat_ws(' ', status, amount_minor, currency) from payments";
    assert_eq!(world.text(payment).await, "CAPTURED 2985 EUR");
    assert_eq!(
        world.text(METRICS).await,
        "orders_by_status PAID 1;orders_per_minute 2026-11-21T08:46Z 1;orders_total  1;\
         revenue_per_minute EUR 2026-11-21T08:46Z 29.85;revenue_total EUR 29.85;top_products p-1 3"
    );
    world.until_published().await;
    assert_eq!(world.told(order_id).await, ["inventory.reserved.v1", "payment.completed.v1"]);

    world.ask(order_id, "order.shipped.v1", r#"{"carrier":"DHL"}"#).await;
    world.until_status(order_id, "SHIPPED").await;
    assert_eq!(world.text("select shipment ->> 'carrier' from orders").await, "DHL");
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sold_is_rejected_or_declined_and_stock_is_whole_again() {
    let mut world = World::new("unsold").await;
    let processor = Running::start(&world.bed, &["--payment-success", "0"]).await;
    world.stock("p-1", 5).await;
    let [short, unknown, declined] = [OrderId::mint(), OrderId::mint(), OrderId::mint()];
    world.order(short, &body("p-1", 6, "1")).await;
    world.order(unknown, &body("p-9", 1, "1")).await;
    world.order(declined, &body("p-1", 5, "1")).await;
    world.until_status(short, "REJECTED").await;
    world.until_status(unknown, "REJECTED").await;
    world.until_status(declined, "PAYMENT_FAILED").await;
    assert_eq!(world.text(STOCK).await, "p-1 5 0 0 5");
    let reason = format!("select reason::text from orders where order_id = '{unknown}'");
    assert_eq!(
        world.text(&reason).await,
        r#"{"code": "unknown_product", "available": 0, "productId": "p-9", "requested": 1}"#
    );
    world.until_published().await;
    assert_eq!(world.told(short).await, ["inventory.failed.v1"]);
    assert_eq!(world.told(declined).await, ["inventory.reserved.v1", "payment.failed.v1"]);
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_gives_stock_and_money_back_before_and_after_payment() {
    let mut world = World::new("cancel").await;
    let processor =
        Running::start(&world.bed, &["--payment-success", "1", "--payment-latency", "300ms"]).await;
    world.stock("p-1", 10).await;
    let [early, late] = [OrderId::mint(), OrderId::mint()];
    world.order(early, &body("p-1", 2, "5")).await;
    world.ask(early, "order.cancel_requested.v1", r#"{"reason":"changed my mind"}"#).await;
    world.order(late, &body("p-1", 3, "5")).await;
    world.until_status(late, "PAID").await;
    world.ask(late, "order.cancel_requested.v1", "{}").await;
    world.until_status(early, "CANCELLED").await;
    world.until_status(late, "CANCELLED").await;
    let payments = "select string_agg(concat_ws(' ', status, amount_minor), ';' order by amount_minor) from payments";
    world.until(payments, "REFUNDED 1000;REFUNDED 1500").await;
    assert_eq!(world.text(STOCK).await, "p-1 10 0 0 10");
    assert_eq!(
        world.text("select coalesce(sum(value), 0)::text from sales_metrics where metric_name = 'revenue_total'").await,
        "0"
    );
    world.until_published().await;
    assert_eq!(world.told(early).await, ["inventory.reserved.v1", "order.cancelled.v1"]);
    assert_eq!(
        world.told(late).await,
        ["inventory.reserved.v1", "payment.completed.v1", "order.cancelled.v1"]
    );
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_that_nobody_gives_stop_the_intake_until_somebody_does() {
    let mut world = World::new("refunds").await;
    let gives = Arc::new(AtomicBool::new(false));
    let given = gives.clone();
    let provider = PaymentProvider::start(move |question| match question {
        _ if question.starts_with("POST /charges") => ("200 OK", r#"{"status":"captured"}"#),
        _ if given.load(Ordering::SeqCst) => ("200 OK", ""),
        _ => ("422 Unprocessable Content", ""),
    })
    .await;
    let mut flags = vec!["--workers", "1", "--batch-max", "1", "--unsettled-max", "1"];
    flags.extend(["--payment-provider", "http", "--payment-url", provider.url()]);
    let processor = Running::start(&world.bed, &flags).await;
    world.stock("p-1", 10).await;
    let [first, next] = [OrderId::mint(), OrderId::mint()];
    world.order(first, &body("p-1", 1, "5")).await;
    world.until_status(first, "PAID").await;
    world.ask(first, "order.cancel_requested.v1", "{}").await;
    world.until_status(first, "CANCELLED").await;
    world.order(next, &body("p-1", 1, "5")).await;
    // Some hundred times what it takes when nothing stops it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.text("select count(*)::text from orders").await, "1");
    gives.store(true, Ordering::SeqCst);
    world.until_status(next, "PAID").await;
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dear_orders_add_up_to_more_than_a_bigint() {
    let mut world = World::new("dear").await;
    // As after nine thousand orders like the next one.
    let before = "insert into sales_metric_shards (metric_name, dimension, shard, value, digits) \
         select 'revenue_total', 'EUR', shard, 9223372036854775807, 2 from generate_series(0, 3) shard";
    sqlx::query(before).execute(&mut world.books).await.unwrap();
    let processor = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.stock("p-1", 10).await;
    let dear = OrderId::mint();
    world.order(dear, &body("p-1", 1, "9999999999999.99")).await;
    world.until_status(dear, "PAID").await;
    let revenue = "select value::text from sales_metrics where metric_name = 'revenue_total'";
    // 4 x 92,233,720,368,547,758.07 and what the order brought.
    world.until(revenue, "368944881474191032.27").await;
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_illegal_step_changes_nothing_and_is_recorded_with_its_reason() {
    let mut world = World::new("illegal").await;
    let processor = Running::start(&world.bed, &["--payment-success", "0"]).await;
    world.stock("p-1", 1).await;
    let [declined, nobody] = [OrderId::mint(), OrderId::mint()];
    world.order(declined, &body("p-1", 1, "1")).await;
    world.until_status(declined, "PAYMENT_FAILED").await;
    world.ask(declined, "order.shipped.v1", "{}").await;
    world.ask(declined, "order.cancel_requested.v1", "{}").await;
    world.ask(nobody, "order.shipped.v1", "{}").await;
    world.adjust("p-1", -2, "correction").await;
    let refused = "select string_agg(concat_ws(' ', event_type, reason), ';' order by event_type, reason) from refused_events";
    world
        .until(
            refused,
            "order.cancel_requested.v1 illegal_step;order.shipped.v1 illegal_step;\
             order.shipped.v1 unknown_order;stock.adjusted.v1 below_zero",
        )
        .await;
    world.until_status(declined, "PAYMENT_FAILED").await;
    assert_eq!(world.text(STOCK).await, "p-1 1 0 0 1");
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_counts_once_and_another_body_under_its_id_is_flagged() {
    let mut world = World::new("twice").await;
    let processor = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.stock("p-1", 10).await;
    let order_id = OrderId::mint();
    for _ in 0..5 {
        world.order(order_id, &body("p-1", 1, "1")).await;
    }
    world.order(order_id, &body("p-1", 2, "1")).await;
    world.until("select string_agg(reason, ';') from refused_events", "body_mismatch").await;
    world.until_status(order_id, "PAID").await;
    world.order(order_id, &body("p-1", 1, "1")).await;
    world.until("select sum(next_offset)::text from partition_progress", "8").await;
    assert_eq!(world.text(STOCK).await, "p-1 9 0 1 10");
    assert_eq!(world.text("select count(*)::text from orders").await, "1");
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_runs_low_is_announced_once() {
    let mut world = World::new("low").await;
    let processor = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.stock("p-1", 12).await;
    for quantity in [1, 2, 3] {
        let order_id = OrderId::mint();
        world.order(order_id, &body("p-1", quantity, "1")).await;
        world.until_status(order_id, "PAID").await;
    }
    world.until_published().await;
    let events = world.bed.read_all(&world.bed.topics.order_events).await;
    let low: Vec<_> = events.iter().filter(|event| event.key.as_deref() == Some(b"p-1")).collect();
    assert_eq!(low.len(), 1);
    assert_eq!(
        low[0].value.as_deref(),
        Some(&br#"{"productId":"p-1","available":9,"threshold":10}"#[..])
    );
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_beside_a_short_order_locks_all_shelves_in_one_order() {
    let mut world = World::new("crossed").await;
    let [answers, answered] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let (may_answer, has_answered) = (answers.clone(), answered.clone());
    let provider = PaymentProvider::start(move |_| match may_answer.load(Ordering::SeqCst) {
        true => {
            has_answered.store(true, Ordering::SeqCst);
            ("200 OK", r#"{"status":"captured"}"#)
        }
        false => ("503 Service Unavailable", ""),
    })
    .await;
    let flags = ["--workers", "1", "--payment-provider", "http", "--payment-url", provider.url()];
    let processor = Running::start(&world.bed, &flags).await;
    world.stock("p-1", 10).await;
    world.stock("p-5", 1).await;
    let paid = OrderId::mint();
    world.order(paid, &body("p-1", 1, "5")).await;
    world.until_status(paid, "RESERVED").await;

    let (mut first, mut last) = (world.bed.connect().await, world.bed.connect().await);
    let mut holds_first = holding(&mut first, "p-1").await;
    let holds_last = holding(&mut last, "p-5").await;
    // Refused on locked rows, so the next batch locks at once; it has the payment, too.
    world.order(OrderId::mint(), &body("p-5", 2, "5")).await;
    let waits = "select count(*)::text from pg_stat_activity \
         where datname = current_database() and wait_event_type = 'Lock'";
    world.until(waits, "1").await;
    answers.store(true, Ordering::SeqCst);
    world.order(OrderId::mint(), &body("p-5", 2, "5")).await;
    wait_until_named("the payment", SOON, async || answered.load(Ordering::SeqCst)).await;
    // For the answer's way to the worker, which waits meanwhile.
    tokio::time::sleep(Duration::from_millis(300)).await;
    holds_last.commit().await.unwrap();
    world.until("select count(*)::text from orders where status = 'REJECTED'", "1").await;
    world.until(waits, "1").await;
    let other = "select 1 from stock where sku = 'p-5' for update nowait";
    sqlx::query(other).execute(&mut *holds_first).await.expect("p-1 is waited for before p-5");
    holds_first.commit().await.unwrap();
    world.until_status(paid, "PAID").await;
    processor.stop().await;
}

/// A transaction that has this product's shelf.
async fn holding<'c>(connection: &'c mut PgConnection, sku: &str) -> Transaction<'c, Postgres> {
    let mut transaction = connection.begin().await.unwrap();
    let lock = "select 1 from stock where sku = $1 for no key update";
    sqlx::query(lock).bind(sku).execute(&mut *transaction).await.unwrap();
    transaction
}
