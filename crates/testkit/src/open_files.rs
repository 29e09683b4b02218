//! Whether a program raises its limit of open files.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::wait::wait_until_named;

/// What a program starts with here, as its soft limit.
const FEW: &str = "256";

/// Killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Fails when it has ended already, which is what is wanted.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Starts a program with a low soft limit and waits until it has raised that to the
/// hard one. Its servers need not be there.
pub async fn until_open_files_are_raised(program: &str, words: &[&str]) {
    let child = Command::new("sh")
        .args(["-c", &format!("ulimit -S -n {FEW}; exec \"$0\" \"$@\""), program])
        .args(words)
        .stdout(Stdio::null())
        .spawn()
        .expect("cannot start a shell");
    let running = Running(child);
    let what = format!("a higher limit of open files in {program}");
    wait_until_named(&what, Duration::from_secs(20), async || {
        // Before the shell has lowered it, the soft limit is the one of the test.
        named_is(&running, program) && soft_is_hard(&running)
    })
    .await;
}

fn named_is(running: &Running, program: &str) -> bool {
    let file = std::fs::read_link(format!("/proc/{}/exe", running.0.id()));
    file.is_ok_and(|file| file == std::path::Path::new(program))
}

fn soft_is_hard(running: &Running) -> bool {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.0.id()));
    let limits = limits.unwrap_or_default();
    let row = limits.lines().find(|line| line.starts_with("Max open files"));
    let columns: Vec<_> = row.unwrap_or_default().split_whitespace().collect();
    matches!(columns[..], [_, _, _, soft, hard, _] if soft == hard && soft != FEW)
}
