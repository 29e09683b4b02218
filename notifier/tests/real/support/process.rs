//! The program itself, ended in any way.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use stack::service::free_port;
use testkit::Bed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A running notifier and its admin port; killed when it is dropped.
pub struct Notifier(Child, u16);

impl Notifier {
    /// Starts one with these sinks.
    pub fn start(bed: &Bed, sinks: &[&str]) -> Self {
        let port = free_port(0).unwrap();
        Self(Self::command(bed, sinks, port).spawn().unwrap(), port)
    }

    /// The same, and what it logs goes into this file.
    pub fn start_logging_to(log: &Path, bed: &Bed, sinks: &[&str]) -> Self {
        let log = std::fs::File::create(log).unwrap();
        let port = free_port(0).unwrap();
        Self(Self::command(bed, sinks, port).stderr(log).spawn().unwrap(), port)
    }

    fn command(bed: &Bed, sinks: &[&str], port: u16) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_notifier"));
        command.envs(bed.env()).env("NOTIFIER_ADMIN_LISTEN", format!("127.0.0.1:{port}"));
        command.env("NOTIFIER_GROUP", super::group(bed));
        command.env("NOTIFIER_WEBHOOK_TIMEOUT", "1s").stdout(Stdio::null());
        for sink in sinks {
            command.args(["--sink", sink]);
        }
        command
    }

    /// What its readiness page says.
    pub async fn readiness(&self) -> String {
        let asked = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.1)).await?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await?;
            let mut page = String::new();
            stream.read_to_string(&mut page).await.map(|_| page)
        };
        asked.await.unwrap_or_default()
    }

    /// Asks it to stop and waits.
    pub fn stop(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        self.0.wait().unwrap()
    }

    /// Has it stand still.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.0), Signal::STOP).unwrap();
    }

    /// Has it go on.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.0), Signal::CONT).unwrap();
    }

    /// Ends it as a crash would.
    pub fn crash(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        // Fails when it has ended already, which is what is wanted.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// The whole lines of a file; none while there is no file.
pub fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let (whole, _torn) = text.rsplit_once('\n').unwrap_or_default();
    whole.lines().map(str::to_owned).collect()
}

/// The event id in a told line.
pub fn id_of(line: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    event["id"].as_str().unwrap().to_owned()
}
