//! The system under fault: servers, our programs, and what actions need.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sqlx::PgConnection;
use stack::service::environment;
use stack::{Progress, Stack};

use crate::kafka::Kafka;
use crate::link::Links;
use crate::load::{Dial, Load, Seen};
use crate::needs::{Needs, SmallDisk};
use crate::notices::Notices;
use crate::scenario::Program;
use crate::squad::{Programs, Squad};

/// The usual stack; one on a small disk has another.
pub(crate) const STACK: &str = "faults";
/// The folder of the rounds' files in that of a stack.
const ROUNDS: &str = "faults";
/// The folder of what the programs say, beside those of the rounds.
pub(crate) const LOGS: &str = "logs";
/// Programs that the harness runs.
pub(crate) const PROGRAMS: [&str; 6] =
    ["ingest", "processor", "notifier", "loadgen", "audit", "stack"];

/// Everything that runs.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) squad: Squad,
    pub(crate) links: Links,
    pub(crate) kafka: Kafka,
    /// Connections with open transactions.
    pub(crate) held: Vec<PgConnection>,
    /// The load of the round that is played.
    pub(crate) load: Option<Load>,
    /// Receipts of every load so far: the log goes on through all scenarios.
    pub(crate) receipts: Vec<PathBuf>,
    /// Events and their notifications so far.
    pub(crate) notices: Notices,
    /// Programs that a scenario has started in its own way.
    unusual: BTreeSet<Program>,
    folder: PathBuf,
    /// Unmounted after the servers have ended: fields are dropped in their order.
    disk: Option<SmallDisk>,
}

impl World {
    /// A fresh stack with one of each program, all ready; a server's data may lie on a
    /// small disk.
    ///
    /// # Errors
    /// Something does not start.
    pub(crate) async fn create(programs: Programs, needs: Needs) -> Result<Self> {
        let (options, disk) = options(needs)?;
        let bring_up = move || stack::up(&options, &mut Progress::stderr());
        let stack = tokio::task::spawn_blocking(bring_up).await??;
        let env = environment(stack.env())?;
        let value = |name: &str| {
            let found = env.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).with_context(|| format!("{name} is not set"))
        };
        let topics = [value("ORDERS_TOPIC")?, value("STOCK_TOPIC")?, value("ORDER_EVENTS_TOPIC")?];
        let kafka = Kafka::new(stack.brokers(), topics)?;
        let ingest = value("INGEST_URL")?;
        let links = Links::new(stack.brokers(), stack.database_url(), &ingest).await?;
        let logs = stack.dir().join(ROUNDS).join(LOGS);
        let folder = programs.folder.clone();
        let squad = Squad::new(programs, logs, env);
        let (held, receipts, unusual) = (Vec::new(), Vec::new(), BTreeSet::new());
        let (load, notices) = (None, Notices::default());
        let mut world = Self {
            stack,
            squad,
            links,
            kafka,
            held,
            load,
            receipts,
            notices,
            unusual,
            folder,
            disk,
        };
        if let Err(error) = world.start_all().await {
            // What has started lives as long as the harness, and would be in the way.
            let _outcome = world.end().await;
            return Err(error);
        }
        Ok(world)
    }

    async fn start_all(&mut self) -> Result<()> {
        for program in [Program::Ingest, Program::Processor(0), Program::Notifier] {
            self.start(program, &[])?;
        }
        self.squad.wait_until_ready().await
    }

    /// Starts a program behind its links, with settings beside the usual ones; one that
    /// runs stays as it is.
    ///
    /// # Errors
    /// It cannot be run.
    pub(crate) fn start(
        &mut self,
        program: Program,
        settings: &'static [(&'static str, &'static str)],
    ) -> Result<()> {
        if self.squad.runs(program) {
            return Ok(());
        }
        match settings {
            [] => self.unusual.remove(&program),
            _ => self.unusual.insert(program),
        };
        let mut env = self.links.env(program)?;
        env.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.squad.start(program, env)
    }

    /// Starts programs again whose settings an earlier round has left to this one.
    ///
    /// # Errors
    /// One does not end, or does not get ready.
    pub(crate) async fn start_as_usual(&mut self) -> Result<()> {
        for program in std::mem::take(&mut self.unusual) {
            if self.squad.runs(program) {
                self.squad.stop(program).await?;
                self.start(program, &[])?;
            }
        }
        self.squad.wait_until_ready().await
    }

    /// The small disk.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn small_disk(&self) -> Result<&SmallDisk> {
        self.disk.as_ref().context("no small disk is mounted")
    }

    /// Where the programs are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins a round's load.
    ///
    /// # Errors
    /// The generator cannot be run.
    pub(crate) fn begin_load(&mut self, files: &Path, rate: u32, dial: Dial) -> Result<()> {
        let mut env = self.squad.env().to_vec();
        if dial == Dial::Proxy {
            stack::service::set(&mut env, "INGEST_URL", self.links.ingest_url());
        }
        self.load = Some(Load::start(&self.folder, files, env, rate)?);
        Ok(())
    }

    /// The load that was begun.
    ///
    /// # Errors
    /// None was.
    pub(crate) fn load(&mut self) -> Result<&mut Load> {
        self.load.as_mut().context("no load has begun")
    }

    /// Ends the load and keeps its receipts.
    ///
    /// # Errors
    /// It does not end, or leaves no report.
    pub(crate) async fn end_load(&mut self) -> Result<Seen> {
        let Some(mut load) = self.load.take() else { return Ok(Seen::default()) };
        let seen = load.end().await;
        self.receipts.append(&mut load.receipts);
        seen
    }

    /// Gives up what is held, and lets every link carry again.
    pub(crate) fn heal(&mut self) {
        self.held.clear();
        self.links.clear();
    }

    /// Where a scenario's files go.
    pub(crate) fn files(&self, number: usize, name: &str) -> PathBuf {
        self.stack.dir().join(ROUNDS).join(format!("{number:02}-{name}"))
    }

    /// Drains and stops everything, whatever a round that broke off has left behind.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.load = None;
        self.heal();
        let drained = self.squad.stop_all().await;
        let stack = self.stack;
        tokio::task::spawn_blocking(move || stack.release()).await??;
        drained
    }
}

/// A stack that begins empty.
fn options(needs: Needs) -> Result<(stack::Options, Option<SmallDisk>)> {
    let Needs::SmallDisk(server) = needs else {
        let mut options = stack::Options::named(STACK);
        options.data = stack::Data::Fresh;
        // The processes to signal and the disk to fill are not in a container.
        options.source = stack::Source::Native;
        return Ok((options, None));
    };
    let mut options = stack::Options::named("faults-disk");
    options.source = stack::Source::Native;
    // Emptied here: a folder that something is mounted on cannot be removed.
    stack::Server::ALL
        .iter()
        .for_each(|server| SmallDisk::let_go(&options.dir.join(server.name())));
    empty(&options.dir).context("cannot empty the small disk's stack")?;
    let disk = SmallDisk::mount(&options.dir.join(server.name()))?;
    Ok((options, Some(disk)))
}

/// Removes all of a stack but what earlier rounds have left to read.
fn empty(folder: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true if entry.file_name() == ROUNDS => {}
            true => std::fs::remove_dir_all(entry.path())?,
            false => std::fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}
