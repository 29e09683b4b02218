//! The records of `order-events` as they come. All partitions are read without a
//! consumer group; a client that has lost Kafka for good is replaced.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::bail;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::{Offset, TopicPartitionList};
use service::kafka::{Silence, extent, has_lost_kafka, let_go};

const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_TIMEOUT: Duration = Duration::from_millis(50);

/// A reader of all partitions.
pub(crate) struct Events {
    consumer: BaseConsumer,
    brokers: String,
    topic: String,
    /// Where each partition is read next.
    next: BTreeMap<i32, i64>,
    silence: Silence,
}

impl Events {
    /// Begins where the partitions end.
    pub(crate) fn open(brokers: &str, topic: &str) -> anyhow::Result<Self> {
        let consumer = client(brokers)?;
        let metadata = consumer.fetch_metadata(Some(topic), METADATA_TIMEOUT)?;
        let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
        let end = |partition: &MetadataPartition| {
            let id = partition.id();
            Ok((id, extent(&consumer, topic, id, METADATA_TIMEOUT)?.1))
        };
        let next = partitions.map(end).collect::<anyhow::Result<BTreeMap<_, _>>>()?;
        if next.is_empty() {
            bail!("there is no such topic");
        }
        let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
        let silence = Silence::from(Instant::now());
        let events = Self { consumer, brokers, topic, next, silence };
        events.assign(&events.consumer)?;
        Ok(events)
    }

    fn assign(&self, consumer: &BaseConsumer) -> anyhow::Result<()> {
        let mut assignment = TopicPartitionList::new();
        for (partition, next) in &self.next {
            assignment.add_partition_offset(&self.topic, *partition, Offset::Offset(*next))?;
        }
        Ok(consumer.assign(&assignment)?)
    }

    /// Shows what comes next, if something comes soon.
    pub(crate) fn read(&mut self, visit: impl FnOnce(&BorrowedMessage<'_>)) -> anyhow::Result<()> {
        match self.consumer.poll(POLL_TIMEOUT) {
            None => return self.look_for_kafka(),
            Some(Ok(message)) => {
                self.next.insert(message.partition(), message.offset() + 1);
                self.silence = Silence::from(Instant::now());
                visit(&message);
            }
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                bail!("reading order events failed for good: {code}");
            }
            // Heals by itself once the broker is back, or with a new client.
            Some(Err(error)) => tracing::warn!(%error, "cannot read order events for now"),
        }
        Ok(())
    }

    fn look_for_kafka(&mut self) -> anyhow::Result<()> {
        let lost = self.silence.is_long(Instant::now())
            && has_lost_kafka(self.consumer.client(), &self.brokers);
        if lost { self.read_on() } else { Ok(()) }
    }

    /// Takes a new client, which reads on where the last one was.
    fn read_on(&mut self) -> anyhow::Result<()> {
        let fresh = client(&self.brokers)?;
        self.assign(&fresh)?;
        let_go(std::mem::replace(&mut self.consumer, fresh));
        Ok(())
    }
}

/// The group is a label that the client library asks for; nobody joins it.
fn client(brokers: &str) -> anyhow::Result<BaseConsumer> {
    Ok(service::kafka::consumer(brokers, "loadgen", "loadgen-follow").create()?)
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

    use super::*;

    fn send(brokers: &str, from: u8) {
        let producer: BaseProducer = service::kafka::producer(brokers, "test").create().unwrap();
        for n in from..from + 10 {
            producer.send(BaseRecord::to("order-events").key(&[n]).payload("{}")).unwrap();
        }
        producer.flush(Duration::from_secs(5)).unwrap();
    }

    fn read(events: &mut Events, count: usize) -> Vec<u8> {
        let (mut keys, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(20));
        while keys.len() < count && Instant::now() < deadline {
            events.read(|message| keys.push(message.key().unwrap()[0])).unwrap();
        }
        keys.sort_unstable();
        keys
    }

    #[test]
    fn a_new_client_reads_on_where_the_last_one_was() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("order-events", 2, 1).unwrap();
        let brokers = cluster.bootstrap_servers();
        send(&brokers, 0);
        let mut events = Events::open(&brokers, "order-events").unwrap();
        send(&brokers, 10);
        assert_eq!(read(&mut events, 10), (10..20).collect::<Vec<_>>());
        events.read_on().unwrap();
        send(&brokers, 20);
        assert_eq!(read(&mut events, 10), (20..30).collect::<Vec<_>>());
    }
}
