//! A log that is not the one that was read: made anew, or without its old records.

use std::path::Path;
use std::time::Duration;

use crate::support::process::{Notifier, lines};
use crate::support::{Event, log, publish, sale, sales, told};
use testkit::{Bed, wait_until_named};

const DEADLINE: Duration = Duration::from_secs(40);

async fn one_partition(name: &str) -> Bed {
    Bed::builder(name).partitions("order_events", 1).start().await
}

async fn all_told(path: &Path, events: &[Event]) {
    let count = format!("line {}", events.len());
    wait_until_named(&count, DEADLINE, async || lines(path).len() >= events.len()).await;
    assert_eq!(lines(path), events.iter().map(told).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_topic_made_anew_under_a_running_notifier_is_told_from_its_start() {
    let bed = one_partition("notify-remade").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("told.jsonl");
    let sink = format!("file:{}", path.display());
    let mut all = sales(50);
    publish(&bed, &all).await;
    let notifier = Notifier::start(&bed, &[&sink]);
    all_told(&path, &all).await;
    assert_eq!(notifier.stop().code(), Some(0));

    // Its partition comes with the progress of the one before.
    let notifier = Notifier::start(&bed, &[&sink]);
    let more = sales(1);
    publish(&bed, &more).await;
    all.extend(more);
    all_told(&path, &all).await;
    bed.remake(&bed.topics.order_events, 1).await;
    let anew = sales(25);
    publish(&bed, &anew).await;
    all.extend(anew);
    all_told(&path, &all).await;
    assert_eq!(notifier.stop().code(), Some(0));
}

#[tokio::test]
async fn a_topic_made_anew_while_none_runs_is_told_from_its_start_however_long_it_is() {
    let bed = one_partition("notify-outgrown").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("told.jsonl");
    let sink = format!("file:{}", path.display());
    let mut all = sales(10);
    publish(&bed, &all).await;
    let notifier = Notifier::start(&bed, &[&sink]);
    all_told(&path, &all).await;
    assert_eq!(notifier.stop().code(), Some(0));

    // Kafka forgets a group's progress together with the topic.
    bed.remake(&bed.topics.order_events, 1).await;
    let anew = sales(20);
    publish(&bed, &anew).await;
    all.extend(anew);
    let _notifier = Notifier::start(&bed, &[&sink]);
    all_told(&path, &all).await;
}

#[tokio::test]
async fn records_that_expire_under_a_running_notifier_are_counted() {
    let bed = one_partition("notify-expired").await;
    let folder = tempfile::tempdir().unwrap();
    let (path, words) = (folder.path().join("told.jsonl"), folder.path().join("log"));
    let sink = format!("file:{}", path.display());
    let notifier = Notifier::start_logging_to(&words, &bed, &[&sink]);
    let first = sales(10);
    publish(&bed, &first).await;
    all_told(&path, &first).await;

    notifier.freeze();
    publish(&bed, &sales(1)).await;
    // The broker answers the question that is under way within 0.1 s, and gets no other.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (expired, last) = (sales(10), sale());
    publish(&bed, &expired).await;
    publish(&bed, &last).await;
    log::expire(&bed, 20 + 2 + 20).await;
    notifier.thaw();
    wait_until_named("the last event", DEADLINE, async || {
        lines(&path).ends_with(&last.each_ref().map(told))
    })
    .await;
    assert_eq!(notifier.stop().code(), Some(0));
    let words = std::fs::read_to_string(words).unwrap();
    assert!(words.contains("records expired before being told"), "{words}");
}
