//! PostgreSQL from the machine's own binaries: a cluster in the stack's
//! folder, reachable on 127.0.0.1 with a password.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use super::process::{Launch, Process, living_in};
use super::user::User;
use crate::logs;
use crate::options::Server;

/// Superuser of the cluster and its password; the server listens on 127.0.0.1 only.
pub const USER: &str = "postgres";
/// The password of [`USER`].
pub const PASSWORD: &str = "postgres";
/// The database of a stack.
pub const DATABASE: &str = "orders";

/// The server's program, and the name of each of its processes.
const PROGRAM: &str = "postgres";

/// What the server is told, with the reasons.
const CONFIGURATION: &str = include_str!("../../postgres/postgresql.conf");

/// How long backends may take to notice that their postmaster was killed.
const ORPHANS_DEADLINE: Duration = Duration::from_secs(10);

/// Fast shutdown writes a checkpoint; immediate shutdown leaves recovery to the next start.
const STOP_STEPS: [(Signal, Duration); 2] =
    [(Signal::INT, Duration::from_secs(30)), (Signal::QUIT, Duration::from_secs(10))];

/// A cluster in a stack's folder.
#[derive(Debug, Clone)]
pub struct Postgres {
    bin: PathBuf,
    dir: PathBuf,
    log: PathBuf,
    user: Option<User>,
}

impl Postgres {
    /// The cluster of the stack in `stack_dir`, with the binaries in `bin`.
    #[must_use]
    pub fn new(bin: PathBuf, stack_dir: &Path) -> Self {
        Self {
            bin,
            dir: stack_dir.join(Server::Postgres.name()),
            log: logs::path(stack_dir, Server::Postgres),
            user: User::unprivileged(),
        }
    }

    /// Makes the cluster when there is none, starts it and waits until it takes connections.
    ///
    /// # Errors
    /// With the server's last log lines, when it does not come up.
    pub async fn start(&self, port: u16) -> Result<Process> {
        self.make_cluster().await?;
        self.end_orphans().await;
        let data = self.data();
        let major = fs::read_to_string(data.join("PG_VERSION"))?.trim().parse().unwrap_or(0);
        let configuration = configuration(port, total_memory_mb(), major);
        fs::write(data.join("postgresql.conf"), configuration)?;
        let pid_file = data.join("postmaster.pid");
        // A file left by a killed postmaster still says "ready".
        drop(fs::remove_file(&pid_file));
        let mut process = self.launch(&[PROGRAM, "-D", &data.to_string_lossy()]).start()?;
        process.wait_ready("PostgreSQL", || is_ready(&pid_file)).await?;
        Ok(process)
    }

    /// Stops the cluster and whatever of it is left.
    pub async fn stop(&self, process: &mut Process) {
        signal_all(&self.data(), Signal::CONT);
        process.stop(&STOP_STEPS).await;
        self.end_orphans().await;
    }

    /// Another cluster with the same binaries, in this folder.
    #[must_use]
    pub fn beside(&self, dir: &Path) -> Self {
        Self { dir: dir.to_owned(), log: self.log.with_file_name("standby.log"), ..self.clone() }
    }

    /// Ends a standby's following: from now on it takes writes.
    ///
    /// # Errors
    /// With what `pg_ctl` said.
    pub async fn promote(&self) -> Result<()> {
        self.run(&["pg_ctl", "promote", "--wait", "--pgdata", &self.data().to_string_lossy()]).await
    }

