//! Apache Kafka on the JDK: one process that is broker and controller (`KRaft`),
//! started from its jars with plain `java -cp`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tokio::process::Command;

use super::classes::ClassArchive;
use super::process::{Launch, Process};
use crate::logs;
use crate::options::Server;

/// The version that kafka/pom.xml asks for.
pub const VERSION: &str = "4.2.0";

/// What the broker is told, with the reasons.
const CONFIGURATION: &str = include_str!("../../kafka/server.properties");

/// Any fixed id will do: the cluster is one node and its folder is its own.
const CLUSTER_ID: &str = "b3JkZXJtaWxsLXN0YWNrMQ";

/// A clean shutdown takes 0.3 to 1 s.
const STOP_STEPS: [(Signal, Duration); 1] = [(Signal::TERM, Duration::from_secs(20))];

/// Fixed, so that load does not make the JVM ask for memory in the middle of a
/// measurement. Filled with 1.5 M orders at once a broker takes the same CPU time
/// with 512m to 1g; the longest pause was 117 ms with 512m, 33 to 76 ms with 768m.
const HEAP: [&str; 2] = ["-Xms768m", "-Xmx768m"];

/// G1, which Kafka's own start script chooses, works beside the program: on two cores
/// that are shared, its threads and barriers cost 49 to 64 µs of CPU an order where
/// the serial collector costs 43 to 50 (8,000 to 9,000 orders/s, in turn). The pauses
/// of 20 s come to the same 0.3 s, the longest to 150 ms instead of 50.
const COLLECTOR: [&str; 2] = ["-XX:+UseSerialGC", "-XX:MaxInlineLevel=15"];

/// The ports of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listeners {
    /// For clients.
    pub broker: u16,
    /// For the controller in the same process.
    pub controller: u16,
}

/// A broker in a stack's folder.
#[derive(Debug, Clone)]
pub struct Kafka {
    java: PathBuf,
    jars: PathBuf,
    dir: PathBuf,
    log: PathBuf,
    classes: ClassArchive,
}

impl Kafka {
    /// The broker of the stack in `stack_dir`, run by `java` from the jars in `jars`.
    #[must_use]
    pub fn new(java: PathBuf, jars: PathBuf, stack_dir: &Path) -> Self {
        let dir = stack_dir.join(Server::Kafka.name());
        let classes = ClassArchive::new(&java, &jars, &dir);
        Self { java, jars, dir, log: logs::path(stack_dir, Server::Kafka), classes }
    }

    /// Formats the storage when that has not been done, starts the broker and
    /// waits until it listens.
    ///
    /// # Errors
    /// With the server's last log lines, when it does not come up.
    pub async fn start(&self, listeners: Listeners) -> Result<Process> {
        fs::create_dir_all(&self.dir)?;
        let properties = self.dir.join("server.properties");
        fs::write(&properties, configuration(&self.dir.join("data"), listeners))?;
        self.format(&properties).await?;
        let mut process = self.launch(&properties).start()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listeners.broker));
        process.wait_ready("Kafka", || listens(address)).await?;
        Ok(process)
    }

    /// Stops the broker.
    pub async fn stop(&self, process: &mut Process) {
        process.stop(&STOP_STEPS).await;
        // A killed JVM may have left half of it.
        if process.exited()
            && let Err(error) = self.classes.keep()
        {
            eprintln!("{error:#}");
        }
    }

    /// Storage counts as formatted once the tool has ended well: it leaves half of it otherwise.
    async fn format(&self, properties: &Path) -> Result<()> {
        let done = self.dir.join("formatted");
        if done.exists() {
            return Ok(());
        }
        let mut options = self.classes.read();
        options.extend(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"].map(Into::into));
        let mut command = self.java(&options);
        command.extend(["kafka.tools.StorageTool", "format", "--ignore-formatted"].map(Into::into));
        command.extend(["--cluster-id", CLUSTER_ID, "--config"].map(Into::into));
        command.push(properties.to_string_lossy().into_owned());
        let output = Command::from(self.wrap(command).wrapped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .await
            .context("cannot run setpriv (package util-linux)")?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).trim().replace('\n', "\n  ");
            bail!("Kafka's storage could not be formatted; the tool said:\n  {said}");
        }
        fs::write(done, "")?;
        Ok(())
    }

    fn launch(&self, properties: &Path) -> Launch {
        let mut options = self.classes.read_or_write();
        options.extend(HEAP.into_iter().chain(COLLECTOR).map(Into::into));
        let mut command = self.java(&options);
        command.push("kafka.Kafka".to_owned());
        command.push(properties.to_string_lossy().into_owned());
        self.wrap(command)
    }

    fn wrap(&self, command: Vec<String>) -> Launch {
        // The log on disk is made for this: a killed broker checks it at the next start.
        Launch { command, user: None, death_signal: "KILL", log: self.log.clone() }
    }

    fn java(&self, options: &[String]) -> Vec<String> {
        let logging = "-Dorg.slf4j.simpleLogger";
        let mut command = vec![self.java.to_string_lossy().into_owned()];
        command.extend_from_slice(options);
        command.extend([
            "-Djava.awt.headless=true".to_owned(),
            format!("{logging}.defaultLogLevel=info"),
            format!("{logging}.showDateTime=true"),
            format!("{logging}.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSX"),
            format!("{logging}.showThreadName=false"),
            format!("{logging}.showShortLogName=true"),
            "-cp".to_owned(),
            format!("{}/*", self.jars.display()),
        ]);
        command
    }
}

fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_ok()
}

fn configuration(data: &Path, listeners: Listeners) -> String {
    CONFIGURATION
        .replace("{broker}", &listeners.broker.to_string())
        .replace("{controller}", &listeners.controller.to_string())
        .replace("{data}", &data.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_that_maven_resolves() {
        let pom = include_str!("../../kafka/pom.xml");
        assert!(pom.contains(&format!("<kafka.version>{VERSION}</kafka.version>")));
    }

    #[test]
    fn the_broker_listens_on_the_loopback_only() {
        let text = configuration(Path::new("/d"), Listeners { broker: 7, controller: 8 });
        assert!(text.contains("\nlisteners=BROKER://127.0.0.1:7,CONTROLLER://127.0.0.1:8\n"));
        assert!(text.contains("\nlog.dirs=/d\n"));
        assert!(!text.contains('{'));
    }
}
