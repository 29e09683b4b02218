//! Records that should not be: unreadable ones, refusable ones, copies.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use contract::{OrderId, header};
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use super::{DEADLINE, Kafka};

const NEW_ORDER: &str = "order.created.v1";
/// A whole log of an hour of faults can be read in this time.
const COPY_DEADLINE: Duration = Duration::from_secs(60);

impl Kafka {
    /// Puts records on `orders` that nobody can read, one kind on each partition.
    pub(crate) fn poison(&self) -> Result<()> {
        let bodies: [Option<&[u8]>; 4] =
            [None, Some(b"\xff\xfe"), Some(b"{\"customerId\":"), Some(b"[]")];
        for partition in self.partitions()? {
            for body in bodies {
                let mut record = BaseRecord::<[u8], [u8]>::to(&self.orders).partition(partition);
                record.payload = body;
                self.producer.send(record).map_err(|(error, _)| error)?;
            }
        }
        Ok(self.producer.flush(DEADLINE)?)
    }

    /// Puts an order on each partition that is valid for all of our code, and of
    /// a time that PostgreSQL does not know.
    pub(crate) fn refusable(&self) -> Result<()> {
        for partition in self.partitions()? {
            let id = OrderId::mint().to_string();
            let headers = [
                (header::SPEC_VERSION, header::SPEC_VERSION_VALUE),
                (header::ID, id.as_str()),
                (header::TYPE, NEW_ORDER),
                (header::TIME, "-005000-01-01T00:00:00Z"),
            ];
            let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(*value) })
            });
            let record = BaseRecord::to(&self.orders).partition(partition).headers(headers);
            let record = record.key(id.as_str()).payload(
                r#"{"customerId":"c-1","items":[{"productId":"p-00000","quantity":1,"price":1}]}"#,
            );
            self.producer.send::<str, str>(record).map_err(|(error, _)| error)?;
        }
        Ok(self.producer.flush(DEADLINE)?)
    }

    /// Puts copies of the newest `count` orders of each partition on the next one.
    pub(crate) fn redeliver(&self, count: i64) -> Result<()> {
        let partitions = self.partitions()?;
        let all = i32::try_from(partitions.len())?;
        for partition in partitions {
            let (low, end) = self.consumer.fetch_watermarks(&self.orders, partition, DEADLINE)?;
            let begin = low.max(end.saturating_sub(count));
            self.copy(partition, (begin, end), (partition + 1) % all)?;
        }
        Ok(self.producer.flush(DEADLINE)?)
    }

    fn copy(&self, from: i32, (begin, end): (i64, i64), to: i32) -> Result<()> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.orders, from, Offset::Offset(begin))?;
        self.consumer.assign(&list)?;
        let deadline = Instant::now() + COPY_DEADLINE;
        let mut next = begin;
        while next < end {
            ensure!(Instant::now() < deadline, "{} / {from} cannot be read", self.orders);
            let Some(message) = self.consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message?;
            next = message.offset() + 1;
            // A cancellation that overtakes its order is another event, not a copy.
            if is_new_order(&message) {
                self.send_copy(&message, to)?;
            }
        }
        self.consumer.unassign()?;
        Ok(())
    }

    fn send_copy(&self, message: &BorrowedMessage<'_>, to: i32) -> Result<()> {
        let mut headers = OwnedHeaders::new();
        for header in message.headers().into_iter().flat_map(Headers::iter) {
            headers = headers.insert(Header { key: header.key, value: header.value });
        }
        let mut record = BaseRecord::to(&self.orders).partition(to).headers(headers);
        (record.key, record.payload) = (message.key(), message.payload());
        while let Err((error, back)) = self.producer.send::<[u8], [u8]>(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            self.producer.flush(DEADLINE)?;
            record = back;
        }
        Ok(())
    }
}

fn is_new_order(message: &BorrowedMessage<'_>) -> bool {
    let mut headers = message.headers().into_iter().flat_map(Headers::iter);
    headers.any(|header| header.key == header::TYPE && header.value == Some(NEW_ORDER.as_bytes()))
}