    /// The folder that every process of this cluster has as its current one.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Backends of a killed postmaster would keep its memory and refuse a new one.
    async fn end_orphans(&self) {
        let data = self.data();
        let deadline = tokio::time::Instant::now() + ORPHANS_DEADLINE;
        while !living_in(&data, PROGRAM).is_empty() {
            if tokio::time::Instant::now() > deadline {
                signal_all(&data, Signal::KILL);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// An empty folder that the server may use.
    pub(super) fn make_folder(&self) -> Result<()> {
        drop(fs::remove_dir_all(&self.dir));
        fs::create_dir_all(&self.dir)?;
        if let Some(user) = &self.user {
            user.own(&self.dir)?;
        }
        Ok(())
    }

    /// `initdb` into a folder of another name, so that a half-made cluster is never taken for one.
    async fn make_cluster(&self) -> Result<()> {
        if self.data().join("PG_VERSION").exists() {
            return Ok(());
        }
        let unfinished = self.dir.join("data.unfinished");
        drop(fs::remove_dir_all(&unfinished));
        fs::create_dir_all(&self.dir)?;
        let password_file = self.dir.join("password");
        fs::write(&password_file, PASSWORD)?;
        if let Some(user) = &self.user {
            user.own(&self.dir)?;
            user.own(&password_file)?;
        }
        let arguments = [
            "initdb".to_owned(),
            format!("--pgdata={}", unfinished.display()),
            format!("--pwfile={}", password_file.display()),
            format!("--username={USER}"),
            "--auth=scram-sha-256".to_owned(),
            "--encoding=UTF8".to_owned(),
            // Byte order: the same on every machine, and the fastest to compare.
            "--locale=C".to_owned(),
            // Fewer, larger files for a log that grows by tens of megabytes a second.
            "--wal-segsize=64".to_owned(),
            // An empty cluster that a power cut damages is simply made again.
            "--no-sync".to_owned(),
        ];
        self.run(&arguments.each_ref().map(String::as_str)).await?;
        fs::rename(&unfinished, self.data()).context("cannot move the new cluster into place")
    }

    /// Runs one of PostgreSQL's programs to its end.
    pub(super) async fn run(&self, line: &[&str]) -> Result<()> {
        let output = Command::from(self.launch(line).wrapped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .await
            .context("cannot run setpriv (package util-linux)")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{} failed; it said:\n  {}", line[0], said.trim().replace('\n', "\n  "));
        }
        Ok(())
    }

    fn launch(&self, line: &[&str]) -> Launch {
        let mut command = vec![self.bin.join(line[0]).to_string_lossy().into_owned()];
        command.extend(line[1..].iter().map(|&argument| argument.to_owned()));
        // QUIT makes the postmaster end all its backends at once; after KILL they would linger.
        Launch { command, user: self.user.clone(), death_signal: "QUIT", log: self.log.clone() }
    }
}

/// Sends a signal to every process of the cluster, backends too.
pub fn signal_all(data: &Path, signal: Signal) {
    for pid in living_in(data, PROGRAM) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // One that has just ended needs no signal.
            let _ = kill_process(pid, signal);
        }
    }
}

/// The connection string of a database of a server on this port.
#[must_use]
pub fn url(port: u16) -> String {
    format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}")
}

/// The postmaster writes its state into the last line of its pid file; one that
/// follows another server takes connections as a standby.
fn is_ready(pid_file: &Path) -> bool {
    let state = fs::read_to_string(pid_file).unwrap_or_default();
    state.lines().last().is_some_and(|state| ["ready", "standby"].contains(&state.trim()))
}

fn total_memory_mb() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = meminfo.lines().find_map(|line| {
        line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok()
    });
    kib.unwrap_or(4 << 20) >> 10
}

fn configuration(port: u16, memory_mb: u64, major: u32) -> String {
    CONFIGURATION
        .replace("{port}", &port.to_string())
        .replace("{shared_buffers_mb}", &(memory_mb / 8).clamp(128, 1024).to_string())
        // Before 15 there is one method and no choice.
        .replace("{wal_compression}", if major >= 15 { "lz4" } else { "on" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_buffers_are_an_eighth_of_memory_within_bounds() {
        assert!(configuration(1, 512, 15).contains("shared_buffers = 128MB\n"));
        assert!(configuration(1, 6000, 15).contains("shared_buffers = 750MB\n"));
        assert!(configuration(1, 24_000, 15).contains("shared_buffers = 1024MB\n"));
    }

    #[test]
    fn the_configuration_is_filled_in_and_fits_the_version() {
        assert!(!configuration(5432, 512, 15).contains('{'));
        assert!(configuration(5432, 512, 15).contains("wal_compression = lz4\n"));
        assert!(configuration(5432, 512, 13).contains("wal_compression = on\n"));
    }

    #[test]
    fn a_server_is_ready_when_the_last_line_of_its_pid_file_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("postmaster.pid");
        assert!(!is_ready(&file));
        fs::write(&file, "12\n/data\n1\n5432\n\n127.0.0.1\n 1 2\nstarting\n").unwrap();
        assert!(!is_ready(&file));
        fs::write(&file, "12\n/data\n1\n5432\n\n127.0.0.1\n 1 2\nready   \n").unwrap();
        assert!(is_ready(&file));
    }
}
