//! A stack that is up: its addresses, and the lease that keeps it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::lease::{self, Lease};
use crate::native::postgres;
use crate::options::{Data, Hold, Options, Schema, Server, Source};
use crate::progress::Progress;
use crate::protocol::{Request, Signal, StandbyStep, Status, Up};
use crate::{database, env, place, topics};

/// Servers that are up, with their topics and schema; they stay while this lives.
#[derive(Debug)]
pub struct Stack {
    dir: PathBuf,
    brokers: String,
    database_url: String,
    hold: Hold,
    lease: Option<Lease>,
}

/// Brings a stack up: finds or starts its servers, creates missing topics and
/// migrates the database. Blocks; in async code call it on a blocking thread.
///
/// # Errors
/// With what to do about it; when a server does not start, with its last log lines.
pub fn up(options: &Options, progress: &mut Progress) -> Result<Stack> {
    if let Some(note) = place::why_elsewhere() {
        progress.note(&note);
    }
    let given = Given::from_env(options);
    let (servers, whose) = (given.missing(), given.whose());
    // Our own servers begin empty when fresh data are asked for; a given one may not be.
    let must_be_empty = given.database_url.is_some()
        && options.data == Data::Fresh
        && options.schema == Schema::Migrated;
    let mut stack = Stack {
        dir: options.dir.clone(),
        brokers: given.brokers.unwrap_or_default(),
        database_url: given.database_url.unwrap_or_default(),
        hold: options.hold,
        lease: None,
    };
    if !servers.is_empty() {
        let Options { source, ports, data, companion, .. } = *options;
        let linger_ms = match options.hold {
            Hold::Pinned => 0,
            Hold::Leased { linger_ms } => linger_ms,
        };
        let request = Up { servers, source, ports, linger_ms, data, companion };
        let (lease, status) = lease::take(&options.dir, &request, progress)?;
        stack.lease = Some(lease);
        stack.take_addresses(&request.servers, &status)?;
    }
    progress.step("creating topics and migrating");
    let notes = prepare(&stack.brokers, &stack.database_url, options, must_be_empty);
    for note in notes.context(whose)? {
        progress.note(&note);
    }
    // Only now: a caller that dies or fails on the way leaves nothing running.
    if options.hold == Hold::Pinned {
        stack.pin()?;
    }
    Ok(stack)
}

impl Stack {
    /// Bootstrap servers of the broker.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The migrated database.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Folder of state, data and logs.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `NAME=value` for every program that is to use this stack.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        env::exports(&self.brokers, &self.database_url)
    }

    /// What the supervisor runs; nothing when both servers were given by address.
    ///
    /// # Errors
    /// When the supervisor does not answer.
    pub fn status(&self) -> Result<Option<Status>> {
        lease::status(&self.dir)
    }

    /// Process id of a server that runs natively under our supervisor. For
    /// PostgreSQL the postmaster's: its backends are its children.
    #[must_use]
    pub fn pid(&self, server: Server) -> Option<u32> {
        self.lease.as_ref()?;
        let status = self.status().ok()??;
        status.servers.iter().find(|found| found.server == server)?.pid
    }

    /// Sends a signal to a server; returns when one that ends it has ended it.
    ///
    /// # Errors
    /// When the server is not ours or does not run.
    pub fn signal(&self, server: Server, signal: Signal) -> Result<()> {
        lease::command(&self.dir, &Request::Signal(server, signal), &mut Progress::silent())
    }

    /// Starts a server again that has ended, with its data and on its port.
    ///
    /// # Errors
    /// With the server's last log lines, when it does not start.
    pub fn start(&self, server: Server) -> Result<()> {
        lease::command(&self.dir, &Request::Start(server), &mut Progress::silent())
    }

    /// Does something with PostgreSQL's standby.
    ///
    /// # Errors
    /// PostgreSQL is not ours, or it cannot be done now.
    pub fn standby(&self, step: StandbyStep) -> Result<()> {
        lease::command(&self.dir, &Request::Standby(step), &mut Progress::silent())
    }

    /// Keeps the stack up until somebody says `down`; servers that were given by address
    /// are somebody else's.
    ///
    /// # Errors
    /// When the supervisor does not answer.
    pub fn pin(&mut self) -> Result<()> {
        self.hold = Hold::Pinned;
        match self.lease {
            Some(_) => lease::command(&self.dir, &Request::Pin, &mut Progress::silent()),
            None => Ok(()),
        }
    }

    /// Gives the lease back and, when nobody else holds the stack and it does
    /// not linger, waits until its servers have stopped.
    ///
    /// # Errors
    /// When the servers do not stop in time.
    pub fn release(mut self) -> Result<()> {
        let Some(lease) = self.lease.take() else { return Ok(()) };
        let supervisor = lease::Supervisor::of(&self.dir);
        let status = self.status()?;
        let last = status.is_some_and(|status| !status.pinned && status.leases <= 1);
        drop(lease);
        if last && self.hold == (Hold::Leased { linger_ms: 0 }) {
            supervisor.wait_for_end(&Progress::silent())?;
        }
        Ok(())
    }

    fn take_addresses(&mut self, servers: &[Server], status: &Status) -> Result<()> {
        for &server in servers {
            let found = status.servers.iter().find(|found| found.server == server);
            let port = found.with_context(|| format!("the supervisor has no {server}"))?.port;
            match server {
                Server::Kafka => self.brokers = format!("127.0.0.1:{port}"),
                Server::Postgres => self.database_url = postgres::url(port),
            }
        }
        Ok(())
    }
}

/// Addresses that the environment gives.
struct Given {
    brokers: Option<String>,
    database_url: Option<String>,
}

impl Given {
    fn from_env(options: &Options) -> Self {
        if options.source != Source::Auto {
            return Self { brokers: None, database_url: None };
        }
        Self { brokers: env::given("KAFKA_BROKERS"), database_url: env::given("DATABASE_URL") }
    }

    /// Whose servers did not serve, and what to do about it.
    fn whose(&self) -> &'static str {
        match (&self.brokers, &self.database_url) {
            (None, None) => "the servers are up but cannot be used",
            (Some(_), None) => "KAFKA_BROKERS is set; unset it to have a broker of our own",
            (None, Some(_)) => "DATABASE_URL is set; unset it to have a PostgreSQL of our own",
            (Some(_), Some(_)) => {
                "KAFKA_BROKERS and DATABASE_URL are set; unset them to have servers of our own"
            }
        }
    }

    fn missing(&self) -> Vec<Server> {
        let kafka = self.brokers.is_none().then_some(Server::Kafka);
        let postgres = self.database_url.is_none().then_some(Server::Postgres);
        kafka.into_iter().chain(postgres).collect()
    }
}

/// Topics and schema at once, on a thread of its own: the caller may be inside a runtime.
fn prepare(
    brokers: &str,
    database_url: &str,
    options: &Options,
    must_be_empty: bool,
) -> Result<Vec<String>> {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let topics = topics::ensure(brokers, &options.topics);
            let schema = database::ensure(database_url, options.schema);
            let (notes, migrated) = tokio::join!(topics, schema);
            migrated?;
            if must_be_empty {
                database::refuse_used(database_url).await?;
            }
            notes
        })
    };
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(result) => result,
        Err(_) => bail!("the thread that prepares topics and schema panicked"),
    })
}
