//! What the poll loop looks at, first and between two bursts: whether the topics are
//! there, whether Kafka is back, and whether a lane was lost.

use std::time::{Duration, Instant};

use anyhow::ensure;
use contract::topic::Topics;
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::Metadata;
use service::kafka::membership::{Given, Kafka, Next};
use service::kafka::{Silence, has_lost_kafka, let_go};
use tokio_util::sync::CancellationToken;

use super::{PollLoop, join};

/// How long the broker may take to say which topics there are.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a broker that was away may take to show that it is back.
const KAFKA_LOOK: Duration = Duration::from_millis(500);

/// How often Kafka is asked whether the inputs are there, and how often while one is not.
const TOPICS_PAUSE: Duration = Duration::from_secs(10);
const MISSING_PAUSE: Duration = Duration::from_secs(1);

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

    /// Whether the inputs are still there. The client only warns of one that was deleted,
    /// gives its lanes back, and has nothing to do from then on.
    pub(super) fn look_for_topics(&mut self) {
        let now = Instant::now();
        if self.topics_at > now || self.config.health.is_failing("kafka") {
            return;
        }
        self.topics_at = now + TOPICS_PAUSE;
        for topic in [&self.config.topics.orders, &self.config.topics.stock] {
            // No answer says nothing of the topic.
            let Ok(answer) = self.consumer.fetch_metadata(Some(topic), KAFKA_LOOK) else { return };
            if let Some(why) = missing(topic, &answer) {
                self.topics_at = now + MISSING_PAUSE;
                if !self.config.health.is_failing("topics") {
                    tracing::error!(why, "an input topic is gone");
                }
                return self.config.health.fail("topics", why);
            }
        }
        self.config.health.pass("topics");
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
}

/// What is wrong with a topic, in words.
fn missing(topic: &str, answer: &Metadata) -> Option<String> {
    let found = answer.topics().iter().find(|found| found.name() == topic);
    let Some(found) = found else { return Some(format!("{topic} does not exist")) };
    if let Some(error) = found.error() {
        return Some(format!("{topic}: {}", RDKafkaErrorCode::from(error)));
    }
    found.partitions().is_empty().then(|| format!("{topic} has no partitions"))
}
