//! Whether a process ends with the one that started it.

use std::path::Path;

use tokio::process::Command;

/// How long a process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Until its caller ends, at the latest.
    WithCaller,
    /// Until somebody ends it.
    OnItsOwn,
}

impl Life {
    /// Runs a program that lives so long.
    pub(super) fn of(self, program: &Path) -> Command {
        match self {
            Self::WithCaller => with_caller(program),
            Self::OnItsOwn => {
                let mut command = Command::new("setsid");
                command.arg(program);
                command
            }
        }
    }
}

/// Runs a program that is told to end when the thread that starts it ends, also by SIGKILL.
#[must_use]
pub fn with_caller(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The first letter of a process's state, when there is one.
    fn state(pid: u32) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    #[tokio::test]
    async fn what_runs_with_its_caller_ends_with_the_thread_that_started_it() {
        let begun = std::thread::spawn(|| {
            let mut command = with_caller(Path::new("sleep")).into_std();
            let child = command.arg("600").spawn().unwrap();
            let name = format!("/proc/{}/comm", child.id());
            while std::fs::read_to_string(&name).unwrap().trim() != "sleep" {
                std::thread::sleep(Duration::from_millis(1));
            }
            child
        });
        let mut child = tokio::task::spawn_blocking(|| begun.join().unwrap()).await.unwrap();
        let mut looks = 0..1_000;
        while state(child.id()) != Some('Z') && looks.next().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let ended = state(child.id()) == Some('Z');
        // It may have ended already.
        let _gone = child.kill();
        child.wait().unwrap();
        assert!(ended, "it outlived its caller");
    }
}
