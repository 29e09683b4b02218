//! A webhook that is down delays only itself, and gets everything in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::committed;
use crate::support::process::{Notifier, lines};
use crate::support::receiver::{Call, Receiver};
use crate::support::{Event, publish, sales, told};
use testkit::wait_until_named;

const DEADLINE: Duration = Duration::from_secs(40);

/// Calls in a comparable order that keeps the order of each order's events.
fn by_order(calls: Vec<Call>) -> Vec<Call> {
    let mut orders: BTreeMap<String, Vec<Call>> = BTreeMap::new();
    for call in calls {
        orders.entry(call.key[..36].to_owned()).or_default().push(call);
    }
    orders.into_values().flatten().collect()
}

fn expected(events: &[Event]) -> Vec<Call> {
    by_order(events.iter().map(|e| Call { key: e.id.clone(), body: told(e) }).collect())
}

#[tokio::test]
async fn a_webhook_that_is_down_delays_only_itself_and_gets_everything_later() {
    let bed = testkit::bed("notify-down").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("told.jsonl");
    let receiver = Receiver::start(503).await;
    let sinks = [receiver.sink(), format!("file:{}", path.display())];
    let notifier = Notifier::start(&bed, &[&sinks[0], &sinks[1]]);

    let mut all = sales(300);
    publish(&bed, &all).await;
    wait_until_named("the file", DEADLINE, async || lines(&path).len() == all.len()).await;
    wait_until_named("a retry", DEADLINE, async || receiver.calls() > 32).await;
    assert_eq!(receiver.taken(), []);
    let names = async || notifier.readiness().await.contains("\nsink webhook: ");
    wait_until_named("its name on the readiness page", DEADLINE, names).await;

    receiver.answer(204);
    let more = sales(5);
    publish(&bed, &more).await;
    all.extend(more);
    wait_until_named("every call", DEADLINE, async || receiver.taken().len() >= all.len()).await;
    let ready = async || notifier.readiness().await.contains(" 200 OK");
    wait_until_named("readiness", DEADLINE, ready).await;
    assert_eq!(notifier.stop().code(), Some(0));
    assert_eq!(by_order(receiver.taken()), expected(&all));
    assert_eq!(lines(&path).len(), all.len());
}

#[tokio::test]
async fn stopping_while_the_webhook_is_down_loses_nothing_and_repeats_nothing() {
    let bed = testkit::bed("notify-stop").await;
    let receiver = Receiver::start(200).await;
    let sink = receiver.sink();
    let mut all = sales(10);
    let notifier = Notifier::start(&bed, &[&sink]);
    publish(&bed, &all).await;
    wait_until_named("ten orders", DEADLINE, async || receiver.taken().len() == 20).await;

    receiver.answer(500);
    let calls = receiver.calls();
    let more = sales(50);
    publish(&bed, &more).await;
    all.extend(more);
    wait_until_named("a call", DEADLINE, async || receiver.calls() > calls).await;
    assert_eq!(notifier.stop().code(), Some(0));

    receiver.answer(200);
    let notifier = Notifier::start(&bed, &[&sink]);
    wait_until_named("every call", DEADLINE, async || receiver.taken().len() >= all.len()).await;
    assert_eq!(notifier.stop().code(), Some(0));
    assert_eq!(by_order(receiver.taken()), expected(&all));
}

#[tokio::test]
async fn a_crash_while_the_webhook_is_down_loses_nothing() {
    let bed = testkit::bed("notify-crash-down").await;
    let receiver = Receiver::start(500).await;
    let sink = receiver.sink();
    let all = sales(1);
    let notifier = Notifier::start(&bed, &[&sink]);
    publish(&bed, &all).await;
    // One order is one call an attempt; after five the next is seconds away.
    wait_until_named("five attempts", DEADLINE, async || receiver.calls() == 5).await;
    let group = committed::of(&bed, "webhook");
    wait_until_named("progress taken back", DEADLINE, async || committed::sum(&group) == 0).await;
    notifier.crash();

    receiver.answer(200);
    let _notifier = Notifier::start(&bed, &[&sink]);
    wait_until_named("every call", DEADLINE, async || receiver.taken().len() >= all.len()).await;
    assert_eq!(by_order(receiver.taken()), expected(&all));
}

#[tokio::test]
async fn an_event_that_a_webhook_refuses_does_not_hold_up_the_next() {
    let bed = testkit::bed("notify-refuse").await;
    let receiver = Receiver::start(422).await;
    let _notifier = Notifier::start(&bed, &[&receiver.sink()]);
    let refused = sales(3);
    publish(&bed, &refused).await;
    wait_until_named("six refusals", DEADLINE, async || receiver.calls() == 6).await;

    receiver.answer(200);
    let taken = sales(2);
    publish(&bed, &taken).await;
    wait_until_named("four calls", DEADLINE, async || receiver.taken().len() == 4).await;
    assert_eq!(by_order(receiver.taken()), expected(&taken));
}
