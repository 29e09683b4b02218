//! What others left to this worker's lanes, and whether they are still its own. A
//! request in another lane than its order's has its effect there; its events and
//! its refund belong to the order's lane, whose owner nobody tells. It looks.

use std::time::{Duration, Instant};

use super::Worker;
use crate::decide::Outcome;
use crate::store::{self, ANSWER_MAX};

/// From one look to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// A slow database is looked at less often: at most this part of the time, but not
/// much later, for nobody else sees to what was left.
const SHARE: u32 = 20;
const INTERVAL_MAX: Duration = Duration::from_secs(10);

impl Worker {
    /// When to look next; never without lanes.
    pub(super) fn sweep_at(&self) -> Option<Instant> {
        (!self.desk.lanes.is_empty()).then_some(self.sweep_at)
    }

    /// Publishes and asks what is pending and not under way, when it is time. A
    /// lane without records hears only here that it has another owner.
    pub(super) async fn sweep(&mut self) -> anyhow::Result<()> {
        if self.sweep_at().is_none_or(|at| Instant::now() < at) {
            return Ok(());
        }
        // Nobody who stops waits for PostgreSQL because of this.
        let stop = self.stop.clone();
        tokio::select! {
            connected = self.connect() => connected?,
            () = stop.cancelled() => return Ok(()),
        }
        let begun = Instant::now();
        let claims = self.desk.claims();
        let retired = self.retired.values().flat_map(|retired| &retired.outbox);
        let known: Vec<i64> = self.desk.rows().chain(retired.copied()).collect();
        let Some(connection) = self.connection.as_mut() else { return Ok(()) };
        let looking = store::pending(connection, &self.database, &claims, &known);
        match store::answered(ANSWER_MAX, looking).await {
            Ok(mut pending) => {
                if !pending.lost.is_empty() {
                    self.drop_lost_lanes().await?;
                }
                if !pending.outbox.is_empty() {
                    tracing::info!(rows = pending.outbox.len(), "publishing what other lanes left");
                }
                let answered: Vec<_> = self.outcomes.iter().map(Outcome::order_id).collect();
                pending.refunds.retain(|refund| !answered.contains(&refund.order_id));
                let questions = self.desk.take_in(pending);
                self.cashier.ask(questions);
            }
            Err(error) => self.remedy_read(error).await?,
        }
        let pause = (begun.elapsed() * SHARE).clamp(INTERVAL, INTERVAL_MAX);
        self.sweep_at = Instant::now() + pause;
        Ok(())
    }
}
