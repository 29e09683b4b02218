//! One of our own processes beside the stack: started with the stack's
//! addresses, watched until ready, drained at the end. Unless it is meant to
//! outlive its caller, it dies with the thread that started it.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Child;

use crate::usage::{Usage, of_tree};

mod life;
mod unclean;

pub use self::life::{Life, with_caller};
pub use self::unclean::Unclean;

const READY_DEADLINE: Duration = Duration::from_secs(30);
const READY_PAUSE: Duration = Duration::from_millis(20);
const DRAIN_DEADLINE: Duration = Duration::from_secs(30);
/// Lines of its log that an error message shows.
const LAST_LINES: usize = 15;

/// What to start.
#[derive(Debug)]
pub struct Launch<'a> {
    /// What it is called in messages, and by its variables:
    /// `PROCESSOR_ADMIN_LISTEN` of `processor`.
    pub name: &'static str,
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment, beside the caller's own.
    pub env: &'a [(String, String)],
    /// Folder for its log.
    pub logs: &'a Path,
    /// How long it lives.
    pub life: Life,
}

/// A running process of ours.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    child: Child,
    admin_port: u16,
    log: PathBuf,
}

impl Service {
    /// Starts it. Must be called from a thread that lives as long as it shall.
    ///
    /// # Errors
    /// When it cannot be run or written about.
    pub fn start(launch: &Launch<'_>) -> Result<Self> {
        let Launch { name, program, args, env, logs, life } = launch;
        std::fs::create_dir_all(logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = life.of(program);
        command.args(args).envs(env.iter().cloned());
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, child, admin_port: admin_port(name, env)?, log })
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// With the end of its log, when it is not in time.
    pub async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_DEADLINE;
        while !is_ready(self.admin_port).await {
            self.check()?;
            if Instant::now() >= deadline {
                let words = self.last_words();
                bail!("{} was not ready within {READY_DEADLINE:?}:\n{words}", self.name);
            }
            tokio::time::sleep(READY_PAUSE).await;
        }
        Ok(())
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it has used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.pid().map(of_tree).unwrap_or_default()
    }

    /// Fails when it has ended by itself.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended ({status}):\n{}", self.name, self.last_words()),
            None => Ok(()),
        }
    }

    /// The text of its metrics page.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn metrics(&self) -> Result<String> {
        let page = tokio::time::timeout(READY_DEADLINE, get(self.admin_port, "/metrics")).await;
        page?.with_context(|| format!("{} shows no metrics", self.name))
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let pid = pid.with_context(|| format!("{} has ended by itself", self.name))?;
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// Asks it to drain and to end, without waiting for that.
    pub fn ask_to_end(&self) {
        // It may have ended a moment ago.
        let _gone = self.signal(Signal::TERM);
    }

    /// Ends it at once, and waits until it has ended.
    ///
    /// # Errors
    /// The system refuses.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("cannot kill {}", self.name))
    }

    /// Drains and ends it.
    ///
    /// # Errors
    /// With the end of its log, when it does not end cleanly.
    pub async fn stop(&mut self) -> Result<(), Unclean> {
        self.ask_to_end();
        let name = self.name;
        match tokio::time::timeout(DRAIN_DEADLINE, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Unclean::Failed { name, status, words: self.last_words() }),
            Ok(Err(error)) => Err(Unclean::Unknown { name, error }),
            Err(_) => {
                self.child.kill().await.map_err(|error| Unclean::Unknown { name, error })?;
                Err(Unclean::Overdue { name, deadline: DRAIN_DEADLINE, words: self.last_words() })
            }
        }
    }

    /// The end of its log, for an error message.
    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}

/// The sum of a metric over its labels on a metrics page; `None` when the page does
/// not have it.
#[must_use]
pub fn metric(page: &str, name: &str) -> Option<f64> {
    let values = page.lines().filter_map(|line| {
        let labels_and_value = line.strip_prefix(name)?;
        let own = labels_and_value.starts_with(['{', ' ']);
        own.then(|| labels_and_value.rsplit_once(' ')?.1.parse::<f64>().ok())?
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or_default() + value))
}

/// A port that nobody listens on: the usual one when it is free.
///
/// # Errors
/// When there is none.
pub fn free_port(usual: u16) -> Result<u16> {
    Ok(listener(usual)?.local_addr()?.port())
}

fn listener(usual: u16) -> Result<TcpListener> {
    let listener =
        TcpListener::bind(("127.0.0.1", usual)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)));
    listener.context("no free port on 127.0.0.1")
}

/// Environment for all programs beside a stack: the stack's own, and where ours
/// listen.
///
/// # Errors
/// When there is no free port.
pub fn environment(mut env: Vec<(String, String)>) -> Result<Vec<(String, String)>> {
    for (name, address) in listen_env()? {
        set(&mut env, &name, address);
    }
    Ok(env)
}

/// Sets a variable, whatever it was before.
pub fn set(env: &mut Vec<(String, String)>, name: &str, value: String) {
    env.retain(|(known, _)| known != name);
    env.push((name.to_owned(), value));
}

/// Where our processes listen, as the variables they read. The ports that
/// people know are taken when they are free.
///
/// # Errors
/// When there is none.
pub fn listen_env() -> Result<Vec<(String, String)>> {
    let mut env = Vec::new();
    // Held until all are chosen, so that no port is chosen twice.
    let mut listeners = Vec::new();
    for (name, usual) in [
        ("INGEST_LISTEN", 8080),
        ("INGEST_ADMIN_LISTEN", 9080),
        ("PROCESSOR_ADMIN_LISTEN", 9081),
        ("NOTIFIER_ADMIN_LISTEN", 9082),
    ] {
        let listener = listener(usual)?;
        let address = listener.local_addr()?.to_string();
        if name == "INGEST_LISTEN" {
            env.push(("INGEST_URL".to_owned(), format!("http://{address}")));
        }
        env.push((name.to_owned(), address));
        listeners.push(listener);
    }
    Ok(env)
}

fn admin_port(name: &str, env: &[(String, String)]) -> Result<u16> {
    let variable = format!("{}_ADMIN_LISTEN", name.to_uppercase());
    let address = env.iter().find(|(known, _)| *known == variable);
    let port = address.and_then(|(_, address)| address.rsplit_once(':')?.1.parse().ok());
    port.with_context(|| format!("{variable} names no port"))
}

async fn is_ready(port: u16) -> bool {
    let page = tokio::time::timeout(Duration::from_secs(1), get(port, "/readyz")).await;
    matches!(page, Ok(Ok(page)) if page.starts_with("HTTP/1.1 200"))
}

async fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
