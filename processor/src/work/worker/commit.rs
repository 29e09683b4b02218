//! Getting a batch committed whatever the database does: retry, reconnect, ask
//! whether a commit took place, halve the batch around a refused record, or
//! stop.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use service::backoff::Backoff;

use super::Worker;
use crate::decide::Outcome;
use crate::lane::{LaneId, Record, Standing};
use crate::store::sqlstate::{self, Remedy};
use crate::store::{self, ANSWER_MAX, Applied, ApplyError, Batch, DeadLetter, Retired};
use crate::work::read::{ReadBatch, read, shortened};

/// Tries of one transaction before the batch is halved to shorten its locks.
const TRIES_MAX: u32 = 8;
/// Orders that an error names at most.
const ORDERS_NAMED: usize = 20;

/// What became of one transaction.
enum Attempt {
    Done,
    /// Some of its lanes have another owner.
    Fenced,
    /// PostgreSQL refuses a value in it.
    Refused(sqlx::Error),
}

/// What rides in a commit beside its records.
#[derive(Default)]
pub(super) struct Riders {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) retired: BTreeMap<LaneId, Retired>,
}

impl Riders {
    pub(super) fn are_none(&self) -> bool {
        self.outcomes.is_empty() && self.retired.is_empty()
    }

    /// For the person who has to mend it: nothing else will.
    fn refused(&self, error: sqlx::Error) -> anyhow::Error {
        let orders: Vec<_> =
            self.outcomes.iter().map(|o| o.order_id().to_string()).take(ORDERS_NAMED).collect();
        let words = format!(
            "PostgreSQL refuses what rides with a batch: SQLSTATE {}, {}; {} settlements, of orders {}",
            sqlstate::code(&error).unwrap_or_default(),
            sqlstate::detail(&error).unwrap_or("without detail"),
            self.outcomes.len(),
            orders.join(", "),
        );
        anyhow::Error::new(error).context(words)
    }
}

impl Worker {
    pub(super) async fn commit_all(
        &mut self,
        records: &[Record],
        mut riders: Riders,
    ) -> anyhow::Result<()> {
        let mut parts: Vec<&[Record]> = vec![records];
        let mut admitted = false;
        while let Some(part) = parts.pop() {
            let batch = read(part.iter().filter(|r| self.desk.owns(r.lane)), &mut self.scratch);
            if !admitted {
                self.dead_letters.admit(batch.records.len(), batch.dead.len(), Instant::now())?;
                admitted = true;
            }
            match self.commit_part(batch, &riders).await? {
                Attempt::Done => riders = Riders::default(),
                Attempt::Fenced => {
                    self.drop_fenced_lanes().await?;
                    self.keep_owned(&mut riders);
                    parts.push(part);
                }
                // What rides goes first and alone: a record is to blame only for what is
                // refused without it, and burying one must not take the riders along.
                Attempt::Refused(_) if !part.is_empty() && !riders.are_none() => {
                    parts.extend([part, &[]]);
                }
                Attempt::Refused(error) => match part {
                    [] => return Err(riders.refused(error)),
                    [record] => self.bury(record, &error).await?,
                    _ => {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([second, first]);
                    }
                },
            }
        }
        Ok(())
    }

    /// A record that PostgreSQL refuses becomes a dead letter.
    async fn bury(&mut self, record: &Record, error: &sqlx::Error) -> anyhow::Result<()> {
        tracing::warn!(lane = %record.lane, offset = record.offset, %error, "record refused by the database");
        self.dead_letters.turned_dead(Instant::now())?;
        let code = sqlstate::code(error).unwrap_or_default();
        let message = shortened(format!("SQLSTATE {code}: {error}"));
        let dead = vec![DeadLetter { record, code: "refused_by_database", message }];
        let batch = ReadBatch { records: Vec::new(), dead };
        match self.commit_part(batch, &Riders::default()).await? {
            Attempt::Done => Ok(()),
            // The lane went elsewhere: its next owner meets the record.
            Attempt::Fenced => self.drop_fenced_lanes().await,
            Attempt::Refused(error) => Err(error).context("PostgreSQL refuses a dead letter"),
        }
    }

