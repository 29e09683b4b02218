//! The topics as they grow: every partition is read by itself, up to exactly
//! the offset that is asked for; what comes later waits in the client's queue,
//! which is bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::topic::Topics;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::metadata::MetadataPartition;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::log::hole;
use super::record::record;
use super::silent::Silent;
use crate::error::Trouble;
use crate::fold::progress::Extent;
use crate::place::Topic;
use crate::rules::{OwnedRecord, Record};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two looks into an empty queue.
const PAUSE: Duration = Duration::from_millis(5);
/// So many records are handed on before others get their turn.
const RUN: usize = 256;

/// The readers of all partitions.
pub struct Tail {
    consumer: Arc<BaseConsumer<Silent>>,
    lanes: Vec<Lane>,
    topics: Topics,
}

struct Lane {
    topic: Topic,
    partition: i32,
    next: i64,
    queue: PartitionQueue<Silent>,
    /// The next record, when nobody could take it yet.
    held: Option<OwnedRecord>,
}

/// How far to read.
#[derive(Clone, Copy, Debug)]
pub struct Until {
    /// In which topic.
    pub topic: Topic,
    /// In which partition.
    pub partition: i32,
    /// The first offset that is not wanted.
    pub to: i64,
    /// Nothing is waited for longer.
    pub deadline: Instant,
}

/// What a reader does after a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Go {
    /// It reads on.
    On,
    /// It stops, and has not taken this one.
    Back,
}

impl Tail {
    /// Reads these partitions, each from its `low`.
    pub fn open(brokers: &str, topics: &Topics, from: &[Extent]) -> Result<Self, Trouble> {
        let consumer: BaseConsumer<Silent> =
            service::kafka::consumer(brokers, "audit-watch", "audit")
                .set("check.crcs", "true")
                // Few large answers: nobody waits for a single record.
                .set("fetch.min.bytes", "1048576")
                .set("fetch.wait.max.ms", "100")
                // Of each partition.
                .set("queued.min.messages", "10000")
                .set("queued.max.messages.kbytes", "4096")
                .create_with_context(Silent)
                .map_err(|error| again(&error))?;
        let consumer = Arc::new(consumer);
        let mut assignment = TopicPartitionList::new();
        for extent in from {
            let (name, offset) = (extent.topic.name(topics), Offset::Offset(extent.low));
            assignment
                .add_partition_offset(name, extent.partition, offset)
                .map_err(|error| again(&error))?;
        }
        // Before the first record can come: one that comes earlier is in no queue.
        let lanes = from.iter().map(|extent| {
            let name = extent.topic.name(topics);
            let queue = consumer.split_partition_queue(name, extent.partition);
            let queue = queue.ok_or_else(|| Trouble::Again(format!("{name} has no queue")))?;
            let Extent { topic, partition, low: next, .. } = *extent;
            Ok(Lane { topic, partition, next, queue, held: None })
        });
        let lanes = lanes.collect::<Result<_, Trouble>>()?;
        consumer.assign(&assignment).map_err(|error| again(&error))?;
        Ok(Self { consumer, lanes, topics: topics.clone() })
    }

    /// Whether Kafka answers others and not this client. Blocks for some seconds.
    pub fn has_lost_kafka(&self, brokers: &str) -> bool {
        service::kafka::has_lost_kafka(self.consumer.client(), brokers)
    }

    /// Partitions that the topics have and that are not read.
    pub fn added(&self) -> Result<Vec<(Topic, i32)>, Trouble> {
        let metadata =
            self.consumer.fetch_metadata(None, ANSWER_TIMEOUT).map_err(|error| again(&error))?;
        let mut added = Vec::new();
        for topic in Topic::ALL {
            let name = topic.name(&self.topics);
            let found = metadata.topics().iter().find(|found| found.name() == name);
            let partitions = found.map_or(&[][..], |topic| topic.partitions());
            let read = |partition: i32| {
                self.lanes.iter().any(|lane| (lane.topic, lane.partition) == (topic, partition))
            };
            let new = partitions.iter().map(MetadataPartition::id).filter(|id| !read(*id));
            added.extend(new.map(|partition| (topic, partition)));
        }
        Ok(added)
    }

    /// Where each partition is read next.
    pub fn positions(&self) -> Vec<Extent> {
        let extent = |lane: &Lane| {
            let Lane { topic, partition, next, .. } = *lane;
            Extent { topic, partition, low: next, high: next }
        };
        self.lanes.iter().map(extent).collect()
    }

    /// Where each partition is read next (`low`) and where it ends now (`high`).
    pub fn extents(&self) -> Result<Vec<Extent>, Trouble> {
        let mut ask = TopicPartitionList::new();
        for lane in &self.lanes {
            let name = lane.topic.name(&self.topics);
            ask.add_partition_offset(name, lane.partition, Offset::End)
                .map_err(|error| again(&error))?;
        }
        let ends =
            self.consumer.offsets_for_times(ask, ANSWER_TIMEOUT).map_err(|error| again(&error))?;
        let extent = |lane: &Lane| {
            let name = lane.topic.name(&self.topics);
            let end = ends.find_partition(name, lane.partition).map(|end| end.offset());
            match end {
                Some(Offset::Offset(high)) => Ok(Extent {
                    topic: lane.topic,
                    partition: lane.partition,
                    low: lane.next,
                    high,
                }),
                other => Err(Trouble::Again(format!("the end of {name} is {other:?}"))),
            }
        };
        self.lanes.iter().map(extent).collect()
    }

    /// Reads one partition; gives the next offset.
    pub async fn read(
        &mut self,
        until: Until,
        visit: &mut impl FnMut(&Record<'_>) -> Go,
    ) -> Result<i64, Trouble> {
        self.serve()?;
        let Until { topic, partition, to, deadline } = until;
        let name = topic.name(&self.topics).to_owned();
        let lane = self.lanes.iter_mut().find(|l| (l.topic, l.partition) == (topic, partition));
        let Some(lane) = lane else { return Ok(0) };
        if lane.next < to
            && let Some(held) = lane.held.take()
        {
            if visit(&held.as_record()) == Go::Back {
                lane.held = Some(held);
                return Ok(lane.next);
            }
            lane.next += 1;
        }
        let mut run = 0;
        while lane.next < to {
            match lane.queue.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    let record = at(topic, &name, lane.next, &message)?;
                    if visit(&record) == Go::Back {
                        lane.held = Some(record.to_owned());
                        break;
                    }
                    lane.next += 1;
                }
                Some(Err(error)) => return Err(again(&error)),
                None if Instant::now() >= deadline => break,
                None => tokio::time::sleep(PAUSE).await,
            }
            run += 1;
            if run % RUN == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(lane.next)
    }

    /// The client's own events; a record there was delivered before its
    /// partition had a queue.
    fn serve(&self) -> Result<(), Trouble> {
        match self.consumer.poll(Duration::ZERO) {
            Some(Ok(_)) => Err(Trouble::Again("a record came before its queue".to_owned())),
            Some(Err(error)) => Err(again(&error)),
            None => Ok(()),
        }
    }
}

fn at<'a>(
    topic: Topic,
    name: &str,
    next: i64,
    message: &'a BorrowedMessage<'_>,
) -> Result<Record<'a>, Trouble> {
    let (partition, offset) = (message.partition(), message.offset());
    if offset == next {
        Ok(record(topic, message))
    } else {
        Err(Trouble::ForGood(hole(name, partition, next, offset)))
    }
}

fn again(error: &KafkaError) -> Trouble {
    Trouble::Again(format!("Kafka: {error}"))
}
