//! What the log holds of an order. The tables say where its record is and when
//! each step was committed: only there is the log read, never all of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use contract::header;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use service::args::KafkaArgs;
use uuid::Uuid;

use super::{Fact, Life};
use crate::read::record::readable_headers;

const ANSWER: Duration = Duration::from_secs(10);
/// A search that takes longer has lost its broker.
const LONGEST: Duration = Duration::from_secs(60);
/// So many records after an order's own are looked at for copies and requests.
const NEAR: i64 = 10_000;
/// An event has the time of its sending, clocks differ a little.
const BEFORE_MS: i64 = 1_000;
/// How far before its effect a request is sought, one after another.
const REQUESTS_BEFORE_MS: [i64; 4] = [1_000, 30_000, 600_000, i64::MAX / 4];

pub(super) fn facts(kafka: &KafkaArgs, order_id: Uuid, life: &Life) -> anyhow::Result<Vec<Fact>> {
    // The group is never joined. What lies behind the place that is looked at is
    // mostly not wanted.
    let consumer: BaseConsumer = service::kafka::consumer(&kafka.brokers, "audit-explain", "audit")
        .set("queued.min.messages", "5000")
        .create()
        .context("cannot make a Kafka consumer")?;
    let mut search = Search { consumer, key: order_id.to_string(), found: BTreeSet::new() };
    search.records(&kafka.orders_topic, life)?;
    search.events(&kafka.orders_topic, &kafka.order_events_topic, life)?;
    Ok(search.found.into_iter().collect())
}

struct Search {
    consumer: BaseConsumer,
    key: String,
    found: BTreeSet<Fact>,
}

/// Where to look.
struct Stretch {
    partition: i32,
    from: i64,
    /// Offsets before this one.
    to: i64,
    /// And not younger.
    to_ms: i64,
    enough: Enough,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Enough {
    /// One record that was not found before.
    One,
    /// One event that was not found before, and what its commit told besides: that lies
    /// right behind it and bears the same time.
    Commit,
    /// All there are.
    All,
}

impl Search {
    /// The order itself, what lies near it, and the request behind its last step.
    fn records(&mut self, topic: &str, life: &Life) -> anyhow::Result<()> {
        let (partition, from) = life.source;
        let to_ms = life.changed_ms.saturating_add(life.window_ms);
        let near = Stretch { partition, from, to: from + NEAR, to_ms, enough: Enough::All };
        self.read(topic, &near)?;
        if !life.was_asked || self.found.len() > 1 {
            return Ok(());
        }
        // Nearly always it lies behind the order, in the same partition.
        let others = (0..self.partitions(topic)?).filter(|other| *other != partition);
        for place in std::iter::once(partition).chain(others) {
            // What a shorter window showed is not read again.
            let mut to = i64::MAX;
            for before in REQUESTS_BEFORE_MS {
                let begin = life.changed_ms.saturating_sub(before).max(0);
                let least = if place == partition { from + 1 } else { 0 };
                let begin = self.offset_at(topic, place, begin)?.max(least);
                let enough = Enough::One;
                let stretch = Stretch { partition: place, from: begin, to, to_ms, enough };
                if self.read(topic, &stretch)? > 0 {
                    return Ok(());
                }
                to = begin;
            }
        }
        Ok(())
    }

    /// What was told after each commit that concerned the order.
    fn events(&mut self, orders: &str, events: &str, life: &Life) -> anyhow::Result<()> {
        // The same key is in the same partition only while both topics have as many.
        let count = self.partitions(events)?;
        let partition = life.source.0;
        let partitions = match self.partitions(orders)? == count {
            true => partition..partition + 1,
            false => 0..count,
        };
        for committed_ms in &life.commits_ms {
            for partition in partitions.clone() {
                let from = self.offset_at(events, partition, (committed_ms - BEFORE_MS).max(0))?;
                let to_ms = committed_ms.saturating_add(life.window_ms);
                let enough = Enough::Commit;
                let stretch = Stretch { partition, from, to: i64::MAX, to_ms, enough };
                if self.read(events, &stretch)? > 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn partitions(&self, topic: &str) -> anyhow::Result<i32> {
        let metadata = self.consumer.fetch_metadata(Some(topic), ANSWER);
        let metadata = metadata.context("cannot reach Kafka; is KAFKA_BROKERS right?")?;
        let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        Ok(i32::try_from(count)?)
    }

    /// The first offset that is not older; the end when all are.
    fn offset_at(&self, topic: &str, partition: i32, at_ms: i64) -> anyhow::Result<i64> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(at_ms))?;
        let found = self.consumer.offsets_for_times(list, ANSWER)?;
        match found.find_partition(topic, partition).map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => Ok(offset),
            _ => Ok(self.consumer.fetch_watermarks(topic, partition, ANSWER)?.1),
        }
    }

    /// Looks for records with the key; says how many were not found before.
    fn read(&mut self, topic: &str, stretch: &Stretch) -> anyhow::Result<usize> {
        let partition = stretch.partition;
        let (low, high) = self.consumer.fetch_watermarks(topic, partition, ANSWER)?;
        let (mut next, end) = (stretch.from.max(low), stretch.to.min(high));
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(next))?;
        self.consumer.assign(&list)?;
        let (before, started) = (self.found.len(), Instant::now());
        let mut told_at = None;
        while next < end {
            ensure!(started.elapsed() < LONGEST, "{topic}/{partition} cannot be read in time");
            let Some(message) = self.consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message?;
            next = message.offset() + 1;
            let at_ms = message.timestamp().to_millis().unwrap_or_default();
            if at_ms > stretch.to_ms || message.offset() >= end {
                break;
            }
            if told_at.as_ref().is_some_and(|at| *at != header(&message, header::TIME)) {
                break;
            }
            let fits = message.key() == Some(self.key.as_bytes());
            if !fits || !self.found.insert(fact(&message, at_ms)) {
                continue;
            }
            match stretch.enough {
                Enough::One => break,
                Enough::Commit => told_at = Some(header(&message, header::TIME)),
                Enough::All => {}
            }
        }
        self.consumer.unassign()?;
        Ok(self.found.len() - before)
    }
}

fn fact(message: &BorrowedMessage<'_>, at_ms: i64) -> Fact {
    let value = message.payload().map_or_else(|| "(none)".into(), String::from_utf8_lossy);
    Fact {
        at_ms,
        place: format!("{}/{}/{}", message.topic(), message.partition(), message.offset()),
        words: format!(
            "{} {}: {value}",
            header(message, header::TYPE),
            header(message, header::ID)
        ),
    }
}

fn header(message: &BorrowedMessage<'_>, name: &str) -> String {
    let value = readable_headers(message).get(name);
    value.map_or_else(|| "?".into(), |value| String::from_utf8_lossy(value).into_owned())
}
