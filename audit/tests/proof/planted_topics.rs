//! Lies in what was told, and in dead letters.

use crate::world::{self, DeadLetter, Event, World};
use crate::{ORDER, judge};

/// What is planted in what was told, how, and what must be false.
type PlantedEvents = (&'static str, fn(&mut Vec<Event>), &'static [&'static str]);

const IN_EVENTS: &[PlantedEvents] = &[
    (
        "an event that was never told",
        |events| events.retain(|e| e.id != format!("{ORDER}08/payment.completed")),
        &["event-missing"],
    ),
    (
        "an event told twice with different data",
        |events| {
            let mut other = find(events, "01/payment.completed").clone();
            other.data = other.data.replace(":70,", ":71,");
            events.push(other);
        },
        &["event-content"],
    ),
    (
        "an event of an order that nobody placed",
        |events| {
            let mut other = find(events, "01/inventory.reserved").clone();
            other.subject = other.subject.replace("001", "099");
            other.id = other.id.replace("001", "099");
            other.data = other.data.replace("001", "099");
            events.push(other);
        },
        &["event-unexpected"],
    ),
    (
        "a step that was never taken",
        |events| {
            let mut other = find(events, "02/order.shipped").clone();
            other.subject = other.subject.replace("002", "008");
            other.id = other.id.replace("002", "008");
            events.push(other);
        },
        &["event-unexpected"],
    ),
    (
        "two steps told in the wrong order",
        |events| {
            let (a, b) = (at(events, "02/payment.completed"), at(events, "02/order.shipped"));
            events.swap(a, b);
        },
        &["event-order"],
    ),
    (
        "an event with another id",
        |events| {
            let event = at(events, "08/inventory.reserved");
            events[event].id = "something else".into();
        },
        &["event-content"],
    ),
    (
        "a refund that was not told",
        |events| {
            let event = at(events, "05/order.cancelled");
            let (data, _) = events[event].data.split_once(",\"refund\"").unwrap();
            events[event].data = format!("{data}}}");
        },
        &["event-content"],
    ),
    (
        "a cancellation told with its refund and without",
        |events| {
            let mut other = find(events, "05/order.cancelled").clone();
            let (data, _) = other.data.split_once(",\"refund\"").unwrap();
            other.data = format!("{data}}}");
            events.push(other);
        },
        &["event-content"],
    ),
    (
        "other numbers of what was short",
        |events| {
            let event = at(events, "03/inventory.failed");
            events[event].data = events[event].data.replace("\"available\":3", "\"available\":4");
        },
        &["event-content"],
    ),
    (
        "an alert that cannot be",
        |events| {
            let event = at(events, "p-2/stock.low/1");
            events[event].data = events[event].data.replace("\"available\":3", "\"available\":30");
        },
        &["event-content"],
    ),
];

fn at(events: &[Event], end: &str) -> usize {
    events.iter().position(|event| event.id.ends_with(end)).unwrap()
}

fn find<'a>(events: &'a [Event], end: &str) -> &'a Event {
    &events[at(events, end)]
}

#[tokio::test]
async fn what_is_planted_in_the_events_is_found_under_its_own_name() {
    let world = World::honest("audit-events").await;
    let honest = world.config();
    let mut wrong = Vec::new();
    for (what, spoil, expected) in IN_EVENTS {
        let bed = testkit::bed("audit-events").await;
        let mut events = world::events();
        spoil(&mut events);
        world.write_told(&bed.topics.order_events, &events).await;
        let mut config = honest.clone();
        config.topics.order_events.clone_from(&bed.topics.order_events);
        judge(what, &config, expected, &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is planted among the dead letters, how, and what must be false.
type PlantedDeadLetters = (&'static str, fn(&mut Vec<DeadLetter>), &'static [&'static str]);

const IN_DEAD_LETTERS: &[PlantedDeadLetters] = &[
    (
        "a dead letter that was not published",
        |letters| *letters = letters[1..4].to_vec(),
        &["dlq-record-missing"],
    ),
    (
        "altered bytes",
        |letters| letters[2].value.as_mut().unwrap().push(b' '),
        &["dlq-record-content"],
    ),
    (
        "a copy of a good record",
        |letters| set(&mut letters[4], "x-dlq-original-offset", b"0"),
        &["dlq-record-unexpected"],
    ),
    (
        "another reason than in the table",
        |letters| set(&mut letters[3], "x-dlq-error-code", b"bad_header"),
        &["dlq-record-content"],
    ),
];

fn set(letter: &mut DeadLetter, name: &str, value: &[u8]) {
    let header = letter.headers.iter_mut().find(|header| header.0 == name);
    header.unwrap().1 = value.to_vec();
}

/// What is found at least once.
pub fn names() -> impl Iterator<Item = &'static str> {
    let events = IN_EVENTS.iter().flat_map(|(.., names)| names.iter().copied());
    events.chain(IN_DEAD_LETTERS.iter().flat_map(|(.., names)| names.iter().copied()))
}

#[tokio::test]
async fn what_is_planted_on_the_dead_letter_topic_is_found_under_its_own_name() {
    let world = World::honest("audit-dlq").await;
    let mut wrong = Vec::new();
    let honest = world.dead_letters();
    for (what, spoil, expected) in IN_DEAD_LETTERS {
        let mut letters = honest.clone();
        spoil(&mut letters);
        let bed = testkit::bed("audit-dlq").await;
        world.write_dead_letters(&bed.topics.dlq, &letters).await;
        let mut config = world.config();
        config.topics.dlq.clone_from(&bed.topics.dlq);
        judge(what, &config, expected, &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