    async fn commit_part(
        &mut self,
        read: ReadBatch<'_>,
        riders: &Riders,
    ) -> anyhow::Result<Attempt> {
        let decided = read
            .records
            .iter()
            .map(|(record, _)| (record.lane, record.offset, Some(record.inbound.event_id)));
        let dead = read.dead.iter().map(|letter| (letter.record.lane, letter.record.offset, None));
        let advances = self.desk.advances(
            decided.chain(dead),
            &riders.outcomes,
            riders.retired.keys().copied(),
        );
        if advances.is_empty() {
            return Ok(Attempt::Done);
        }
        let mut retired = Retired::default();
        for lane in riders.retired.values() {
            retired.outbox.extend(&lane.outbox);
            retired.dead.extend(&lane.dead);
        }
        let unsettled = self.desk.unsettled.states_of(&riders.outcomes);
        let batch = Batch {
            advances: &advances,
            records: &read.records,
            dead: &read.dead,
            outcomes: &riders.outcomes,
            unsettled: &unsettled,
            retired: &retired,
        };
        self.run_transaction(&batch).await
    }

    async fn run_transaction(&mut self, batch: &Batch<'_>) -> anyhow::Result<Attempt> {
        let now = service::clock::now().to_string();
        let mut retry = Backoff::new(Duration::from_millis(5), Duration::from_millis(100));
        loop {
            let begun = Instant::now();
            self.connect().await?;
            let Some(connection) = self.connection.as_mut() else { continue };
            let applying = store::apply(connection, &self.database, batch, &mut self.seen, &now);
            // Whether it committed nobody can say, but whoever claims the lanes next.
            let applied = tokio::time::timeout(ANSWER_MAX, applying).await.context(
                "PostgreSQL gave no answer to a batch; started again, the processor goes on",
            )?;
            let error = match applied {
                Ok(applied) => {
                    self.metrics.commit.record(begun.elapsed());
                    self.applied(batch, applied);
                    return Ok(Attempt::Done);
                }
                Err(ApplyError::Fenced) => return Ok(Attempt::Fenced),
                Err(ApplyError::Ambiguous(error, applied)) => {
                    tracing::warn!(%error, "the answer to a commit was lost, asking whether it took place");
                    match self.resolve(batch).await? {
                        Resolved::Committed => {
                            self.applied(batch, *applied);
                            return Ok(Attempt::Done);
                        }
                        Resolved::NotCommitted => continue,
                        Resolved::Lost => return Ok(Attempt::Fenced),
                    }
                }
                Err(ApplyError::Database(error)) => error,
            };
            self.metrics.retries.increment(1);
            match sqlstate::remedy(&error) {
                Remedy::Retry if retry.tries() < TRIES_MAX => {
                    tokio::time::sleep(retry.next_delay()).await;
                }
                Remedy::Retry if batch.records.len() > 1 => return Ok(Attempt::Refused(error)),
                Remedy::Bisect => return Ok(Attempt::Refused(error)),
                Remedy::Retry | Remedy::Reconnect => self.hang_up(&error).await,
                Remedy::Stop => return Err(error).context("cannot apply a batch"),
            }
        }
    }

    /// Asks PostgreSQL whether the batch's commit took place.
    async fn resolve(&mut self, batch: &Batch<'_>) -> anyhow::Result<Resolved> {
        self.connection = None;
        for (lane, advance) in batch.advances {
            let claim = &advance.claim;
            let seq = self.committed_seq(*lane, claim.epoch).await?;
            match claim.standing(seq) {
                Standing::Ahead => return Ok(Resolved::Committed),
                Standing::Unchanged => return Ok(Resolved::NotCommitted),
                // Somebody else claimed this lane; another one may tell.
                Standing::Lost => {}
            }
        }
        Ok(Resolved::Lost)
    }

