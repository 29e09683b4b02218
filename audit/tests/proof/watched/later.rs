//! What is asked of orders that the watch has proved and forgotten, and what it
//! keeps in memory. Also a watch that begins in the middle.

use std::time::Duration;

use audit::watch::Watch;
use audit::{Begin, Config};
use testkit::Bed;

use super::{before_with, before_within, config, level, open_from, tell};
use crate::world::{self, World, hash, id};

/// A watch that has proved all orders, told of all, and forgotten them.
async fn forgotten(world: &World, copy: &mut world::Copy, patience: Duration) -> (Watch, Bed) {
    let (mut watch, told) = before_within(world, copy, patience).await;
    watch.keep(0);
    copy.spoil("").await;
    tell(world, &told).await;
    level(&mut watch).await;
    (watch, told)
}

/// A cancellation of order 8, a repetition of order 1 and one of order 9 with
/// another body: written after all orders were proved and forgotten.
async fn ask_again(world: &World) -> [(i32, i64); 3] {
    let at = "2026-11-21T08:50:00Z";
    let orders = &world.bed.topics.orders;
    let body = world.put["paid"].value.clone().unwrap();
    let other = world.put["one product twice"].value.clone().unwrap();
    let other = String::from_utf8(other).unwrap().replace("c-1", "c-9");
    let (cancel, first, ninth, eighth) = (id(150), id(1), id(9), id(8));
    let cancelled = world::headers(&cancel, "order.cancel_requested.v1", at);
    let again = world::headers(&first, "order.created.v1", at);
    let otherwise = world::headers(&ninth, "order.created.v1", at);
    let bed = &world.bed;
    [
        bed.produce(orders, Some(eighth.as_bytes()), Some(b"{}"), &cancelled).await,
        bed.produce(orders, Some(first.as_bytes()), Some(&body), &again).await,
        bed.produce(orders, Some(ninth.as_bytes()), Some(other.as_bytes()), &otherwise).await,
    ]
}

/// What the processor would have done then.
fn done(world: &World, places: &[(i32, i64); 3], restocked: bool) -> String {
    let (orders, hash) = (&world.bed.topics.orders, hash(b"{}"));
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let [(cancel_lane, cancel_at), _, (other_lane, other_at)] = places;
    let (cancel, eighth, ninth) = (id(150), id(8), id(9));
    let back = if restocked { 10 } else { 0 };
    let progress = places.iter().map(|(lane, at)| {
        format!(
            "update partition_progress set next_offset = greatest(next_offset, {at} + 1) \
             where topic = '{orders}' and partition = {lane};"
        )
    });
    format!(
        "insert into processed_events values ('{cancel}', '{orders}', {cancel_lane}, {cancel_at}, \
             9, '\\x{hex}', now());
         insert into refused_events values ('{orders}', {other_lane}, {other_at}, '{ninth}', \
             'order.created.v1', '{ninth}', 'body_mismatch');
         update partition_progress set epoch = 9;
         update orders set status = 'CANCELLED', reason = '{{\"code\":\"requested\"}}' \
             where order_id = '{eighth}';
         update payments set status = 'REFUNDED' where order_id = '{eighth}';
         update stock set sold = sold - {back}, available = available + {back} where sku = 'p-1';
         update sales_metric_shards set value = value - 1 \
             where dimension = 'PAID' and shard = 0;
         update sales_metric_shards set value = value + 1 \
             where dimension in ('CANCELLED', 'requested');
         delete from sales_metric_shards where dimension like 'JPY%';
         {}",
        progress.collect::<String>()
    )
}

async fn tell_cancelled(world: &World, told: &Bed) {
    let event = world::events().into_iter().find(|event| event.id.ends_with("05/order.cancelled"));
    let mut event = event.unwrap();
    (event.id, event.subject) = (format!("{}/order.cancelled", id(8)), id(8));
    event.data = format!(
        r#"{{"orderId":"{}","customerId":"c-1","refund":{{"totalPrice":1000,"currency":"JPY"}}}}"#,
        id(8)
    );
    // And what had been told is told again.
    let paid = world::events().into_iter().find(|event| event.id.ends_with("01/payment.completed"));
    world.write_told(&told.topics.order_events, &[event, paid.unwrap()]).await;
}

#[tokio::test]
async fn what_is_asked_of_forgotten_orders_is_judged_by_their_rows() {
    let world = World::honest("audit-watch-later").await;
    let mut copy = world.copy().await;
    let (mut watch, told) = forgotten(&world, &mut copy, Duration::ZERO).await;
    assert_eq!(watch.standing().proved_orders, 10);
    // Two arrivals of stock are remembered by time.
    assert!(watch.books().retained() <= 5, "{}", watch.books().retained());
    let places = ask_again(&world).await;
    copy.spoil(&done(&world, &places, true)).await;
    tell_cancelled(&world, &told).await;
    level(&mut watch).await;
    let report = watch.report(1.0);
    assert_eq!(report.broken(), [""; 0], "{report}");
    assert_eq!(watch.standing().proved_records, 31, "{:?}", watch.standing());
}

/// A cancellation of order 5, which had been paid back long before, and how the
/// processor would have refused it.
async fn refuse_cancellation(world: &World) -> String {
    let (orders, fifth, cancel) = (&world.bed.topics.orders, id(5), id(151));
    let headers = world::headers(&cancel, "order.cancel_requested.v1", "2026-11-21T08:51:00Z");
    let (lane, at) = world.bed.produce(orders, Some(fifth.as_bytes()), Some(b"{}"), &headers).await;
    let hex: String = hash(b"{}").iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "insert into processed_events values ('{cancel}', '{orders}', {lane}, {at}, 9, \
             '\\x{hex}', now());
         insert into refused_events values ('{orders}', {lane}, {at}, '{cancel}', \
             'order.cancel_requested.v1', '{fifth}', 'illegal_step');
         update partition_progress set next_offset = greatest(next_offset, {at} + 1) \
             where topic = '{orders}' and partition = {lane};"
    )
}

