//! The harness as scripts use it, where servers do not come up: exit codes and files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests report by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A folder of its own with the harness and something for each program that it asks for.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _missing = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for program in ["ingest", "processor", "notifier", "loadgen", "audit", "stack"] {
        fs::write(folder.join(program), "").unwrap();
    }
    fs::hard_link(env!("CARGO_BIN_EXE_faults"), folder.join("faults")).unwrap();
    folder
}

/// The harness, with another program in the place of the one that starts servers.
fn faults(folder: &Path, stack: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(folder.join("faults"));
    // Without a cargo nothing is built.
    for name in ["CARGO", "KAFKA_BROKERS", "DATABASE_URL"] {
        command.env_remove(name);
    }
    command.env("ORDERMILL_HOME", folder.join("home")).env("ORDERMILL_STACK", stack);
    command.args(words).current_dir(folder);
    command
}

#[test]
fn a_round_that_cannot_be_played_takes_no_other_with_it() {
    let folder = folder("unplayed");
    let words = ["run", "processor-kill", "broker-kill", "--json", "faults.json"];
    let output = faults(&folder, Path::new("/bin/false"), &words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let report = fs::read(folder.join("faults.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let scenarios = report["scenarios"].as_array().unwrap();
    for (scenario, name) in scenarios.iter().zip(["processor-kill", "broker-kill"]) {
        assert_eq!(scenario["name"], name);
        let wrong = scenario["wrong"][0].as_str().unwrap();
        assert!(wrong.starts_with("could not be played to its end: /bin/false"), "{wrong}");
    }
    assert_eq!((scenarios.len(), &report["clean"]), (2, &false.into()));
}

#[test]
fn an_interrupt_while_servers_start_ends_the_harness() {
    let folder = folder("interrupted");
    let (starter, begun) = (folder.join("starter"), folder.join("begun"));
    fs::write(&starter, format!("#!/bin/sh\necho $$ >{}\nexec sleep 600\n", begun.display()))
        .unwrap();
    fs::set_permissions(&starter, fs::Permissions::from_mode(0o755)).unwrap();
    let mut harness = faults(&folder, &starter, &["run", "processor-kill"]).spawn().unwrap();
    let pid = |text: String| Pid::from_raw(text.trim().parse().ok()?);
    let starting = wait_for(|| fs::read_to_string(&begun).ok().and_then(pid)).unwrap();
    kill_process(Pid::from_child(&harness), Signal::INT).unwrap();
    let ended = wait_for(|| harness.try_wait().unwrap());
    // With what it waited for even a deaf one ends.
    kill_process(starting, Signal::KILL).unwrap();
    assert_eq!(ended.and_then(|status| status.code()), Some(130));
}

/// What comes within a time that is ample.
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = look();
        if found.is_some() || Instant::now() > deadline {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
