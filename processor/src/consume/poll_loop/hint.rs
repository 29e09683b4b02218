//! How far PostgreSQL is, told to Kafka and shown to whoever looks at the metrics.

use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::PollLoop;
use crate::metrics::show_lag;

/// How often Kafka hears how far PostgreSQL is.
const HINT_INTERVAL: Duration = Duration::from_secs(1);

impl PollLoop {
    fn show_lag(&self) {
        for (lane, feed) in &self.lanes {
            let topic = lane.topic(&self.config.topics);
            let ends = &self.consumer.context().ends;
            if let Some(lag) = ends.lag(topic, lane.partition, feed.committed()) {
                show_lag(topic, lane.partition, lag);
            }
        }
    }

    /// Tells Kafka how far PostgreSQL is, for lag tools. Never the other way.
    pub(super) fn hint(&mut self, last: bool) {
        if !last && self.hinted_at.elapsed() < HINT_INTERVAL {
            return;
        }
        self.hinted_at = Instant::now();
        self.show_lag();
        let mut list = TopicPartitionList::new();
        for (lane, feed) in &mut self.lanes {
            let committed = feed.claim.tenure.committed();
            if committed > feed.hinted && committed > 0 {
                feed.hinted = committed;
                let topic = lane.topic(&self.config.topics);
                let _unique =
                    list.add_partition_offset(topic, lane.partition, Offset::Offset(committed));
            }
        }
        if list.count() > 0 {
            let mode = if last { CommitMode::Sync } else { CommitMode::Async };
            if let Err(error) = self.consumer.commit(&list, mode) {
                tracing::debug!(%error, "offset hint not committed");
            }
        }
    }
}