#[tokio::test]
async fn of_a_forgotten_order_only_what_is_new_is_waited_for() {
    let world = World::honest("audit-watch-waits").await;
    let mut copy = world.copy().await;
    let (mut watch, _told) = forgotten(&world, &mut copy, Duration::ZERO).await;
    let refused = refuse_cancellation(&world).await;
    copy.spoil(&refused).await;
    level(&mut watch).await;
    assert_eq!(watch.report(1.0).broken(), [""; 0], "{}", watch.report(1.0));
    // Order 8 is cancelled, and nobody is told.
    let places = ask_again(&world).await;
    copy.spoil(&format!("{refused} {}", done(&world, &places, true))).await;
    level(&mut watch).await;
    let report = watch.report(1.0);
    assert_eq!(report.broken(), ["event-missing"], "{report}");
    assert!(report.to_string().contains(&format!("{}/order.cancelled", id(8))), "{report}");
}

#[tokio::test]
async fn an_order_outlives_its_trace() {
    let world = World::honest("audit-watch-outlives").await;
    let mut copy = world.copy().await;
    let (mut watch, told) = forgotten(&world, &mut copy, Duration::from_secs(3600)).await;
    let places = ask_again(&world).await;
    let old = format!("delete from processed_events where event_id = '{}'", id(8));
    copy.spoil(&format!("{} {old}", done(&world, &places, true))).await;
    // Nobody was told yet: the order is open, and holds back what comes after.
    level(&mut watch).await;
    assert_eq!(watch.report(1.0).broken(), [""; 0], "{}", watch.report(1.0));
    let standing = watch.standing();
    assert_eq!((standing.late, standing.proved_records), (1, 29), "{standing:?}");
    assert!(standing.lag_seconds < 60.0, "{standing:?}");
    tell_cancelled(&world, &told).await;
    level(&mut watch).await;
    assert_eq!(watch.report(1.0).broken(), [""; 0], "{}", watch.report(1.0));
    assert_eq!(watch.standing().proved_records, 31, "{:?}", watch.standing());
}

/// What is removed while the watch goes on was written after it began.
#[tokio::test]
async fn a_trace_that_grew_old_meanwhile_is_not_missed() {
    let world = World::honest("audit-watch-old").await;
    let mut copy = world.copy().await;
    let retention = Duration::ZERO;
    let (mut watch, told) =
        before_with(&mut copy, Config { retention, ..config(&world.config()) }).await;
    copy.spoil("").await;
    tell(&world, &told).await;
    level(&mut watch).await;
    let places = ask_again(&world).await;
    let removed = format!("delete from processed_events where event_id = '{}'", id(150));
    copy.spoil(&format!("{} {removed}", done(&world, &places, true))).await;
    tell_cancelled(&world, &told).await;
    // The log has whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    level(&mut watch).await;
    assert_eq!(watch.report(1.0).broken(), [""; 0], "{}", watch.report(1.0));
}

#[tokio::test]
async fn a_forgotten_order_that_keeps_its_stock_is_found() {
    let world = World::honest("audit-watch-kept").await;
    let mut copy = world.copy().await;
    let (mut watch, told) = forgotten(&world, &mut copy, Duration::ZERO).await;
    let places = ask_again(&world).await;
    let refusal = "delete from refused_events where reason = 'body_mismatch'";
    copy.spoil(&format!("{}; {refusal}", done(&world, &places, false))).await;
    tell_cancelled(&world, &told).await;
    level(&mut watch).await;
    let report = watch.report(1.0);
    let expected = ["body-mismatch-unflagged", "stock-conservation", "metric-differs"];
    assert_eq!(report.broken(), expected, "{report}");
}

#[tokio::test]
async fn a_watch_may_begin_in_the_middle() {
    let world = World::honest("audit-watch-middle").await;
    let mut copy = world.copy().await;
    let told = Bed::builder("audit-watch-told").partitions("order_events", 2).start().await;
    tell(&world, &told).await;
    copy.spoil("update partition_progress set resume_offset = next_offset").await;
    let mut config = config(&world.config());
    config.database_url.clone_from(&copy.url);
    config.topics.order_events.clone_from(&told.topics.order_events);
    config.topics.dlq.clone_from(&told.topics.dlq);
    let mut watch = begin(&config).await;
    level(&mut watch).await;
    assert_eq!(watch.report(1.0).broken(), [""; 0], "{}", watch.report(1.0));
    assert_eq!(watch.standing().proved_records, 0);
    let places = ask_again(&world).await;
    copy.spoil(&done(&world, &places, true)).await;
    tell_cancelled(&world, &told).await;
    level(&mut watch).await;
    assert_eq!(watch.report(1.0).broken(), [""; 0], "{}", watch.report(1.0));
    assert_eq!(watch.standing().proved_records, 3);
    copy.spoil(&done(&world, &places, false)).await;
    level(&mut watch).await;
    let expected = ["stock-conservation", "metric-differs"];
    assert_eq!(watch.report(1.0).broken(), expected, "{}", watch.report(1.0));
}

async fn begin(config: &Config) -> Watch {
    open_from(config, Begin::Latest).await
}
