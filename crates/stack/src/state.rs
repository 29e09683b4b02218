//! What a stack remembers between starts: its ports, so that addresses keep,
//! and who provided its servers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::options::{Server, Source};

const FILE: &str = "state.json";
/// What is in a stack's folder before its state is.
const OURS: [&str; 12] = [
    "state.json.unfinished",
    "kafka",
    "postgres",
    "standby",
    "logs",
    "socket",
    "start.lock",
    "supervisor.lock",
    "command.lock",
    "demo",
    "bench",
    "faults",
];

/// Contents of the state file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Port of the broker.
    pub kafka_port: Option<u16>,
    /// Port of the controller beside it.
    pub controller_port: Option<u16>,
    /// Port of PostgreSQL.
    pub postgres_port: Option<u16>,
    /// Who provided the servers last.
    pub source: Source,
}

impl State {
    /// What the stack in this folder remembers; nothing when it is new.
    #[must_use]
    pub fn load(dir: &Path) -> Self {
        fs::read(dir.join(FILE))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    /// Whether a folder is a stack's (and may be removed as one).
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(FILE).exists()
    }

    /// That a folder is a stack's or may become one: `down --purge` removes all of it.
    ///
    /// # Errors
    /// It holds what no stack has made.
    pub fn refuse_foreign(dir: &Path) -> Result<()> {
        let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
        if Self::exists(dir) {
            return Ok(());
        }
        let mut names = entries.flatten().map(|entry| entry.file_name());
        match names.find(|name| !OURS.iter().any(|ours| name == ours)) {
            None => Ok(()),
            Some(foreign) => bail!(
                "{} holds {}, which is no stack's; choose a folder that is empty or not there yet",
                dir.display(),
                foreign.display()
            ),
        }
    }

    /// Writes the file whole: a reader sees the old or the new one.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let unfinished: PathBuf = dir.join("state.json.unfinished");
        fs::write(&unfinished, serde_json::to_vec_pretty(self)?)
            .and_then(|()| fs::rename(&unfinished, dir.join(FILE)))
            .with_context(|| format!("cannot write {}", dir.join(FILE).display()))
    }

    /// The remembered port of a server.
    #[must_use]
    pub fn port(&self, server: Server) -> Option<u16> {
        match server {
            Server::Kafka => self.kafka_port,
            Server::Postgres => self.postgres_port,
        }
    }

    /// Remembers the port of a server.
    pub fn set_port(&mut self, server: Server, port: u16) {
        match server {
            Server::Kafka => self.kafka_port = Some(port),
            Server::Postgres => self.postgres_port = Some(port),
        }
    }

    /// Every port in use by this stack.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        [self.kafka_port, self.controller_port, self.postgres_port].into_iter().flatten().collect()
    }
}
