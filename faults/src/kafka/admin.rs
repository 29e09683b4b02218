//! What a careless administrator does to a topic.

use anyhow::{Context, Result};
use contract::topic::PARTITIONS;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::{Instant, sleep};

use super::{DEADLINE, Kafka};

impl Kafka {
    /// Makes so many more partitions of `orders`.
    pub(crate) async fn grow(&self, by: usize) -> Result<()> {
        let count = self.partitions()?.len() + by;
        let grown = [NewPartitions::new(&self.orders, count)];
        let told = self.admin()?.create_partitions(&grown, &options()).await?;
        told.into_iter().try_for_each(|told| told.map(drop)).map_err(refused)
    }

    /// Removes every record of `orders` that is there now.
    pub(crate) async fn delete_records(&self) -> Result<()> {
        let begin = Instant::now();
        loop {
            let mut list = TopicPartitionList::new();
            for partition in self.partitions()? {
                let (_, end) = self.consumer.fetch_watermarks(&self.orders, partition, DEADLINE)?;
                list.add_partition_offset(&self.orders, partition, Offset::Offset(end))?;
            }
            let deleted = self.admin()?.delete_records(&list, &options()).await?;
            // Each partition has an answer of its own.
            let outcome = deleted.elements().iter().try_for_each(TopicPartitionListElem::error);
            match outcome {
                Ok(()) => return Ok(()),
                Err(error) if begin.elapsed() > DEADLINE => {
                    return Err(error).context("records stay");
                }
                Err(_not_yet) => sleep(std::time::Duration::from_millis(200)).await,
            }
        }
    }

    /// Deletes `orders` and makes it anew.
    pub(crate) async fn remake(&self) -> Result<()> {
        let admin = self.admin()?;
        let told = admin.delete_topics(&[&self.orders], &options()).await?;
        told.into_iter().try_for_each(|told| told.map(drop)).map_err(refused)?;
        let count = PARTITIONS.iter().find(|(name, _)| *name == contract::topic::ORDERS);
        let topic = NewTopic::new(
            &self.orders,
            count.map_or(1, |(_, count)| *count),
            TopicReplication::Fixed(1),
        );
        let begin = Instant::now();
        loop {
            let told = admin.create_topics([&topic], &options()).await?;
            match told.into_iter().try_for_each(|told| told.map(drop)) {
                // The broker is still at the deletion.
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) if begin.elapsed() < DEADLINE => {
                    sleep(std::time::Duration::from_millis(100)).await;
                }
                told => return told.map_err(refused),
            }
        }
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        self.client.create().context("cannot make a Kafka client")
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(DEADLINE)).request_timeout(Some(DEADLINE))
}

fn refused((topic, code): (String, RDKafkaErrorCode)) -> anyhow::Error {
    anyhow::anyhow!("the broker refuses {topic}: {code}")
}
