//! Each event is told at most once, and in every orderly course exactly once.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::support::process::{Notifier, id_of, lines};
use crate::support::{Event, committed, ids, publish, publish_as, raw, sale, sales, told};
use contract::event::EventType;
use testkit::{Bed, wait_until_named};

const DEADLINE: Duration = Duration::from_secs(40);

async fn lines_reach(path: &Path, count: usize) {
    wait_until_named(&format!("line {count}"), DEADLINE, async || lines(path).len() >= count).await;
}

fn sorted(events: &[Event]) -> Vec<String> {
    let mut lines: Vec<_> = events.iter().map(told).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn duplicates_are_told_once_also_across_a_restart() {
    let bed = testkit::bed("notify-once").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("told.jsonl");
    let sink = format!("file:{}", path.display());
    let (before, after) = (sales(20), sales(5));
    publish(&bed, &before).await;
    publish(&bed, &before[10..]).await;

    let notifier = Notifier::start(&bed, &[&sink]);
    lines_reach(&path, before.len()).await;
    assert_eq!(notifier.stop().code(), Some(0));

    publish(&bed, &before).await;
    publish(&bed, &after).await;
    let notifier = Notifier::start(&bed, &[&sink]);
    lines_reach(&path, before.len() + after.len()).await;
    assert_eq!(notifier.stop().code(), Some(0));

    let mut found = lines(&path);
    found.sort();
    let all: Vec<_> = before.into_iter().chain(after).collect();
    assert_eq!(found, sorted(&all));
}

#[tokio::test]
async fn foreign_records_are_passed_over_and_stop_nothing() {
    let bed = Bed::builder("notify-foreign").partitions("order_events", 1).start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("told.jsonl");
    let [reserved, paid] = sale();
    let topic = &bed.topics.order_events;
    publish_as(&bed, &paid, EventType::PaymentCompleted, None).await;
    publish_as(&bed, &paid, EventType::PaymentCompleted, Some(&[b'x'; 900_000])).await;
    publish_as(&bed, &paid, EventType::OrderCreated, Some(b"{}")).await;
    bed.produce(topic, None, None, &[]).await;
    bed.produce(topic, Some(b"\xff"), Some(b"\xff"), &[("ce_id", b"\xff")]).await;
    raw::produce(&bed, 0, (b"\xff\xfe", b"x"), b"{}");
    publish(&bed, &[reserved]).await;
    publish(&bed, &[paid]).await;

    let _notifier = Notifier::start(&bed, &["log", &format!("file:{}", path.display())]);
    lines_reach(&path, 2).await;
    let kinds: Vec<_> =
        lines(&path).iter().map(|line| id_of(line).split_once('/').unwrap().1.to_owned()).collect();
    assert_eq!(kinds, ["inventory.reserved", "payment.completed"]);
}

#[tokio::test]
async fn a_crash_tells_nothing_twice() {
    let bed = testkit::bed("notify-crash").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("told.jsonl");
    let sink = format!("file:{}", path.display());
    let events = sales(300);
    let mut published: BTreeSet<_> = events.iter().map(|event| event.id.clone()).collect();
    let notifier = Notifier::start(&bed, &[&sink]);
    publish(&bed, &events).await;
    lines_reach(&path, 1).await;
    notifier.crash();
    let last = sale();
    publish(&bed, &last).await;
    let _notifier = Notifier::start(&bed, &[&sink]);
    wait_until_named("the last event", DEADLINE, async || {
        let found: Vec<_> = lines(&path).iter().map(|line| id_of(line)).collect();
        ids(&last).iter().all(|id| found.iter().any(|found| found == id))
    })
    .await;
    published.extend(last.into_iter().map(|event| event.id));
    let found: Vec<_> = lines(&path).iter().map(|line| id_of(line)).collect();
    let distinct: BTreeSet<_> = found.iter().cloned().collect();
    assert_eq!(found.len(), distinct.len(), "an event was told twice");
    assert!(distinct.is_subset(&published));
}

#[tokio::test]
async fn partitions_move_between_notifiers_without_loss_or_repetition() {
    let bed = testkit::bed("notify-share").await;
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a", "b"].map(|name| folder.path().join(name));
    let start = |path: &Path| Notifier::start(&bed, &[&format!("file:{}", path.display())]);
    let both = || [lines(&paths[0]), lines(&paths[1])].concat();
    let mut all = Vec::new();

    let first = start(&paths[0]);
    all.extend(sales(20));
    publish(&bed, &all).await;
    lines_reach(&paths[0], all.len()).await;

    let second = start(&paths[1]);
    wait_until_named("a share for the second", DEADLINE, async || {
        let more = sale();
        publish(&bed, &more).await;
        all.extend(more);
        !lines(&paths[1]).is_empty()
    })
    .await;
    assert_eq!(first.stop().code(), Some(0));
    let rest = sales(20);
    publish(&bed, &rest).await;
    all.extend(rest);
    wait_until_named("all events", DEADLINE, async || both().len() >= all.len()).await;
    assert_eq!(second.stop().code(), Some(0));

    let mut found = both();
    found.sort();
    assert_eq!(found, sorted(&all));
}

#[tokio::test]
async fn one_that_stood_still_past_its_session_goes_on() {
    let bed = testkit::bed("notify-freeze").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("told.jsonl");
    let notifier = Notifier::start(&bed, &[&format!("file:{}", path.display())]);
    let mut all = sales(20);
    publish(&bed, &all).await;
    lines_reach(&path, all.len()).await;
    // It has some in hand when it stops, and their partitions are gone when it goes on.
    for _ in 0..25 {
        let more = sale();
        publish(&bed, &more).await;
        all.extend(more);
    }
    notifier.freeze();
    let group = committed::of(&bed, "file");
    assert!(!committed::is_empty(&group), "it is a member until its session is over");
    wait_until_named("a group without it", DEADLINE, async || committed::is_empty(&group)).await;
    notifier.thaw();
    let rest = sales(25);
    publish(&bed, &rest).await;
    all.extend(rest);
    lines_reach(&path, all.len()).await;
    assert_eq!(notifier.stop().code(), Some(0));
    let mut found = lines(&path);
    found.sort();
    assert_eq!(found, sorted(&all));
}
