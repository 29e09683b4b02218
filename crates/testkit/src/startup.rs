//! A program of ours that brings servers up, beside stand-ins for all that it runs: for
//! tests of what it does when the servers do not come.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// The program in a folder of its own.
pub struct Alone {
    folder: PathBuf,
    program: PathBuf,
}

impl Alone {
    /// Makes the folder anew.
    #[must_use]
    pub fn new(folder: PathBuf, binary: &Path) -> Self {
        let _missing = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("cannot make the folder");
        for program in ["ingest", "processor", "notifier", "loadgen", "audit", "stack"] {
            fs::write(folder.join(program), "").expect("cannot write a stand-in");
        }
        let program = folder.join(binary.file_name().expect("the binary has no name"));
        fs::hard_link(binary, &program).expect("cannot link the binary");
        Self { folder, program }
    }

    /// Where it runs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program, with `stack` in the place of the one that starts servers.
    #[must_use]
    pub fn command(&self, stack: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // Without a cargo nothing is built.
        for name in ["CARGO", "KAFKA_BROKERS", "DATABASE_URL"] {
            command.env_remove(name);
        }
        command.env("ORDERMILL_HOME", self.folder.join("home")).env("ORDERMILL_STACK", stack);
        command.args(words).current_dir(&self.folder);
        command
    }

    /// Its exit code when Ctrl-C comes while servers start; none when it does not end.
    #[must_use]
    pub fn interrupted(&self, words: &[&str]) -> Option<i32> {
        let (starter, begun) = (self.folder.join("starter"), self.folder.join("begun"));
        let script = format!("#!/bin/sh\necho $$ >{}\nexec sleep 600\n", begun.display());
        fs::write(&starter, script).expect("cannot write the starter");
        fs::set_permissions(&starter, fs::Permissions::from_mode(0o755)).expect("cannot allow it");
        let mut child = self.command(&starter, words).spawn().expect("cannot start the program");
        let pid = |text: String| Pid::from_raw(text.trim().parse().ok()?);
        let starting = wait_for(|| fs::read_to_string(&begun).ok().and_then(pid));
        let starting = starting.expect("it starts no servers");
        kill_process(Pid::from_child(&child), Signal::INT).expect("cannot interrupt it");
        let ended = wait_for(|| child.try_wait().expect("cannot wait for it"));
        // With what it waited for even a deaf one ends.
        kill_process(starting, Signal::KILL).expect("cannot end the starter");
        ended.and_then(|status| status.code())
    }
}

/// What comes within a time that is ample.
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = look();
        if found.is_some() || Instant::now() > deadline {
            return found;
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}
