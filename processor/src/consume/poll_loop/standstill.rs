//! What the poll loop looks at between two bursts, second part: whether a lane stands
//! still, and which records are gone from a log.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rdkafka::consumer::Consumer;

use super::PollLoop;
use crate::consume::probe::{Found, look};
use crate::consume::watchdog::Standing;
use crate::lane::LaneId;

/// How long a broker may take to say where a partition ends.
const END_LOOK: Duration = Duration::from_secs(2);

impl PollLoop {
    /// A lane that stands still is told of, and the process not ready, until it gets on.
    pub(super) fn look_for_standstill(&mut self) -> anyhow::Result<()> {
        if self.config.health.is_failing("kafka") {
            return Ok(());
        }
        let now = Instant::now();
        let mut waiting = Vec::new();
        for (lane, feed) in &mut self.lanes {
            let committed = feed.committed();
            match feed.watchdog.look(committed, feed.expected, now) {
                Standing::Fine => feed.trouble = None,
                Standing::AsBefore => {}
                Standing::Working(still) => {
                    let records = feed.expected - committed;
                    let trouble = format!(
                        "{lane} stands still with {records} records read and not committed, for {still:.0?}"
                    );
                    tracing::warn!("{trouble}");
                    feed.trouble = Some(trouble);
                }
                Standing::Waiting(still) => waiting.push((*lane, still)),
            }
        }
        for (lane, still) in waiting {
            self.look_for_records(lane, still, now)?;
        }
        match self.lanes.values().find_map(|feed| feed.trouble.as_deref()) {
            Some(trouble) => self.config.health.fail("lanes", trouble),
            None => self.config.health.pass("lanes"),
        }
        Ok(())
    }

    /// A lane that gets no records although the log has some ends the process, for only
    /// joining anew makes it fetch again.
    fn look_for_records(
        &mut self,
        lane: LaneId,
        still: Duration,
        now: Instant,
    ) -> anyhow::Result<()> {
        let Some(feed) = self.lanes.get_mut(&lane) else { return Ok(()) };
        let (topic, next) = (lane.topic(&self.config.topics), feed.expected);
        let end = match self.consumer.fetch_watermarks(topic, lane.partition, END_LOOK) {
            Ok((_, end)) => end,
            Err(error) => {
                feed.watchdog.ask_again(now);
                feed.trouble = Some(format!("Kafka does not say where {lane} ends: {error}"));
                return Ok(());
            }
        };
        feed.trouble = None;
        let overdue = feed.watchdog.must_end(next, end, now);
        // The client does not always say that its offset is gone.
        ensure!(end >= next, "{}", self.name_the_gap());
        ensure!(
            !overdue || look(&self.config.brokers, topic, lane.partition, next) == Found::Nothing,
            "{lane} got no record for {still:?} though the log has more, up to {end}; start again to join the group anew"
        );
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
