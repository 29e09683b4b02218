//! The watch against the same worlds: honest ones are proved to the head, and
//! what is planted is found under the same names as at rest.

mod grown;
mod later;
mod vanished;

use std::time::Duration;

use audit::error::Trouble;
use audit::watch::Watch;
use audit::{Begin, Config, Receipts, Settle};

use crate::planted_tables;
use crate::world::{self, World};

/// Nothing is waited for: in these worlds everything has been written.
fn config(honest: &Config) -> Config {
    let settle = Settle::Within(Duration::ZERO);
    Config { receipts: Receipts::NotGiven, settle, ..honest.clone() }
}

/// A topic that was made a moment ago may still be without a leader.
async fn open(config: &Config) -> Watch {
    open_from(config, Begin::Earliest).await
}

async fn open_from(config: &Config, from: Begin) -> Watch {
    for _ in 0..50 {
        match Watch::open(config, from).await {
            Ok(watch) => return watch,
            Err(Trouble::Again(why)) if why.contains("Broker: ") => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(why) => panic!("{why:?}"),
        }
    }
    panic!("the topics have no leaders");
}

/// Steps until the tables' level is reached.
async fn level(watch: &mut Watch) {
    for _ in 0..20 {
        watch.compare_next();
        match watch.step().await {
            Ok(true) => return,
            Ok(false) => {}
            Err(trouble) => panic!("{trouble:?}"),
        }
    }
    panic!("no level after 20 steps");
}

#[tokio::test]
async fn an_honest_world_is_proved_to_its_head() {
    let world = World::honest("audit-watch").await;
    let mut watch = open(&config(&world.config())).await;
    level(&mut watch).await;
    let report = watch.report(1.0);
    assert_eq!(report.broken(), [""; 0], "{report}");
    let open: Vec<_> = report.invariants.iter().filter(|i| i.count.is_none()).collect();
    let open: Vec<_> = open.into_iter().map(|invariant| invariant.name).collect();
    let unseen = ["processed-event-unexpected", "payment-without-order"];
    assert_eq!(open, [&["acked-in-log", "acked-readable"][..], &unseen].concat(), "{report}");
    let standing = watch.standing();
    assert!(standing.whole, "{standing:?}");
    assert_eq!((standing.proved_records, standing.proved_orders, standing.late), (28, 10, 0));
    assert!(standing.lag_seconds < 2.0, "{standing:?}");
}

/// What the watch leaves to the audit at rest, or sees otherwise.
const OTHERWISE: [(&str, &[&str]); 4] = [
    ("a payment without an order", &[]),
    ("an event processed from nowhere", &[]),
    // It names a topic that is not the world's.
    ("a refusal of nothing", &[]),
    // To be behind is no fault while it runs, but what lies beyond must not be told.
    ("progress behind the log", &["dead-letter-unexpected", "dlq-record-unexpected"]),
];

