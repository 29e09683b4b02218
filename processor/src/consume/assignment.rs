//! librdkafka's callbacks. They run inside `poll`, on the poll loop's thread.
//!
//! On assignment each partition is claimed and its start offset set from the
//! claim. On revocation nothing is waited for: the next owner's claim waits for
//! a transaction of ours that is under way, and refuses every later one, so a
//! revocation cannot deadlock and cannot be too late.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::Offset;
use service::kafka::extent;
use tokio::runtime::Handle;

use super::Claims;
use super::lag::Ends;
use crate::lane::{Claim, LaneId};
use crate::store::Database;

/// How long to wait for the broker's word on where a new lane's log begins.
const EXTENT_PATIENCE: Duration = Duration::from_secs(10);

/// What a rebalance changed.
#[derive(Debug)]
pub(super) enum Change {
    Assigned(Claim),
    Revoked(LaneId),
    /// A partition could not be claimed: the process cannot go on.
    Failed(anyhow::Error),
}

pub(super) struct Assignment {
    runtime: Handle,
    database: Database,
    claims: Arc<Mutex<Claims>>,
    changes: Mutex<VecDeque<Change>>,
    pub(super) ends: Ends,
}

impl Assignment {
    pub(super) fn new(runtime: Handle, database: Database, claims: Claims) -> Self {
        let claims = Arc::new(Mutex::new(claims));
        Self { runtime, database, claims, changes: Mutex::default(), ends: Ends::default() }
    }

    /// For a consumer in place of the one that has this: the same claims, no changes.
    pub(super) fn renewed(&self) -> Self {
        Self {
            runtime: self.runtime.clone(),
            database: self.database.clone(),
            claims: self.claims.clone(),
            changes: Mutex::default(),
            ends: Ends::default(),
        }
    }

    /// The oldest change that nobody has taken.
    pub(super) fn next_change(&self) -> Option<Change> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn push(&self, change: Change) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push_back(change);
    }

    fn claim_all(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> anyhow::Result<()> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        for mut element in partitions.elements() {
            let (topic, partition) = (element.topic().to_owned(), element.partition());
            let Some(source) = self.database.source(&topic) else { continue };
            let lowest = || lowest_offset(consumer, &topic, partition);
            let claim = claims.claim(LaneId { source, partition }, lowest);
            // Stopped: what is not claimed stays unknown, and its records unread.
            let Some(claim) = self.runtime.block_on(claim)? else { return Ok(()) };
            element.set_offset(Offset::Offset(claim.next_offset))?;
            self.push(Change::Assigned(claim));
        }
        Ok(())
    }
}

/// Where a log begins.
fn lowest_offset(consumer: &BaseConsumer<Assignment>, topic: &str, partition: i32) -> Option<i64> {
    match extent(consumer, topic, partition, EXTENT_PATIENCE) {
        Ok((low, _)) => Some(low),
        Err(error) => {
            tracing::warn!(%topic, partition, %error, "cannot learn where the log begins");
            None
        }
    }
}

impl ClientContext for Assignment {
    fn error(&self, error: KafkaError, reason: &str) {
        // Each one also comes back from poll, where it is counted and judged.
        tracing::debug!(%error, reason, "kafka");
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.ends.hear(statistics);
    }
}

impl ConsumerContext for Assignment {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                if let Err(error) = self.claim_all(consumer, partitions) {
                    self.push(Change::Failed(error));
                }
            }
            Rebalance::Revoke(partitions) => {
                for element in partitions.elements() {
                    if let Some(source) = self.database.source(element.topic()) {
                        self.push(Change::Revoked(LaneId {
                            source,
                            partition: element.partition(),
                        }));
                    }
                }
            }
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance error"),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            // Committed offsets are hints for lag tools; the next one follows.
            tracing::debug!(%error, "offset hint not committed");
        }
    }
}
