//! The services as child processes: started with the stack's addresses and free
//! ports, watched until ready, drained at the end. Each dies with the demo.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::programs::program;
use crate::usage::{Usage, of_tree};

const READY_DEADLINE: Duration = Duration::from_secs(30);
const DRAIN_DEADLINE: Duration = Duration::from_secs(30);

/// What runs beside the stack.
pub(crate) const SERVICES: [&str; 3] = ["ingest", "processor", "notifier"];

/// The running services.
pub(crate) struct Services {
    running: Vec<Service>,
    /// What every program of ours must know.
    pub(crate) env: Vec<(String, String)>,
}

struct Service {
    name: &'static str,
    child: Child,
    admin_port: u16,
    log: PathBuf,
}

/// Environment for all programs: the stack's, and ports for ours. The ports
/// that people know are taken when they are free.
pub(crate) fn environment(
    stack_env: Vec<(String, String)>,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut env = stack_env;
    let mut set = |name: &str, value: String| {
        env.retain(|(known, _)| known != name);
        env.push((name.to_owned(), value));
    };
    let ingest = free_port(8080)?;
    set("INGEST_LISTEN", format!("127.0.0.1:{ingest}"));
    set("INGEST_URL", format!("http://127.0.0.1:{ingest}"));
    for (name, usual) in [
        ("INGEST_ADMIN_LISTEN", 9080),
        ("PROCESSOR_ADMIN_LISTEN", 9081),
        ("NOTIFIER_ADMIN_LISTEN", 9082),
    ] {
        set(name, format!("127.0.0.1:{}", free_port(usual)?));
    }
    Ok(env)
}

fn free_port(usual: u16) -> anyhow::Result<u16> {
    let listener =
        TcpListener::bind(("127.0.0.1", usual)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)));
    Ok(listener.context("no free port on 127.0.0.1")?.local_addr()?.port())
}

impl Services {
    /// Starts all services and waits until each is ready.
    pub(crate) async fn start(
        folder: &Path,
        logs: &Path,
        env: Vec<(String, String)>,
        outlive: bool,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let mut services = Self { running: Vec::new(), env };
        for name in SERVICES {
            let service = services.spawn(folder, logs, name, outlive)?;
            services.running.push(service);
        }
        for service in &mut services.running {
            service.wait_until_ready().await?;
        }
        Ok(services)
    }

    fn spawn(
        &self,
        folder: &Path,
        logs: &Path,
        name: &'static str,
        outlive: bool,
    ) -> anyhow::Result<Service> {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = if outlive {
            let mut command = Command::new("setsid");
            command.arg(program(folder, name));
            command
        } else {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "TERM", "--"]).arg(program(folder, name));
            command
        };
        if name == "processor" {
            command.arg("run");
        }
        if name == "notifier" {
            let told = logs.join("notifications.jsonl");
            command.arg("--sink").arg(format!("file:{}", told.display()));
        }
        command
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let admin = format!("{}_ADMIN_LISTEN", name.to_uppercase());
        let address =
            self.env.iter().find(|(known, _)| *known == admin).map(|(_, value)| value.as_str());
        let port = address.and_then(|address| address.rsplit_once(':')?.1.parse().ok());
        Ok(Service { name, child, admin_port: port.context("no admin port")?, log })
    }

    /// Process ids by name.
    pub(crate) fn pids(&self) -> Vec<(&'static str, u32)> {
        self.running
            .iter()
            .filter_map(|service| Some((service.name, service.child.id()?)))
            .collect()
    }

    /// What each service has used so far.
    pub(crate) fn usage(&self) -> Vec<(String, Usage)> {
        self.pids().into_iter().map(|(name, pid)| (name.to_owned(), of_tree(pid))).collect()
    }

    /// Fails when a service has ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        for service in &mut self.running {
            if let Some(status) = service.child.try_wait()? {
                bail!(
                    "{} ended ({status}); its last words:\n{}",
                    service.name,
                    last_lines(&service.log)
                );
            }
        }
        Ok(())
    }

    /// Drains and ends all services, in the order of the flow.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        for service in &mut self.running {
            service.stop().await?;
        }
        Ok(())
    }
}

impl Service {
    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} ended ({status}) before it was ready:\n{}",
                    self.name,
                    last_lines(&self.log)
                );
            }
            if is_ready(self.admin_port).await {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!(
                    "{} was not ready within {READY_DEADLINE:?}:\n{}",
                    self.name,
                    last_lines(&self.log)
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // It may have ended a moment ago.
            let _gone = kill_process(pid, Signal::TERM);
        }
        match tokio::time::timeout(DRAIN_DEADLINE, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(()),
            Ok(status) => bail!(
                "{} did not stop cleanly ({:?}):\n{}",
                self.name,
                status?,
                last_lines(&self.log)
            ),
            Err(_) => {
                self.child.kill().await?;
                bail!(
                    "{} did not drain within {DRAIN_DEADLINE:?}:\n{}",
                    self.name,
                    last_lines(&self.log)
                )
            }
        }
    }
}

async fn is_ready(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.starts_with(b"HTTP/1.1 200"))
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), ask).await, Ok(Ok(true)))
}

/// The end of a log, for an error message.
fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
