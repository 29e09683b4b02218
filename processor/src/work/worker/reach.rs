//! Reaching PostgreSQL: the worker's connection, made again for as long as it
//! takes, unless waiting is useless.

use std::time::{Duration, Instant};

use anyhow::Context;
use service::backoff::Backoff;
use sqlx::Connection;

use super::Worker;
use crate::store::sqlstate::{Remedy, remedy};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long a broken connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(500);

impl Worker {
    /// Makes sure that there is a connection.
    pub(super) async fn connect(&mut self) -> anyhow::Result<()> {
        if self.connection.is_some() {
            return Ok(());
        }
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut give_up_at: Option<Instant> = None;
        loop {
            match self.database.connect().await {
                Ok(connection) => {
                    self.connection = Some(connection);
                    self.health.pass("postgres");
                    return Ok(());
                }
                Err(error) if remedy(&error) == Remedy::Stop => {
                    return Err(error).context("PostgreSQL refuses us; waiting would not help");
                }
                Err(error) => {
                    self.health.fail("postgres", error.to_string());
                    tracing::warn!(%error, tries = backoff.tries(), "cannot reach PostgreSQL, trying again");
                }
            }
            if self.stop.is_cancelled() {
                let deadline =
                    *give_up_at.get_or_insert(Instant::now() + self.config.drain_deadline);
                anyhow::ensure!(
                    Instant::now() < deadline,
                    "stopped without drain: PostgreSQL cannot be reached"
                );
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    /// Drops a connection whose state is unknown.
    pub(super) async fn hang_up(&mut self, error: &sqlx::Error) {
        tracing::warn!(%error, "transaction failed, connecting again");
        if let Some(connection) = self.connection.take() {
            // Whether it hears us does not matter: the server ends the session.
            let _unheard = tokio::time::timeout(GOODBYE, connection.close_hard()).await;
        }
        tokio::time::sleep(FIRST_WAIT).await;
    }

    /// After a failed read: connect again, or stop when that is useless.
    pub(super) async fn remedy_read(&mut self, error: sqlx::Error) -> anyhow::Result<()> {
        match remedy(&error) {
            Remedy::Stop | Remedy::Bisect => Err(error).context("cannot read the books"),
            Remedy::Retry | Remedy::Reconnect => {
                self.hang_up(&error).await;
                Ok(())
            }
        }
    }
}
