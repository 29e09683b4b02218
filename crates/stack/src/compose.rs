//! Servers as containers, from the repository's docker-compose.yml, when a
//! Docker engine answers.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::time::timeout;

use crate::options::{Server, Source};
use crate::place;
use crate::protocol::{ServerStatus, Signal};
use crate::state::State;
use crate::supervisor::Teller;

/// An engine that does not answer within this time is as good as none.
const ANSWER_DEADLINE: Duration = Duration::from_secs(3);

/// One Compose project: a stack's containers, apart from those of other stacks.
#[derive(Debug)]
pub struct Compose {
    project: String,
    started: Vec<Server>,
    started_unix_s: u64,
}

impl Compose {
    /// The project of the stack in this folder.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            project: project(dir),
            started: Vec::new(),
            started_unix_s: started.map_or(0, |now| now.as_secs()),
        }
    }

    /// Whether there is a `docker` with Compose and an engine behind it.
    pub async fn answers() -> bool {
        // The first needs no engine and fails at once where Compose is not installed.
        succeeds(&["compose", "version"]).await && succeeds(&["info"]).await
    }

    /// Starts services and waits until their health checks pass.
    ///
    /// # Errors
    /// With Compose's own words and the containers' last log lines.
    pub async fn up(&mut self, servers: &[Server], state: &State, teller: &Teller) -> Result<()> {
        let names: Vec<_> = servers.iter().map(|server| server.name()).collect();
        teller.step(&format!("docker compose up -d {}", names.join(" ")));
        let mut command = self.command(&["up", "--detach", "--wait"]);
        for server in servers {
            let port = state.port(*server).unwrap_or_default().to_string();
            command.env(port_variable(*server), port);
        }
        if let Err(error) = run(command.args(&names)).await {
            let logs = run(self.command(&["logs", "--tail", "15"]).args(&names)).await;
            bail!("{error:#}\n{}", logs.unwrap_or_default());
        }
        self.started.extend(servers);
        Ok(())
    }

    /// Sends a signal to a server's container.
    ///
    /// # Errors
    /// With Compose's own words.
    pub async fn signal(&self, server: Server, signal: Signal) -> Result<()> {
        let arguments: &[&str] = match signal {
            Signal::Term => &["stop", server.name()],
            Signal::Int => &["kill", "--signal", "SIGINT", server.name()],
            Signal::Quit => &["kill", "--signal", "SIGQUIT", server.name()],
            Signal::Kill => &["kill", server.name()],
            Signal::Stop => &["pause", server.name()],
            Signal::Cont => &["unpause", server.name()],
        };
        run(&mut self.command(arguments)).await.map(drop)
    }

    /// Removes the containers; their volumes stay.
    ///
    /// # Errors
    /// With Compose's own words.
    pub async fn stop(&self) -> Result<()> {
        run(&mut self.command(&["down"])).await.map(drop)
    }

    /// Removes containers and volumes.
    ///
    /// # Errors
    /// With Compose's own words.
    pub async fn purge(&self) -> Result<()> {
        run(&mut self.command(&["down", "--volumes"])).await.map(drop)
    }

    /// What is known of a server without asking the engine.
    #[must_use]
    pub fn status(&self, server: Server, port: u16) -> Option<ServerStatus> {
        self.started.contains(&server).then_some(ServerStatus {
            server,
            port,
            pid: None,
            started_unix_s: self.started_unix_s,
            ended: None,
            source: Source::Compose,
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let file = place::workspace().join("docker-compose.yml");
        let mut command = Command::new("docker");
        command.args(["compose", "--project-name", &self.project, "--file"]).arg(file);
        command.args(arguments).stdin(Stdio::null());
        command
    }
}

/// The variable of docker-compose.yml for the published port of a server.
fn port_variable(server: Server) -> &'static str {
    match server {
        Server::Kafka => "KAFKA_PORT",
        Server::Postgres => "POSTGRES_PORT",
    }
}

/// Compose allows lower case letters, digits, dashes and underscores. The hash is of the
/// whole path: stacks of two checkouts have the same names.
fn project(dir: &Path) -> String {
    let name = dir.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let name: String = name.unwrap_or_default().chars().filter(|&letter| allowed(letter)).collect();
    format!("ordermill-{name}-{:08x}", place::hash(dir.as_os_str()) >> 32)
}

async fn succeeds(arguments: &[&str]) -> bool {
    let status = Command::new("docker")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    matches!(timeout(ANSWER_DEADLINE, status).await, Ok(Ok(status)) if status.success())
}

async fn run(command: &mut Command) -> Result<String> {
    let output = command.output().await.context("cannot run docker")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    if !output.status.success() {
        bail!("docker compose failed; it said:\n  {}", said.replace('\n', "\n  "));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_name_keeps_only_what_compose_allows() {
        let name = project(Path::new("/x/My Stack_2"));
        let hash = name.strip_prefix("ordermill-mystack_2-").unwrap();
        assert!(hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    }

    #[test]
    fn stacks_of_two_checkouts_have_projects_of_their_own() {
        let [one, other] = ["/one/.ordermill/demo", "/other/.ordermill/demo"].map(Path::new);
        assert_ne!(project(one), project(other));
        assert_eq!(project(one), project(one));
    }
}
