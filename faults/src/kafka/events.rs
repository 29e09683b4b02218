//! Reads what the notifier is to tell.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use contract::header;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::{DEADLINE, Kafka, partitions};

/// What a long round has told can be read in this time.
const READ_DEADLINE: Duration = Duration::from_secs(60);

impl Kafka {
    /// Reads events up to where the topic ends now, from where `next` says, and notes
    /// their ids and when they were written. A client of its own reads: a fault may have confused another.
    ///
    /// # Errors
    /// The broker does not answer.
    pub(crate) fn read_events(
        &self,
        next: &mut HashMap<i32, i64>,
        mut note: impl FnMut(&str, SystemTime),
    ) -> Result<()> {
        let mut config = self.client.clone();
        config.set("group.id", "faults").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().context("cannot make a Kafka consumer")?;
        let deadline = Instant::now() + READ_DEADLINE;
        for partition in partitions(consumer.client(), &self.events, DEADLINE)? {
            let (low, end) = consumer.fetch_watermarks(&self.events, partition, DEADLINE)?;
            let next = next.entry(partition).or_insert(low);
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&self.events, partition, Offset::Offset(*next))?;
            consumer.assign(&list)?;
            while *next < end {
                ensure!(Instant::now() < deadline, "{} cannot be read", self.events);
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
                *next = message.offset() + 1;
                let written = message.timestamp().to_millis().unwrap_or_default();
                if let Some(id) = id(&message) {
                    note(id, UNIX_EPOCH + Duration::from_millis(written.unsigned_abs()));
                }
            }
        }
        Ok(())
    }
}

fn id<'a>(message: &'a BorrowedMessage<'_>) -> Option<&'a str> {
    let mut headers = message.headers()?.iter();
    let id = headers.find(|header| header.key == header::ID)?;
    std::str::from_utf8(id.value?).ok()
}

#[cfg(test)]
mod tests {
    use rdkafka::message::{Header, OwnedHeaders};
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseRecord, Producer};

    use super::*;

    #[test]
    fn each_event_is_read_once_with_its_time() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("events", 2, 1).unwrap();
        let topics = ["orders", "stock", "events"].map(str::to_owned);
        let kafka = Kafka::new(&cluster.bootstrap_servers(), topics).unwrap();
        let send = |id: &str, partition| {
            let id = Header { key: header::ID, value: Some(id) };
            let record = BaseRecord::<str, str>::to("events").partition(partition);
            let record = record.headers(OwnedHeaders::new().insert(id)).payload("{}");
            kafka.producer.send(record).map_err(|(error, _)| error).unwrap();
            kafka.producer.flush(DEADLINE).unwrap();
        };
        let (mut next, mut read) = (HashMap::new(), Vec::new());
        let mut look = |seen: &mut Vec<_>| {
            kafka
                .read_events(&mut next, |id, written| seen.push((id.to_owned(), written)))
                .unwrap();
        };
        let begun = SystemTime::now() - Duration::from_millis(1);
        [("a", 0), ("b", 1), ("c", 1)].into_iter().for_each(|(id, partition)| send(id, partition));
        look(&mut read);
        let between = SystemTime::now();
        send("d", 0);
        look(&mut read);
        assert!(read.iter().map(|(id, _)| id.as_str()).eq(["a", "b", "c", "d"]), "{read:?}");
        assert!(read[..3].iter().all(|(_, written)| (begun..=between).contains(written)));
        assert!(read[3].1 + Duration::from_millis(1) > between);
    }
}
