//! The servers of one stack: which run, who provides them, and on which ports.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Teller, ports};
use crate::compose::Compose;
use crate::native::install::{self, Programs};
use crate::native::kafka::{Kafka, Listeners};
use crate::native::port;
use crate::native::postgres::{self, Postgres};
use crate::native::process::Process;
use crate::native::standby::{self, Standby};
use crate::native::user::User;
use crate::options::{Data, Ports, Server, Source};
use crate::place;
use crate::protocol::{ServerStatus, Signal, StandbyStep, Status, Up};
use crate::state::State;

/// How long a signal that ends a server may take to do so.
const SIGNAL_DEADLINE: Duration = Duration::from_secs(20);

/// What a stack consists of.
#[derive(Debug)]
pub struct Fleet {
    dir: PathBuf,
    state: State,
    kafka: Option<(Kafka, Process)>,
    postgres: Option<(Postgres, Process)>,
    standby: Option<Standby>,
    compose: Option<Compose>,
}

impl Fleet {
    /// Nothing runs yet; ports are those the folder remembers.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        let state = State::load(dir);
        Self {
            dir: dir.to_owned(),
            state,
            kafka: None,
            postgres: None,
            standby: None,
            compose: None,
        }
    }

    /// Brings up those of the wanted servers that do not run.
    pub async fn up(&mut self, up: &Up, teller: &Teller) -> Result<()> {
        self.refuse_other_ports(up)?;
        let missing: Vec<Server> =
            up.servers.iter().copied().filter(|&server| !self.runs(server)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let fresh = up.data == Data::Fresh && self.is_empty();
        if self.compose.is_none() && self.source(up.source, teller).await? == Source::Compose {
            self.compose = Some(Compose::new(&self.dir));
        }
        self.state.source = if self.compose.is_some() { Source::Compose } else { Source::Native };
        ports::choose(&self.dir, &missing, up.ports, &mut self.state, teller)?;
        self.state.save(&self.dir)?;
        match &mut self.compose {
            Some(compose) => {
                if fresh {
                    compose.purge().await?;
                }
                compose.up(&missing, &self.state, teller).await
            }
            None => {
                if fresh {
                    self.remove_data()?;
                }
                self.start_native(&missing, teller).await
            }
        }
    }

    /// Starts a server that has ended again, on its former port.
    pub async fn start_again(&mut self, server: Server, teller: &Teller) -> Result<()> {
        if self.state.port(server).is_none() {
            bail!("{server} has never been part of this stack; bring it up first");
        }
        let source = self.state.source;
        let up = Up {
            servers: vec![server],
            source,
            ports: Ports::default(),
            linger_ms: 0,
            data: Data::Kept,
            companion: None,
        };
        self.up(&up, teller).await
    }

    /// Sends a signal to a server; one that ends it returns when it has ended.
    pub async fn signal(&mut self, server: Server, signal: Signal) -> Result<()> {
        if let Some(compose) = &self.compose {
            return compose.signal(server, signal).await;
        }
        if !self.runs(server) {
            bail!("{server} does not run");
        }
        let raw = match signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Int => rustix::process::Signal::INT,
            Signal::Quit => rustix::process::Signal::QUIT,
            Signal::Kill => rustix::process::Signal::KILL,
            Signal::Stop => rustix::process::Signal::STOP,
            Signal::Cont => rustix::process::Signal::CONT,
        };
        let freezes = matches!(signal, Signal::Stop | Signal::Cont);
        if let (Server::Postgres, true, Some((postgres, _))) = (server, freezes, &self.postgres) {
            // A frozen postmaster alone would leave its backends at work.
            postgres::signal_all(&postgres.data(), raw);
            return Ok(());
        }
        let Some(process) = self.process(server) else { bail!("{server} does not run") };
        process.signal(raw)?;
        if !freezes && !process.wait_ended(SIGNAL_DEADLINE).await {
            bail!("{server} still runs {} s after the signal", SIGNAL_DEADLINE.as_secs());
        }
        Ok(())
    }

    /// Gives PostgreSQL a standby, stops it, or puts it in PostgreSQL's place.
    pub async fn standby(&mut self, step: StandbyStep, teller: &Teller) -> Result<()> {
        let Some((postgres, process)) = &mut self.postgres else {
            bail!("only a PostgreSQL that runs natively can have a standby");
        };
        let primary = self.state.postgres_port.unwrap_or_default();
        match (step, self.standby.take()) {
            (StandbyStep::Follow, _) => {
                let port = port::free(&(&self.dir, "standby"), &self.state.ports())?;
                let standby = Standby::follow(postgres, &self.dir, primary, port).await?;
                self.standby = Some(standby);
            }
            (StandbyStep::Stop, Some(mut standby)) => {
                standby.stop().await;
                self.standby = Some(standby);
            }
            (StandbyStep::TakePlace, Some(standby)) => {
                if process.ended().is_none() {
                    self.standby = Some(standby);
                    bail!("PostgreSQL still runs");
                }
                let postgres = postgres.clone();
                standby.take_place_of(&postgres).await?;
                self.start_again(Server::Postgres, teller).await?;
                postgres.promote().await?;
            }
            (_, None) => bail!("PostgreSQL has no standby"),
        }
        Ok(())
    }

    /// Stops everything that this fleet has started.
    pub async fn stop(&mut self) {
        let kafka = self.kafka.take();
        let postgres = self.postgres.take();
        let stop_kafka = async {
            if let Some((kafka, mut process)) = kafka {
                kafka.stop(&mut process).await;
            }
        };
        let standby = self.standby.take();
        let stop_postgres = async {
            if let Some(mut standby) = standby {
                standby.stop().await;
            }
            if let Some((postgres, mut process)) = postgres {
                postgres.stop(&mut process).await;
            }
        };
        tokio::join!(stop_kafka, stop_postgres);
        if let Some(compose) = self.compose.take()
            && let Err(error) = compose.stop().await
        {
            eprintln!("{error:#}");
        }
    }

    /// What runs, for people and for callers.
    pub fn status(&mut self, (leases, pinned): (usize, bool)) -> Status {
        let servers = Server::ALL.iter().filter_map(|&server| self.server_status(server)).collect();
        Status { supervisor_pid: std::process::id(), pinned, leases, servers }
    }

    fn server_status(&mut self, server: Server) -> Option<ServerStatus> {
        let port = self.state.port(server)?;
        if let Some(compose) = &self.compose {
            return compose.status(server, port);
        }
        let process = self.process(server)?;
        let ended = process.ended();
        Some(ServerStatus {
            server,
            port,
            pid: ended.is_none().then(|| process.pid()),
            started_unix_s: process.started_unix_s,
            ended,
            source: Source::Native,
        })
    }

    fn process(&mut self, server: Server) -> Option<&mut Process> {
        match server {
            Server::Kafka => self.kafka.as_mut().map(|(_, process)| process),
            Server::Postgres => self.postgres.as_mut().map(|(_, process)| process),
        }
    }

    /// Whether nothing has run since the supervisor started.
    fn is_empty(&self) -> bool {
        self.kafka.is_none() && self.postgres.is_none() && self.compose.is_none()
    }

    fn remove_data(&self) -> Result<()> {
        // A standby is left behind when its server never came to need it.
        for name in Server::ALL.map(Server::name).into_iter().chain([standby::FOLDER]) {
            let folder = self.dir.join(name);
            if folder.exists() {
                fs::remove_dir_all(&folder)
                    .with_context(|| format!("cannot remove {}", folder.display()))?;
            }
        }
        Ok(())
    }

    /// Containers are asked for every time: Compose itself knows what runs.
    fn runs(&mut self, server: Server) -> bool {
        self.process(server).is_some_and(|process| process.ended().is_none())
    }

    async fn source(&self, asked: Source, teller: &Teller) -> Result<Source> {
        let native = self.kafka.is_some() || self.postgres.is_some();
        match asked {
            Source::Native => Ok(Source::Native),
            Source::Auto if native => Ok(Source::Native),
            Source::Auto if Compose::answers().await => Ok(Source::Compose),
            Source::Auto => Ok(Source::Native),
            Source::Compose if native => bail!("this stack runs natively; stop it first"),
            Source::Compose => {
                teller.step("asking Docker Compose");
                if Compose::answers().await {
                    return Ok(Source::Compose);
                }
                bail!("no Docker engine with Compose answers; try --servers native")
            }
        }
    }

    async fn start_native(&mut self, missing: &[Server], teller: &Teller) -> Result<()> {
        if missing.contains(&Server::Postgres) {
            self.refuse_unreachable_folder()?;
        }
        let data = Postgres::new(PathBuf::new(), &self.dir).data();
        let Programs { postgres_bin, java, jars } =
            install::prepare(missing, &data, teller).await?;
        let names: Vec<_> = missing.iter().map(|server| server.title()).collect();
        teller.step(&format!("starting {}", names.join(" and ")));
        let kafka = Kafka::new(java, jars, &self.dir);
        let postgres = Postgres::new(postgres_bin, &self.dir);
        let listeners = Listeners {
            broker: self.state.kafka_port.unwrap_or_default(),
            controller: self.state.controller_port.unwrap_or_default(),
        };
        let postgres_port = self.state.postgres_port.unwrap_or_default();
        let start_kafka = async {
            if missing.contains(&Server::Kafka) {
                let process = kafka.start(listeners).await?;
                self.kafka = Some((kafka, process));
            }
            anyhow::Ok(())
        };
        let start_postgres = async {
            if missing.contains(&Server::Postgres) {
                let process = postgres.start(postgres_port).await?;
                self.postgres = Some((postgres, process));
            }
            anyhow::Ok(())
        };
        let (kafka, postgres) = tokio::join!(start_kafka, start_postgres);
        kafka.and(postgres)
    }

    fn refuse_unreachable_folder(&self) -> Result<()> {
        if User::unprivileged().is_some() && !place::others_can_reach(&self.dir) {
            bail!(
                "PostgreSQL does not run as root, and other users cannot reach {}; \
                 use another --dir, or set ORDERMILL_HOME to a folder they can enter",
                self.dir.display()
            );
        }
        Ok(())
    }

    fn refuse_other_ports(&mut self, up: &Up) -> Result<()> {
        for &server in &up.servers {
            let (asked, has) = (up.ports.of(server), self.state.port(server));
            if self.runs(server)
                && let (Some(asked), Some(has)) = (asked, has)
                && asked != has
            {
                bail!(
                    "{server} of this stack already runs on port {has}, not {asked}; \
                     stop the stack first or use another --name"
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_data_are_those_of_no_server_and_no_standby_before() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kafka", "postgres", "standby", "logs"] {
            fs::create_dir_all(folder.path().join(name).join("data")).unwrap();
        }
        Fleet::new(folder.path()).remove_data().unwrap();
        let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["logs"]);
    }
}