    /// Brings what is kept in memory in line with a committed batch.
    fn applied(&mut self, batch: &Batch<'_>, applied: Applied<'_>) {
        let metrics = &self.metrics;
        metrics.batch.record((batch.records.len() + batch.outcomes.len()) as f64);
        metrics.orders.increment(applied.effects.taken.len() as u64);
        metrics.settlements.increment(batch.outcomes.len() as u64);
        metrics.duplicates.increment(applied.duplicates);
        metrics.refused.increment(applied.effects.refusals.len() as u64);
        metrics.dead_letters.increment(batch.dead.len() as u64);
        let questions = self.desk.committed(batch, applied);
        self.cashier.ask(questions);
    }

    /// After a fence: it would refuse the same again unless a lane was lost.
    async fn drop_fenced_lanes(&mut self) -> anyhow::Result<()> {
        let held = self.desk.claims();
        self.drop_lost_lanes().await?;
        let stands: Vec<_> =
            held.iter().map(|claim| format!("{} at {}", claim.lane, claim.next_offset)).collect();
        anyhow::ensure!(
            self.desk.lanes.len() < held.len(),
            "partition_progress.next_offset is beyond where this processor, still its owner, has left it ({}): somebody \
             else moved it; started again, the processor reads on from there, without the records in between",
            stands.join(", ")
        );
        Ok(())
    }

    /// After a fence, or a look that found one lost: finds out which lanes have
    /// another owner and lets them go.
    pub(super) async fn drop_lost_lanes(&mut self) -> anyhow::Result<()> {
        self.metrics.fenced.increment(1);
        let held: Vec<_> =
            self.desk.lanes.iter().map(|(lane, owned)| (*lane, owned.claim.clone())).collect();
        for (lane, claim) in held {
            let seq = self.committed_seq(lane, claim.epoch).await?;
            if seq == Some(claim.commit_seq) {
                continue;
            }
            let (epoch, ours) = (claim.epoch, claim.commit_seq);
            anyhow::ensure!(
                seq.is_none_or(|seq| seq > ours),
                "lane {lane} stands at commit {seq:?} of epoch {epoch} although PostgreSQL confirmed {ours}: it was \
                 restored, or a standby took over that was behind; started again, the processor goes on from there"
            );
            anyhow::ensure!(
                seq.is_none(),
                "lane {lane} stands at commit {seq:?} of epoch {epoch}, not at {ours}: another process uses our claim"
            );
            tracing::warn!(%lane, epoch = claim.epoch, "lane has another owner, nothing of ours was written");
            let orders = self.desk.lose_lane(lane);
            self.cashier.forget(&orders);
        }
        Ok(())
    }

    /// How many commits PostgreSQL has seen of a lane under this epoch; `None`
    /// when another owner has claimed it.
    async fn committed_seq(&mut self, lane: LaneId, epoch: i64) -> anyhow::Result<Option<i64>> {
        loop {
            self.connect().await?;
            let Some(connection) = self.connection.as_mut() else { continue };
            let topic = self.database.topic(lane);
            let asked = store::committed_seq(connection, topic, lane.partition, epoch);
            match store::answered(ANSWER_MAX, asked).await {
                Ok(seq) => return Ok(seq),
                Err(error) => self.remedy_read(error).await?,
            }
        }
    }

    /// Leaves out what is another owner's to commit.
    pub(super) fn keep_owned(&self, riders: &mut Riders) {
        let desk = &self.desk;
        riders.outcomes.retain(|outcome| desk.may_settle(outcome));
        riders.retired.retain(|lane, _| desk.owns(*lane));
    }
}

enum Resolved {
    Committed,
    NotCommitted,
    /// All lanes of the batch have other owners.
    Lost,
}
