//! Ctrl-C while servers start: the demo ends at once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests report by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A folder of its own with the demo and something for each program that it asks for.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interrupted-demo");
    let _missing = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for program in ["ingest", "processor", "notifier", "loadgen", "audit", "stack"] {
        fs::write(folder.join(program), "").unwrap();
    }
    fs::hard_link(env!("CARGO_BIN_EXE_demo"), folder.join("demo")).unwrap();
    folder
}

#[test]
fn an_interrupt_while_servers_start_ends_the_demo() {
    let folder = folder();
    let (starter, begun) = (folder.join("starter"), folder.join("begun"));
    fs::write(&starter, format!("#!/bin/sh\necho $$ >{}\nexec sleep 600\n", begun.display()))
        .unwrap();
    fs::set_permissions(&starter, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(folder.join("demo"));
    // Without a cargo nothing is built.
    for name in ["CARGO", "KAFKA_BROKERS", "DATABASE_URL"] {
        command.env_remove(name);
    }
    command.env("ORDERMILL_HOME", folder.join("home")).env("ORDERMILL_STACK", &starter);
    let mut demo = command.spawn().unwrap();
    let starting = || fs::read_to_string(&begun).ok().filter(|pid| pid.ends_with('\n'));
    let starting = wait_for(starting).unwrap();
    signal("INT", &demo.id().to_string());
    let ended = wait_for(|| demo.try_wait().unwrap());
    // With what it waited for even a deaf one ends.
    signal("KILL", starting.trim());
    assert_eq!(ended.and_then(|status| status.code()), Some(130));
}

fn signal(name: &str, pid: &str) {
    assert!(Command::new("kill").args(["-s", name, pid]).status().unwrap().success());
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
