//! The topics, each from its first record to the end that was fixed before.

use std::time::{Duration, Instant};

use contract::topic::Topics;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::record::record;
use super::silent::Silent;
use crate::config::Progress;
use crate::error::CannotJudge;
use crate::fold::progress::Extent;
use crate::place::Topic;
use crate::progress::Meter;
use crate::rules::Record;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Reading ends when nothing comes for so long.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// The way to the broker.
#[derive(Clone, Debug)]
pub struct Log {
    brokers: String,
    topics: Topics,
    progress: Progress,
}

impl Log {
    /// A log that is not connected to yet.
    pub fn new(brokers: &str, topics: &Topics, progress: Progress) -> Self {
        Self { brokers: brokers.to_owned(), topics: topics.clone(), progress }
    }

    /// The partitions of these topics, and where they begin and end now.
    pub fn extents(&self, topics: &[Topic]) -> Result<Vec<Extent>, CannotJudge> {
        let consumer = self.consumer()?;
        let mut extents = Vec::new();
        for topic in topics {
            extents.extend(self.extents_of(&consumer, *topic)?);
        }
        Ok(extents)
    }

    fn extents_of(
        &self,
        consumer: &BaseConsumer<Silent>,
        topic: Topic,
    ) -> Result<Vec<Extent>, CannotJudge> {
        let name = topic.name(&self.topics);
        let metadata = consumer
            .fetch_metadata(Some(name), ANSWER_TIMEOUT)
            .map_err(|error| self.unreachable(&error))?;
        let partitions = metadata.topics().first().map_or(&[][..], |topic| topic.partitions());
        if partitions.is_empty() {
            return Err(CannotJudge::because(format!("topic {name} does not exist")));
        }
        let extent = |partition| {
            let (low, high) = service::kafka::extent(consumer, name, partition, ANSWER_TIMEOUT)
                .map_err(|error| self.unreachable(&error))?;
            Ok(Extent { topic, partition, low, high })
        };
        partitions.iter().map(|partition| extent(partition.id())).collect()
    }

    /// Reads one topic to the end of its extents; gives the number of records.
    pub fn scan(
        &self,
        topic: Topic,
        extents: &[Extent],
        mut visit: impl FnMut(&Record<'_>),
    ) -> Result<u64, CannotJudge> {
        let mut lanes = Lanes::new(topic, extents);
        let name = topic.name(&self.topics);
        let mut meter = Meter::new(self.progress, name, Some(lanes.records()));
        if lanes.open == 0 {
            return Ok(0);
        }
        let consumer = self.consumer()?;
        consumer.assign(&lanes.assignment(name)?).map_err(|error| self.unreachable(&error))?;
        let mut heard = Instant::now();
        let mut trouble = String::new();
        while lanes.open > 0 {
            match consumer.poll(POLL) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if lanes.advance(name, message.partition(), message.offset())? {
                        visit(&record(topic, &message));
                        meter.step();
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => lanes.end(name, partition)?,
                Some(Err(error)) => trouble = format!(", last error: {error}"),
                None if heard.elapsed() > SILENCE_MAX => {
                    let silence = SILENCE_MAX.as_secs();
                    return Err(CannotJudge::because(format!(
                        "topic {name} gave nothing for {silence} s{trouble}"
                    )));
                }
                None => {}
            }
        }
        Ok(meter.done())
    }

    fn consumer(&self) -> Result<BaseConsumer<Silent>, CannotJudge> {
        // The group is never joined: partitions are assigned by hand and no
        // offset is committed.
        service::kafka::consumer(&self.brokers, "audit", "audit")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true")
            .set("queued.max.messages.kbytes", "16384")
            .create_with_context(Silent)
            .map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &KafkaError) -> CannotJudge {
        CannotJudge::because(format!("Kafka at {} does not answer: {error}", self.brokers))
    }
}

/// Where each partition's reader stands.
struct Lanes {
    lanes: Vec<Lane>,
    open: usize,
}

struct Lane {
    extent: Extent,
    next: i64,
}

impl Lanes {
    fn new(topic: Topic, extents: &[Extent]) -> Self {
        let filled = extents.iter().filter(|e| e.topic == topic && e.low < e.high);
        let lanes: Vec<_> =
            filled.map(|extent| Lane { extent: *extent, next: extent.low }).collect();
        Self { open: lanes.len(), lanes }
    }

    fn records(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.extent.high.abs_diff(lane.extent.low)).sum()
    }

    fn assignment(&self, name: &str) -> Result<TopicPartitionList, CannotJudge> {
        let mut assignment = TopicPartitionList::new();
        for lane in &self.lanes {
            assignment
                .add_partition_offset(name, lane.extent.partition, Offset::Offset(lane.next))
                .map_err(|error| CannotJudge::because(format!("topic {name}: {error}")))?;
        }
        Ok(assignment)
    }

    /// Whether the record counts: it lies before the end. A hole before it
    /// means that records are gone, or never were for readers of committed
    /// ones; either way nobody can say that nothing is missing.
    fn advance(&mut self, name: &str, partition: i32, offset: i64) -> Result<bool, CannotJudge> {
        let lane = self.lanes.iter_mut().find(|lane| lane.extent.partition == partition);
        let Some(lane) = lane.filter(|lane| offset < lane.extent.high) else { return Ok(false) };
        if offset != lane.next {
            return Err(hole(name, partition, lane.next, offset));
        }
        lane.next = offset + 1;
        self.open -= usize::from(lane.next == lane.extent.high);
        Ok(true)
    }

    fn end(&self, name: &str, partition: i32) -> Result<(), CannotJudge> {
        match self.lanes.iter().find(|lane| lane.extent.partition == partition) {
            Some(lane) if lane.next < lane.extent.high => {
                Err(hole(name, partition, lane.next, lane.extent.high))
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn hole(name: &str, partition: i32, from: i64, to: i64) -> CannotJudge {
    let last = to - 1;
    CannotJudge::because(format!(
        "offsets {from} to {last} of {name}/{partition} are not in the log \
         (compacted, deleted, or written in a transaction)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_read_to_the_end_that_was_fixed_and_without_holes() {
        let extent = |partition, low, high| Extent { topic: Topic::Orders, partition, low, high };
        let mut lanes = Lanes::new(Topic::Orders, &[extent(0, 0, 2), extent(1, 5, 5)]);
        assert_eq!((lanes.open, lanes.records()), (1, 2));
        assert_eq!(lanes.advance("orders", 0, 0), Ok(true));
        assert!(lanes.end("orders", 0).is_err());
        assert_eq!(lanes.advance("orders", 0, 1), Ok(true));
        assert_eq!(lanes.open, 0);
        assert_eq!(lanes.advance("orders", 0, 2), Ok(false));
        let mut lanes = Lanes::new(Topic::Orders, &[extent(0, 0, 9)]);
        let missing = lanes.advance("orders", 0, 3).unwrap_err().missing;
        assert!(missing[0].starts_with("offsets 0 to 2 of orders/0 are not in the log"));
    }
}
