//! A server as a child of the supervisor: started so that it cannot outlive
//! it, with its output in a log file, and stopped in steps.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::user::User;
use crate::logs;

/// How often a start or a stop is looked at; nothing polls while a server just runs.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A server takes 1 to 4 s to start on two idle cores; this allows for a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// What to run, as whom, and where its output goes.
#[derive(Debug)]
pub struct Launch {
    /// The program with its arguments.
    pub command: Vec<String>,
    /// Another user to run as.
    pub user: Option<User>,
    /// What the kernel sends the server when the supervisor dies.
    pub death_signal: &'static str,
    /// File for its output.
    pub log: PathBuf,
}

/// A running (or just ended) server.
#[derive(Debug)]
pub struct Process {
    child: Child,
    ended: Option<ExitStatus>,
    log: PathBuf,
    /// Start, in seconds since 1970.
    pub started_unix_s: u64,
}

impl Launch {
    /// The command line under `setpriv`.
    #[must_use]
    pub fn wrapped(&self) -> Command {
        let mut command = tied(&self.command, self.death_signal, self.user.as_ref());
        command.stdin(Stdio::null()).current_dir("/");
        command
    }

    /// Starts the server; its former log becomes `NAME.log.1`.
    ///
    /// # Errors
    /// When the log cannot be written or `setpriv` cannot be run.
    pub fn start(&self) -> Result<Process> {
        if self.log.exists() {
            fs::rename(&self.log, self.log.with_extension("log.1"))?;
        }
        let log = File::create(&self.log)
            .with_context(|| format!("cannot write the log {}", self.log.display()))?;
        let mut command = self.wrapped();
        let child = command.stdout(log.try_clone()?).stderr(log).spawn().context(
            "cannot run setpriv (package util-linux), which ties servers to their supervisor",
        )?;
        Ok(Process { child, ended: None, log: self.log.clone(), started_unix_s: now_unix_s() })
    }
}

impl Process {
    /// Process id of the server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, when it has.
    pub fn ended(&mut self) -> Option<String> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended.map(describe)
    }

    /// Whether it has ended by itself, not by a signal it could not handle.
    #[must_use]
    pub fn exited(&self) -> bool {
        self.ended.is_some_and(|status| status.code().is_some())
    }

    /// Sends a signal; nothing happens when the server has ended.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended().is_some() {
            return Ok(());
        }
        // The child has not been waited for, so its id cannot belong to another process.
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).with_context(|| format!("cannot signal process {}", self.pid()))
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// With the server's last log lines, when it ends or is not ready in time.
    pub async fn wait_ready(&mut self, name: &str, ready: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Some(how) = self.ended() {
                bail!("{name} {how} while starting; {}", logs::quote(&self.log));
            }
            if ready() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let waited = START_DEADLINE.as_secs();
                bail!("{name} was not ready after {waited} s; {}", logs::quote(&self.log));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the server has ended; says whether it has.
    pub async fn wait_ended(&mut self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        true
    }

    /// Ends the server: each signal in turn, with the time it is given to act.
    pub async fn stop(&mut self, steps: &[(Signal, Duration)]) {
        // A frozen process acts on nothing but KILL.
        drop(self.signal(Signal::CONT));
        for &(signal, within) in steps {
            if self.signal(signal).is_ok() && self.wait_ended(within).await {
                return;
            }
        }
        drop(self.signal(Signal::KILL));
        self.wait_ended(Duration::from_secs(10)).await;
    }
}

/// A command that the kernel signals when the thread that starts it ends, run
/// as another user when there is one.
///
/// Both are one `setpriv`: a later change of user would undo the first.
#[must_use]
pub fn tied(command: &[String], death_signal: &str, user: Option<&User>) -> Command {
    let mut tied = Command::new("setpriv");
    tied.arg(format!("--pdeathsig={death_signal}"));
    if let Some(User { uid, gid, .. }) = user {
        tied.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--init-groups");
    }
    tied.arg("--").args(command);
    tied
}

/// Processes of this program whose current folder is this one: a database's backends all
/// are, even when their postmaster has been killed. A shell may be there too.
#[must_use]
pub fn living_in(folder: &Path, program: &str) -> Vec<u32> {
    let Ok(folder) = folder.canonicalize() else { return Vec::new() };
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
        .filter(|entry| {
            let name = fs::read_to_string(entry.path().join("comm"));
            name.is_ok_and(|name| name.trim_end() == program)
        })
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}
