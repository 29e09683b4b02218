//! A stack for one benchmark, with a fresh database for each leg.
//!
//! The stack's own database is the template: it is stocked once, and each leg
//! begins with a copy of it. Topics of all legs are made at the start.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, ensure};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use stack::service::{Launch, Life, Service};
use stack::{Data, Options, PartitionOverride, Progress, Stack};

/// Programs that the benchmarks run.
const PROGRAMS: [&str; 6] = ["ingest", "processor", "notifier", "loadgen", "audit", "stack"];

/// The stack and everything a benchmark starts on it.
pub struct Bed {
    /// The servers.
    pub stack: Stack,
    programs: PathBuf,
    files: PathBuf,
    listen: Vec<(String, String)>,
}

impl Bed {
    /// Builds the programs and brings an empty stack up; these topics are there
    /// beside the usual ones.
    ///
    /// # Errors
    /// Something does not build or start.
    pub async fn up(topics: &[PartitionOverride]) -> anyhow::Result<Self> {
        let programs = stack::build::programs(&PROGRAMS)?;
        let mut options = Options::named("bench");
        options.data = Data::Fresh;
        options.override_partitions(topics);
        let up = move || stack::up(&options, &mut Progress::stderr());
        let stack =
            tokio::task::spawn_blocking(up).await.context("bringing the stack up died")??;
        let files = stack.dir().join("bench");
        std::fs::create_dir_all(&files)
            .with_context(|| format!("cannot make {}", files.display()))?;
        Ok(Self { stack, programs, files, listen: stack::service::listen_env()? })
    }

    /// A program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A file of this run; what an earlier run left there is gone.
    pub fn file(&self, name: &str) -> PathBuf {
        let file = self.files.join(name);
        // A result of an earlier run must not pass for one of this.
        let _missing = std::fs::remove_file(&file);
        file
    }

    /// Environment for our programs, with these changes.
    pub fn env(&self, changes: &[(&str, String)]) -> Vec<(String, String)> {
        let mut env = self.stack.env();
        let changes = changes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        for (name, value) in self.listen.iter().cloned().chain(changes) {
            env.retain(|(known, _)| *known != name);
            env.push((name, value));
        }
        env
    }

    /// Starts one of our services, and waits until it is ready.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn serve(
        &self,
        name: &'static str,
        args: &[&str],
        env: &[(String, String)],
    ) -> anyhow::Result<Service> {
        let launch = Launch {
            name,
            program: &self.program(name),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env,
            logs: &self.files.join("logs"),
            life: Life::WithCaller,
        };
        let mut service = Service::start(&launch)?;
        service.wait_until_ready().await?;
        Ok(service)
    }

    /// A copy of the stack's database under this name, all of it on disk. Nobody
    /// may be connected to the template.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn fresh_database(&self, name: &str) -> anyhow::Result<String> {
        let template = self.stack.database_url();
        let options = PgConnectOptions::from_str(template).context("no PostgreSQL URL")?;
        let source = options.get_database().context("DATABASE_URL names no database")?.to_owned();
        let mut connection = maintenance(template).await?;
        for statement in [
            format!("drop database if exists \"{name}\" with (force)"),
            format!("create database \"{name}\" template \"{source}\""),
            "checkpoint".to_owned(),
        ] {
            let statement = sqlx::raw_sql(AssertSqlSafe(statement));
            statement.execute(&mut connection).await.context("cannot make a fresh database")?;
        }
        connection.close().await?;
        self.database(name)
    }

    /// The URL of a database on this stack.
    ///
    /// # Errors
    /// The stack's own is none.
    pub fn database(&self, name: &str) -> anyhow::Result<String> {
        with_database(self.stack.database_url(), name)
    }

    /// Removes the database of a leg that is done with.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn drop_database(&self, name: &str) -> anyhow::Result<()> {
        let mut connection = maintenance(self.stack.database_url()).await?;
        let statement = format!("drop database if exists \"{name}\" with (force)");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Folder of the run's files.
    pub fn files(&self) -> &Path {
        &self.files
    }

    /// Stops the servers.
    ///
    /// # Errors
    /// They do not stop in time.
    pub async fn release(self) -> anyhow::Result<()> {
        tokio::task::spawn_blocking(move || self.stack.release())
            .await
            .context("the release died")?
    }
}

async fn maintenance(url: &str) -> anyhow::Result<PgConnection> {
    let options = PgConnectOptions::from_str(url).context("no PostgreSQL URL")?;
    options.database("postgres").connect().await.context("cannot connect to PostgreSQL")
}

fn with_database(url: &str, name: &str) -> anyhow::Result<String> {
    let (address, settings) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = address.rsplit_once('/').context("DATABASE_URL names no database")?;
    let separator = if settings.is_empty() { "" } else { "?" };
    Ok(format!("{server}/{name}{separator}{settings}"))
}

/// Asks `done` every `pause` until it says yes.
///
/// # Errors
/// It has not by the deadline, or it failed.
pub async fn wait_until(
    what: &str,
    (pause, deadline): (Duration, Duration),
    mut done: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let begun = std::time::Instant::now();
    while !done().await? {
        ensure!(begun.elapsed() < deadline, "{what} took longer than {deadline:?}");
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        let named = |url| with_database(url, "leg").unwrap();
        assert_eq!(named("postgres://u:p@h:1/orders"), "postgres://u:p@h:1/leg");
        assert_eq!(named("postgres://h/orders?a=b"), "postgres://h/leg?a=b");
    }
}
