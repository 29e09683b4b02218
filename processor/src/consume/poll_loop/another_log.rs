//! Whether the log of a lane is still the one that was read: a topic that was made anew
//! may have grown past the place where the old one was left. Then nothing is out of range,
//! and what is before would be passed over.

use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context, bail};

use super::PollLoop;
use crate::consume::probe::{Log, compare};
use crate::lane::{LaneId, Witness};

/// A question that is under way, on a thread of its own: Kafka may take seconds, and
/// polling goes on.
pub(super) struct Question {
    lane: LaneId,
    witness: Witness,
    asked: JoinHandle<Log>,
}

impl PollLoop {
    pub(super) fn look_for_another_log(&mut self) -> anyhow::Result<()> {
        match self.question.take() {
            Some(question) if !question.asked.is_finished() => self.question = Some(question),
            Some(Question { lane, witness, asked }) => match asked.join() {
                Ok(log) => self.heard_of_log(lane, &witness, log)?,
                Err(_) => bail!("the thread that looks into {lane} panicked"),
            },
            None if self.config.health.is_failing("kafka") => {}
            None => self.ask_for_log()?,
        }
        Ok(())
    }

    fn ask_for_log(&mut self) -> anyhow::Result<()> {
        let Some((lane, witness)) = self.doubts.next(Instant::now()) else { return Ok(()) };
        let (brokers, topic) =
            (self.config.brokers.clone(), lane.topic(&self.config.topics).to_owned());
        let ask = move || compare(&brokers, &topic, lane.partition, &witness);
        let asked = std::thread::Builder::new().name("look".into()).spawn(ask);
        let asked = asked.context("cannot start a thread to look into the log")?;
        self.question = Some(Question { lane, witness, asked });
        Ok(())
    }

    fn heard_of_log(&mut self, lane: LaneId, witness: &Witness, log: Log) -> anyhow::Result<()> {
        let topic = lane.topic(&self.config.topics);
        match log {
            Log::Known => {
                self.doubts.lay(lane, witness);
                // A lane that was claimed again meanwhile may have another witness.
                let claim = self.lanes.get(&lane).map(|feed| &feed.claim);
                if let Some(claim) = claim.filter(|claim| claim.witness.as_ref() == Some(witness)) {
                    claim.tenure.set_knows_log();
                }
            }
            Log::Silent => self.doubts.postpone(lane, Instant::now()),
            Log::Another => bail!(
                "{topic}/{} is not the log that was read before: event {} is not at offset {} any more. \
                 Restore the topic, or begin with an empty database",
                lane.partition,
                witness.event_id,
                witness.offset
            ),
        }
        Ok(())
    }
}
