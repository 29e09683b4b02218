//! What a lane looks at between two turns: whether Kafka answers, and whether the
//! group still gives it partitions.

use std::time::Instant;

use service::kafka::membership::{Given, Kafka, Next};

use super::{Committed, Lane, Reading};
use crate::consumer::Member;

impl Lane {
    /// Whether a broker answers and has the topic, when it was away or nothing has
    /// come for long. The client tells of the loss only.
    pub(super) fn look_for_kafka(&mut self) -> anyhow::Result<()> {
        let silent = self.silence.is_long(Instant::now());
        if !silent && !self.health.is_failing(&self.condition) {
            return Ok(());
        }
        match self.reader.find_topic() {
            Ok(()) => self.health.pass(&self.condition),
            Err(error) => {
                self.health.fail(&self.condition, format!("{error:#}"));
                if silent && self.reader.join_anew_if_lost()? == Member::New {
                    self.begin_anew("Kafka answers others and not our consumer");
                }
            }
        }
        Ok(())
    }

    /// Whether the group gives back what was lost while Kafka was away.
    pub(super) fn look_for_membership(&mut self) -> anyhow::Result<()> {
        let away = self.health.is_failing(&self.condition);
        let kafka = if away { Kafka::Away } else { Kafka::There };
        let given = if self.partitions.is_empty() { Given::Nothing } else { Given::Partitions };
        if self.membership.look(given, kafka, Instant::now()) == Next::JoinAnew {
            self.reader.join_anew()?;
            self.begin_anew("Kafka is back and the group gives no partition");
        }
        Ok(())
    }

    /// Has all partitions placed in the log as it is now. The client does not say which
    /// of them lost its place.
    pub(super) fn find_place(&mut self) -> anyhow::Result<()> {
        tracing::error!(
            sink = self.name,
            "the log does not have the record to read next: it expired, or the topic was made anew"
        );
        self.reader.join_anew()?;
        self.begin_anew("to find the place in the log");
        Ok(())
    }

    /// Forgets what was read: a new member reads from the committed progress. What
    /// that counts as told stays.
    fn begin_anew(&mut self, why: &str) {
        tracing::warn!(sink = self.name, why, "joined the group anew");
        self.partitions.clear();
        self.rejoin.begin(Instant::now());
        self.committed = self.committed.leave_group(&mut self.chunk);
        if self.committed == Committed::Told {
            self.reading = Reading::On;
            self.health.pass(&self.telling);
            self.metrics.up.set(1.0);
        }
    }
}