#[tokio::test]
async fn what_is_planted_in_the_tables_is_found_by_the_watch_too() {
    let world = World::honest("audit-watch-tables").await;
    let honest = config(&world.config());
    let mut copy = world.copy().await;
    let spoiled = Config { database_url: copy.url.clone(), ..honest };
    let mut wrong = Vec::new();
    for (what, sql, expected) in planted_tables::all() {
        copy.spoil(&planted_tables::with_ids(sql)).await;
        let mut watch = open(&spoiled).await;
        level(&mut watch).await;
        let report = watch.report(1.0);
        let otherwise = OTHERWISE.iter().find(|(other, _)| other == what);
        let expected = otherwise.map_or(*expected, |(_, expected)| expected);
        if report.broken() != expected {
            wrong.push(format!("{what}: expected {expected:?}\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The tables before anything was processed.
const NOTHING_YET: &str = "
    delete from orders; delete from payments; delete from processed_events;
    delete from refused_events; delete from dead_letters; delete from stock;
    delete from sales_metric_shards; update partition_progress set next_offset = 0";

/// A watch of a world in which nothing was processed yet, and nothing told.
async fn before(world: &World, copy: &mut world::Copy) -> (Watch, testkit::Bed) {
    before_within(world, copy, Duration::ZERO).await
}

/// The same, and it waits so long for what is late.
async fn before_within(
    world: &World,
    copy: &mut world::Copy,
    patience: Duration,
) -> (Watch, testkit::Bed) {
    let settle = Settle::Within(patience);
    before_with(copy, Config { settle, ..config(&world.config()) }).await
}

/// The same, and it goes by this.
async fn before_with(copy: &mut world::Copy, mut config: Config) -> (Watch, testkit::Bed) {
    let told = testkit::Bed::builder("audit-watch-told").partitions("order_events", 2);
    let told = told.start().await;
    copy.spoil(NOTHING_YET).await;
    config.database_url.clone_from(&copy.url);
    config.topics.order_events.clone_from(&told.topics.order_events);
    config.topics.dlq.clone_from(&told.topics.dlq);
    let mut watch = open(&config).await;
    level(&mut watch).await;
    assert_eq!(watch.report(1.0).broken(), [""; 0], "{}", watch.report(1.0));
    assert_eq!(watch.standing().proved_records, 0);
    (watch, told)
}

/// Tells everything.
async fn tell(world: &World, told: &testkit::Bed) {
    world.write_told(&told.topics.order_events, &world::events()).await;
    world.write_dead_letters(&told.topics.dlq, &world.dead_letters()).await;
}

#[tokio::test]
async fn a_world_that_grows_is_proved_as_it_grows() {
    let world = World::honest("audit-watch-grows").await;
    let mut copy = world.copy().await;
    let (mut watch, told) = before(&world, &mut copy).await;
    copy.spoil("").await;
    tell(&world, &told).await;
    level(&mut watch).await;
    assert_eq!(watch.report(1.0).broken(), [""; 0], "{}", watch.report(1.0));
    let standing = watch.standing();
    assert_eq!((standing.proved_records, standing.proved_orders), (28, 10), "{standing:?}");
}

/// What happens while a watch looks on, and what it must find.
const MEANWHILE: [(&str, &str, &[&str]); 9] = [
    (
        "a deleted order",
        "delete from orders where order_id = {7}",
        &["order-missing", "metric-unexpected", "metric-differs"],
    ),
    (
        "one piece too many",
        "update stock set available = available + 1, received = received + 1 where sku = 'p-1'",
        &["stock-conservation"],
    ),
    (
        "a doubled metric",
        "update sales_metric_shards set value = value * 2 where metric_name = 'rejects'",
        &["metric-differs"],
    ),
    (
        "two swapped statuses",
        "update orders set status = 'SHIPPED' where order_id = {1}; \
         update orders set status = 'PAID', shipment = null where order_id = {2}",
        &[
            "status-without-request",
            "refused-event-missing",
            "refused-event-unexpected",
            "event-missing",
            "event-unexpected",
        ],
    ),
    (
        "a cent too much",
        "update payments set amount_minor = amount_minor + 1 where order_id = {1}",
        &["payment-amount"],
    ),
    (
        "no trace of an order",
        "delete from processed_events where event_id = {1}",
        &["processed-event-missing"],
    ),
    (
        "an order that nobody placed",
        "insert into orders select gen_random_uuid(), customer_id, status, currency, total_minor, \
            lines, reason, shipment, 9, 9, created_at, updated_at from orders where order_id = {1}",
        &["order-without-record"],
    ),
    (
        "progress beyond the log",
        "update partition_progress set next_offset = next_offset + 5 where topic like '%stock' \
            and partition = 0",
        &["progress-beyond-log"],
    ),
    ("an older owner", "update partition_progress set epoch = 0", &["epoch-order"]),
];

#[tokio::test]
async fn what_is_planted_meanwhile_is_found() {
    let world = World::honest("audit-watch-meanwhile").await;
    let mut copy = world.copy().await;
    let mut wrong = Vec::new();
    for (what, sql, expected) in MEANWHILE {
        let (mut watch, told) = before(&world, &mut copy).await;
        copy.spoil(&planted_tables::with_ids(sql)).await;
        tell(&world, &told).await;
        level(&mut watch).await;
        let report = watch.report(1.0);
        if report.broken() != expected {
            wrong.push(format!("{what}: expected {expected:?}\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn progress_that_jumps_over_records_shows_what_they_left_undone() {
    let world = World::honest("audit-watch-jump").await;
    let mut copy = world.copy().await;
    let (mut watch, _told) = before(&world, &mut copy).await;
    let sql = "delete from orders; delete from payments; delete from processed_events;
        delete from refused_events; delete from dead_letters; delete from stock;
        delete from sales_metric_shards";
    copy.spoil(sql).await;
    level(&mut watch).await;
    let broken = watch.report(1.0).broken();
    for name in ["order-missing", "processed-event-missing", "dead-letter-missing"] {
        assert!(broken.contains(&name), "{broken:?}");
    }
}

#[tokio::test]
async fn what_was_told_wrongly_meanwhile_is_found() {
    let world = World::honest("audit-watch-lies").await;
    let mut copy = world.copy().await;
    for (what, expected) in [("missing", "event-missing"), ("twice", "event-content")] {
        let (mut watch, told) = before(&world, &mut copy).await;
        copy.spoil("").await;
        let mut events = world::events();
        if what == "missing" {
            events.retain(|event| !event.id.ends_with("08/payment.completed"));
        } else {
            let paid = events.iter().find(|event| event.id.ends_with("01/payment.completed"));
            let mut other = paid.unwrap().clone();
            other.data = other.data.replace(":70,", ":71,");
            events.push(other);
        }
        world.write_told(&told.topics.order_events, &events).await;
        world.write_dead_letters(&told.topics.dlq, &world.dead_letters()).await;
        level(&mut watch).await;
        assert_eq!(watch.report(1.0).broken(), [expected], "{what}\n{}", watch.report(1.0));
    }
}
