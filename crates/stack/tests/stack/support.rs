//! A stack of a test's own, driven through the real program, and looks at what runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use stack::protocol::Status;
use stack::{Server, lease};
use tempfile::TempDir;

/// Nothing here takes longer than a server's start on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A folder for one stack; what still runs in it is stopped in the end.
pub struct Place {
    _top: TempDir,
    pub dir: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        // PostgreSQL's user must be able to enter when we are root.
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let dir = top.path().join("stack");
        Self { _top: top, dir }
    }

    /// The program, for this stack and with nothing of ours in its environment.
    pub fn stack(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stack"));
        command.arg("--dir").arg(&self.dir).args(arguments);
        for known in stack::env::KNOWN {
            command.env_remove(known.name);
        }
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.stack(arguments).output().unwrap()
    }

    /// Runs the program, which must succeed; gives what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program, which must fail with code 1; gives its error text.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stderr(&output));
        stderr(&output)
    }

    /// What the supervisor runs, if there is one.
    pub fn status(&self) -> Option<Status> {
        lease::status(&self.dir).unwrap()
    }

    /// A variable that `stack env` prints.
    pub fn variable(&self, name: &str) -> String {
        let printed = self.ok(&["env"]);
        let line = printed.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
        line.unwrap().to_owned()
    }

    /// Every process of this stack: the supervisor, the servers and their children.
    pub fn processes(&self) -> Vec<u32> {
        let Some(status) = self.status() else { return Vec::new() };
        let servers = status.servers.iter().filter_map(|server| server.pid);
        let backends =
            stack::native::process::living_in(&self.dir.join("postgres/data"), "postgres");
        [status.supervisor_pid].into_iter().chain(servers).chain(backends).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A failed test leaves its stack up; the folder goes with it.
        drop(self.stack(&["down"]).output());
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn pid(status: &Status, server: Server) -> Option<u32> {
    status.servers.iter().find(|found| found.server == server)?.pid
}

pub fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A process that nobody has waited for yet has ended all the same.
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

pub fn children_of(parent: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    children.unwrap_or_default().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Executable scripts in a folder of their own, to be put on PATH.
pub fn script(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder).unwrap();
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}
