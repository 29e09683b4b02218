//! What the poll loop looks at, first and between two bursts: whether the topics are
//! there, whether Kafka is back, whether a lane was lost or stands still, whether it is
//! still the log that was read, and which records are gone from it.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use contract::topic::Topics;
use rdkafka::consumer::Consumer;
use service::kafka::membership::{Given, Kafka, Next};
use service::kafka::{Silence, has_lost_kafka, let_go};
use tokio_util::sync::CancellationToken;

use super::{PollLoop, join};
use crate::consume::probe::{Found, Log, compare, look};
use crate::consume::watchdog::Standing;

/// How long the broker may take to say which topics there are.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a broker that was away may take to show that it is back.
const KAFKA_LOOK: Duration = Duration::from_millis(500);

/// How long a broker may take to say where a partition ends.
const END_LOOK: Duration = Duration::from_secs(2);

/// Until Kafka is asked again which log it holds.
const COMPARE_PAUSE: Duration = Duration::from_secs(10);

/// How long a lane may have another owner while the group gives it to us. A
/// process that was away hears within its session time-out (10 s) that it is out.
const LOST_GRACE: Duration = Duration::from_secs(30);

impl PollLoop {
    /// Waits for Kafka, and only for Kafka: topics do not appear by waiting.
    pub(super) fn find_topics(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        while !stop.is_cancelled() {
            let metadata = match self.consumer.fetch_metadata(None, METADATA_TIMEOUT) {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.config.health.fail("kafka", error.to_string());
                    tracing::warn!(%error, "cannot reach Kafka, trying again");
                    self.join_anew_if_lost()?;
                    continue;
                }
            };
            let Topics { orders, stock, order_events, dlq } = &self.config.topics;
            for topic in [orders, stock, order_events, dlq] {
                let known = metadata.topics().iter().any(|known| known.name() == topic);
                ensure!(
                    known,
                    "topic {topic} does not exist; create it (cargo stack up does) and start again"
                );
            }
            self.config.health.pass("kafka");
            return Ok(());
        }
        Ok(())
    }

    /// Whether Kafka answers, when it was away or nothing has come for long.
    /// librdkafka tells of the loss only; without records nothing else would tell of
    /// the return.
    pub(super) fn look_for_kafka(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let silent = self.silence.is_long(now);
        if !silent && !self.config.health.is_failing("kafka") {
            return Ok(());
        }
        match self.consumer.fetch_metadata(Some(&self.config.topics.orders), KAFKA_LOOK) {
            Ok(_) => {
                self.silence = Silence::from(now);
                self.config.health.pass("kafka");
            }
            Err(error) if silent => {
                self.config.health.fail("kafka", error.to_string());
                self.join_anew_if_lost()?;
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// Takes a new consumer in place of one that has lost Kafka.
    pub(super) fn join_anew_if_lost(&mut self) -> anyhow::Result<()> {
        if !has_lost_kafka(self.consumer.client(), &self.config.brokers) {
            return Ok(());
        }
        tracing::warn!("Kafka answers others and not our consumer: joining the group anew");
        self.join_anew()
    }

    /// The same for one that lost its lanes while Kafka was away and gets none back.
    pub(super) fn look_for_membership(&mut self) -> anyhow::Result<()> {
        let away = self.config.health.is_failing("kafka");
        let kafka = if away { Kafka::Away } else { Kafka::There };
        let given = if self.lanes.is_empty() { Given::Nothing } else { Given::Partitions };
        match self.membership.look(given, kafka, Instant::now()) {
            Next::Wait => Ok(()),
            Next::JoinAnew => {
                tracing::warn!("Kafka is back and the group gives no partition: joining it anew");
                self.join_anew()
            }
        }
    }

    fn join_anew(&mut self) -> anyhow::Result<()> {
        let lanes: Vec<_> = self.lanes.keys().copied().collect();
        lanes.into_iter().for_each(|lane| self.revoked(lane));
        let fresh = join(&self.config, self.consumer.context().renewed())?;
        // It has no lanes any more, and nothing of it is needed.
        let_go(std::mem::replace(&mut self.consumer, fresh));
        Ok(())
    }

    /// A topic that was made anew may have grown past the place where the old one was
    /// read: then nothing is out of range, and what is before would be passed over.
    pub(super) fn look_for_another_log(&mut self) -> anyhow::Result<()> {
        if self.compare_at > Instant::now() || self.config.health.is_failing("kafka") {
            return Ok(());
        }
        // One lane at a time: the others get their records between.
        let next =
            self.lanes.iter_mut().find_map(|(lane, feed)| Some((*lane, feed.witness?, feed)));
        let Some((lane, witness, feed)) = next else { return Ok(()) };
        let topic = lane.topic(&self.config.topics);
        match compare(&self.config.brokers, topic, lane.partition, &witness) {
            Log::Known => feed.witness = None,
            Log::Silent => self.compare_at = Instant::now() + COMPARE_PAUSE,
            Log::Another => bail!(
                "{topic}/{} is not the log that was read before: order {} is not at offset {} any more. \
                 Restore the topic, or begin with an empty database",
                lane.partition,
                witness.order_id,
                witness.offset
            ),
        }
        Ok(())
    }

    /// A process that stood still between its assignment and its claim takes the
    /// lane from whoever the group gave it to meanwhile, and then hears that it is
    /// out. Nobody works on the lane: the owner by the group's word has to end, for
    /// only joining anew makes it claim again.
    pub(super) fn look_for_lost_lanes(&mut self) -> anyhow::Result<()> {
        let away = self.config.health.is_failing("kafka");
        for (lane, feed) in &mut self.lanes {
            if away || !feed.claim.tenure.has_ended() {
                feed.lost_at = None;
                continue;
            }
            let lost_at = feed.lost_at.get_or_insert_with(Instant::now);
            ensure!(
                lost_at.elapsed() < LOST_GRACE,
                "{lane} was claimed by another process, yet the group gives it to us; start again to claim it"
            );
        }
        Ok(())
    }

    /// A lane that stands still is told of; one that gets no records although the
    /// log has some ends the process, for only joining anew makes it fetch again.
    pub(super) fn look_for_standstill(&mut self) -> anyhow::Result<()> {
        if self.config.health.is_failing("kafka") {
            return Ok(());
        }
        let now = Instant::now();
        for (lane, feed) in &mut self.lanes {
            // Nothing is committed yet: it stands where it was claimed.
            let committed = feed.claim.tenure.committed().max(feed.claim.next_offset);
            let next = feed.expected;
            match feed.watchdog.look(committed, next, now) {
                Standing::Fine => {}
                Standing::Working(still) => tracing::warn!(
                    %lane, ?still, records = next - committed,
                    "lane stands still with records read and not committed"
                ),
                Standing::Waiting(still) => {
                    let topic = lane.topic(&self.config.topics);
                    let ends = self.consumer.fetch_watermarks(topic, lane.partition, END_LOOK);
                    let Ok((_, end)) = ends else { continue };
                    // The client does not always say that its offset is gone.
                    ensure!(end >= next, "{}", self.name_the_gap());
                    ensure!(
                        !feed.watchdog.must_end(next, end, now)
                            || look(&self.config.brokers, topic, lane.partition, next)
                                == Found::Nothing,
                        "{lane} got no record for {still:?} though the log has more, up to {end}; start again to join the group anew"
                    );
                }
            }
        }
        Ok(())
    }

    /// Says which records are gone, for the person who has to decide.
    pub(super) fn name_the_gap(&self) -> String {
        let mut gaps = Vec::new();
        for (lane, feed) in &self.lanes {
            let topic = lane.topic(&self.config.topics);
            match self.consumer.fetch_watermarks(topic, lane.partition, Duration::from_secs(5)) {
                Ok((low, high)) if feed.expected < low || feed.expected > high => {
                    gaps.push(format!(
                        "{topic}/{} stands at offset {} but the log holds {low}..{high}",
                        lane.partition, feed.expected
                    ));
                }
                _ => {}
            }
        }
        format!(
            "records that were not processed are gone from the log: {}; restore the topic. To accept the loss of what \
             was deleted, set next_offset and resume_offset in partition_progress by hand; a topic that was made anew \
             needs an empty database, for its records stand at places that are taken",
            if gaps.is_empty() {
                "the broker does not say which".to_owned()
            } else {
                gaps.join(", ")
            }
        )
    }
}
