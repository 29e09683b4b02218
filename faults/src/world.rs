//! The system under fault: servers, our programs, and what actions need.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sqlx::PgConnection;
use stack::service::environment;
use stack::{Progress, Stack};

use crate::kafka::Kafka;
use crate::link::Links;
use crate::scenario::Program;
use crate::squad::Squad;

/// Programs that the harness runs.
const PROGRAMS: [&str; 6] = ["ingest", "processor", "notifier", "loadgen", "audit", "stack"];

/// Everything that runs.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) squad: Squad,
    pub(crate) links: Links,
    pub(crate) kafka: Kafka,
    /// Connections with open transactions.
    pub(crate) held: Vec<PgConnection>,
    /// Receipts of every load so far: the log goes on through all scenarios.
    pub(crate) receipts: Vec<PathBuf>,
    folder: PathBuf,
}

impl World {
    /// A fresh stack with one of each program, all ready.
    pub(crate) async fn create() -> Result<Self> {
        let folder = stack::build::programs(&PROGRAMS)?;
        let mut options = stack::Options::named("faults");
        options.data = stack::Data::Fresh;
        let bring_up = move || stack::up(&options, &mut Progress::stderr());
        let stack = tokio::task::spawn_blocking(bring_up).await??;
        let env = environment(stack.env())?;
        let value = |name: &str| {
            let found = env.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).with_context(|| format!("{name} is not set"))
        };
        let kafka = Kafka::new(stack.brokers(), &value("ORDERS_TOPIC")?, &value("STOCK_TOPIC")?)?;
        let ingest = value("INGEST_URL")?;
        let links = Links::new(stack.brokers(), stack.database_url(), &ingest).await?;
        let squad = Squad::new(folder.clone(), stack.dir().join("faults/logs"), env);
        let (held, receipts) = (Vec::new(), Vec::new());
        let mut world = Self { stack, squad, links, kafka, held, receipts, folder };
        for program in [Program::Ingest, Program::Processor(0), Program::Notifier] {
            world.start(program, &[])?;
        }
        world.squad.wait_until_ready().await?;
        Ok(world)
    }

    /// Starts a program behind its links, with settings beside the usual ones.
    ///
    /// # Errors
    /// It cannot be run.
    pub(crate) fn start(
        &mut self,
        program: Program,
        settings: &'static [(&'static str, &'static str)],
    ) -> Result<()> {
        let mut env = self.links.env(program)?;
        env.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.squad.start(program, env)
    }

    /// Where the programs are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a scenario's files go.
    pub(crate) fn files(&self, number: usize, name: &str) -> PathBuf {
        self.stack.dir().join(format!("faults/{number:02}-{name}"))
    }

    /// Drains and stops everything.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.held.clear();
        let drained = self.squad.stop_all().await;
        let stack = self.stack;
        tokio::task::spawn_blocking(move || stack.release()).await??;
        drained
    }
}
