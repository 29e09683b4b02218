//! Claiming lanes: raises the epoch, so that the last owner's transactions
//! change nothing from here on, and learns where to read on.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use service::backoff::Backoff;
use service::health::Health;
use sqlx::{Connection, PgConnection, Row};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::lane::{Claim, LaneId, Tenure, Witness};
use crate::store::sqlstate::{Remedy, remedy};
use crate::store::{Database, answered};

/// A rebalance waits for this; it is below `max.poll.interval.ms` (5 minutes),
/// after which the group would go on without us.
const DEADLINE: Duration = Duration::from_secs(240);
/// One try: connecting, and three statements.
const TRY_MAX: Duration = Duration::from_secs(50);

/// Claims lanes for one process.
pub struct Claims {
    database: Database,
    owner: String,
    connection: Option<PgConnection>,
    health: Health,
    stop: CancellationToken,
}

impl Claims {
    /// Claims for this process, which calls itself `owner` in the tables, until
    /// `stop`.
    pub fn new(database: Database, owner: String, health: Health, stop: CancellationToken) -> Self {
        Self { database, owner, connection: None, health, stop }
    }

    /// Claims a lane. `lowest` is asked for the first offset of the log when
    /// nobody has claimed the lane before. `None` when stopped meanwhile.
    ///
    /// # Errors
    /// PostgreSQL or Kafka was away for longer than the deadline, or refuses us.
    pub async fn claim(
        &mut self,
        lane: LaneId,
        lowest: impl Fn() -> Option<i64>,
    ) -> anyhow::Result<Option<Claim>> {
        let stop = self.stop.clone();
        let claimed = stop.run_until_cancelled(self.until_claimed(lane, lowest)).await;
        claimed.transpose()
    }

    async fn until_claimed(
        &mut self,
        lane: LaneId,
        lowest: impl Fn() -> Option<i64>,
    ) -> anyhow::Result<Claim> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        let give_up_at = Instant::now() + DEADLINE;
        loop {
            match answered(TRY_MAX, self.try_claim(lane, &lowest)).await {
                Ok(claim) => {
                    self.health.pass("claim");
                    return Ok(claim);
                }
                Err(error) if matches!(remedy(&error), Remedy::Stop | Remedy::Bisect) => {
                    return Err(error).context(
                        "cannot claim a partition; is the schema migrated (processor migrate)?",
                    );
                }
                Err(error) if Instant::now() >= give_up_at => {
                    return Err(error)
                        .with_context(|| format!("cannot claim {lane} within {DEADLINE:?}"));
                }
                Err(error) => {
                    tracing::warn!(%lane, %error, "cannot claim yet, trying again");
                    self.health.fail("claim", error.to_string());
                    self.connection = None;
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        }
    }

    async fn try_claim(
        &mut self,
        lane: LaneId,
        lowest: &impl Fn() -> Option<i64>,
    ) -> Result<Claim, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.connect().await?,
        };
        let mut transaction = connection.begin().await?;
        let topic = self.database.topic(lane);
        let known: Option<i64> = sqlx::query_scalar(
            "select next_offset from partition_progress where topic = $1 and partition = $2 for no key update",
        )
        .bind(topic)
        .bind(lane.partition)
        .fetch_optional(&mut *transaction)
        .await?;
        // Nothing is assumed: what is written here decides what counts as gone.
        let unknown = || io::Error::other("Kafka does not say where the log begins");
        let start = known.or_else(lowest).ok_or_else(unknown)?;
        let row = sqlx::query(
            "insert into partition_progress as p (topic, partition, epoch, next_offset, resume_offset, owner) \
             values ($1, $2, 1, $3, $3, $4) \
             on conflict (topic, partition) do update \
                 set epoch = p.epoch + 1, owner = excluded.owner, updated_at = now() \
             returning epoch, next_offset, resume_offset, commit_seq, newest_offset, newest_event_id",
        )
        .bind(topic)
        .bind(lane.partition)
        .bind(start)
        .bind(&self.owner)
        .fetch_one(&mut *transaction)
        .await?;
        let next_offset = row.try_get(1)?;
        let newest: (Option<i64>, Option<Uuid>) = (row.try_get(4)?, row.try_get(5)?);
        let newest = newest.0.zip(newest.1).map(|(offset, event_id)| Witness { offset, event_id });
        let claim = Claim {
            lane,
            epoch: row.try_get(0)?,
            next_offset,
            witness: newest.filter(|witness| witness.offset < next_offset),
            resume_offset: row.try_get(2)?,
            commit_seq: row.try_get(3)?,
            tenure: Arc::new(Tenure::default()),
        };
        transaction.commit().await?;
        self.connection = Some(connection);
        Ok(claim)
    }
}
