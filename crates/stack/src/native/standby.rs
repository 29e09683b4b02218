//! A second PostgreSQL that follows the first, and takes its place.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::postgres::{PASSWORD, Postgres, USER};
use super::process::Process;

/// Folder of the standby in the stack's.
pub const FOLDER: &str = "standby";

/// A copy of a cluster that streams its log.
#[derive(Debug)]
pub struct Standby {
    postgres: Postgres,
    process: Process,
}

impl Standby {
    /// Copies the running server on `primary` and lets the copy follow it on `port`.
    ///
    /// # Errors
    /// It cannot be copied, or the copy does not come up.
    pub async fn follow(
        postgres: &Postgres,
        stack_dir: &Path,
        primary: u16,
        port: u16,
    ) -> Result<Self> {
        let postgres = postgres.beside(&stack_dir.join(FOLDER));
        postgres.make_folder()?;
        let from = format!("host=127.0.0.1 port={primary} user={USER} password={PASSWORD}");
        let to = format!("--pgdata={}", postgres.data().display());
        let options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"];
        let line = ["pg_basebackup", "--dbname", &from, &to].into_iter().chain(options);
        postgres.run(&line.collect::<Vec<_>>()).await?;
        let process = postgres.start(port).await?;
        Ok(Self { postgres, process })
    }

    /// Stops it: what the first server does from now on it does not have.
    pub async fn stop(&mut self) {
        self.postgres.stop(&mut self.process).await;
    }

    /// Puts its data where those of the first server are, which must not run; that
    /// one's are kept aside.
    ///
    /// # Errors
    /// The folders cannot be moved.
    pub async fn take_place_of(mut self, first: &Postgres) -> Result<()> {
        self.stop().await;
        let aside = first.data().with_extension("failed");
        drop(fs::remove_dir_all(&aside));
        let moved = fs::rename(first.data(), aside)
            .and_then(|()| fs::rename(self.postgres.data(), first.data()));
        moved.context("cannot put the standby in the place of the first server")
    }
}
