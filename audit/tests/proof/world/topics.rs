//! Writes the topics of the honest world.

use super::script::{ADJUSTMENTS, ORDERS, REQUESTS, Request};
use super::{Event, Put, World, id};

/// The records that nobody can read: name, whether on the stock topic, key,
/// type, value, and what is wrong.
type Poison = (&'static str, bool, &'static str, &'static str, Option<&'static str>, &'static str);

pub const POISON: [Poison; 4] = [
    (
        "no value",
        false,
        "01990000-0000-7000-8000-000000000050",
        "order.created.v1",
        None,
        "no_value",
    ),
    (
        "no order",
        false,
        "01990000-0000-7000-8000-000000000051",
        "order.created.v1",
        Some(r#"{"customerId":"c","customerId":"d","items":[]}"#),
        "invalid_body",
    ),
    ("no type", false, "x", "order.eaten.v1", Some("\u{1f980}"), "unknown_type"),
    (
        "no sku",
        true,
        "p 1",
        "stock.adjusted.v1",
        Some(r#"{"quantity":1,"reason":"restock"}"#),
        "bad_key",
    ),
];

/// A dead letter on its topic.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

/// The event id of a record that nobody can read.
pub fn poison_id(n: usize) -> String {
    id(u32::try_from(n).unwrap() + 50)
}

impl World {
    pub(super) async fn write_inputs(&mut self) {
        for request in &ADJUSTMENTS {
            self.write_request(&self.bed.topics.stock.clone(), request).await;
        }
        let orders = self.bed.topics.orders.clone();
        for order in &ORDERS {
            let (id, body, at) = (id(order.number), order.body(), order.created_at());
            let headers = headers(&id, "order.created.v1", &at);
            self.write(order.name, &orders, (&id, Some(&body)), &headers).await;
        }
        let first = &ORDERS[0];
        let (id, at) = (id(first.number), first.created_at());
        let headers = headers(&id, "order.created.v1", &at);
        self.write("paid again", &orders, (&id, Some(&first.body())), &headers).await;
        let other = first.body().replace("c-1", "c-7");
        self.write("paid otherwise", &orders, (&id, Some(&other)), &headers).await;
        for request in &REQUESTS {
            self.write_request(&orders, request).await;
        }
        self.write_poison().await;
    }

    async fn write_request(&mut self, topic: &str, request: &Request) {
        let (number, name, key, kind, value, _) = request;
        let id = id(*number);
        let headers = headers(&id, kind, "2026-11-21T08:48:00Z");
        self.write(name, topic, (&key.text(), Some(value)), &headers).await;
    }

    async fn write_poison(&mut self) {
        for (n, (name, stock, key, kind, value, _)) in POISON.iter().enumerate() {
            let topics = self.bed.topics.clone();
            let topic = if *stock { topics.stock } else { topics.orders };
            let id = poison_id(n);
            let headers = headers(&id, kind, "2026-11-21T08:48:00Z");
            self.write(name, &topic, (key, *value), &headers).await;
        }
    }

    async fn write(
        &mut self,
        name: &'static str,
        topic: &str,
        (key, value): (&str, Option<&str>),
        headers: &[(&str, &[u8])],
    ) {
        let value = value.map(str::as_bytes);
        let (partition, offset) =
            self.bed.produce(topic, Some(key.as_bytes()), value, headers).await;
        self.put.insert(name, Put { partition, offset, value: value.map(<[u8]>::to_vec) });
    }

    /// Writes outgoing events.
    pub async fn write_told(&self, topic: &str, events: &[Event]) {
        for event in events {
            let kind = format!("{}.v1", event.name);
            let headers: [(&str, &[u8]); 7] = [
                ("ce_specversion", b"1.0"),
                ("ce_id", event.id.as_bytes()),
                ("ce_source", b"/processor"),
                ("ce_type", kind.as_bytes()),
                ("ce_time", b"2026-11-21T08:49:00Z"),
                ("ce_subject", event.subject.as_bytes()),
                ("content-type", b"application/json"),
            ];
            let (key, value) = (event.subject.as_bytes(), event.data.as_bytes());
            self.bed.produce(topic, Some(key), Some(value), &headers).await;
        }
    }

    /// The dead letters, one of them twice.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        let mut letters: Vec<_> = POISON
            .iter()
            .enumerate()
            .map(|(n, (name, stock, key, kind, value, code))| {
                let (put, topics) = (&self.put[name], &self.bed.topics);
                let topic = if *stock { &topics.stock } else { &topics.orders };
                let id = poison_id(n);
                let own = headers(&id, kind, "2026-11-21T08:48:00Z");
                let mut headers: Vec<_> =
                    own.iter().map(|(name, value)| (*name, value.to_vec())).collect();
                headers.extend([
                    ("x-dlq-original-topic", topic.clone().into_bytes()),
                    ("x-dlq-original-partition", put.partition.to_string().into_bytes()),
                    ("x-dlq-original-offset", put.offset.to_string().into_bytes()),
                    ("x-dlq-error-code", code.as_bytes().to_vec()),
                    ("x-dlq-error-message", b"in words".to_vec()),
                ]);
                let value = value.map(|value| value.as_bytes().to_vec());
                DeadLetter { key: key.as_bytes().to_vec(), value, headers }
            })
            .collect();
        letters.push(letters[0].clone());
        letters
    }

    /// Writes dead letters.
    pub async fn write_dead_letters(&self, topic: &str, letters: &[DeadLetter]) {
        for letter in letters {
            let headers: Vec<_> =
                letter.headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
            self.bed.produce(topic, Some(&letter.key), letter.value.as_deref(), &headers).await;
        }
    }
}

/// The headers of an incoming event.
pub fn headers<'a>(id: &'a str, kind: &'a str, at: &'a str) -> [(&'static str, &'a [u8]); 6] {
    [
        ("ce_specversion", b"1.0"),
        ("ce_id", id.as_bytes()),
        ("ce_source", b"/ingest"),
        ("ce_type", kind.as_bytes()),
        ("ce_time", at.as_bytes()),
        ("content-type", b"application/json"),
    ]
}
