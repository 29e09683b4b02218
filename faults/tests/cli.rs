//! The harness as scripts use it, where servers do not come up: exit codes and files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests report by panicking")]

use std::fs;
use std::path::Path;

use testkit::Alone;

fn alone(name: &str) -> Alone {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    Alone::new(folder, Path::new(env!("CARGO_BIN_EXE_faults")))
}

#[test]
fn a_round_that_cannot_be_played_takes_no_other_with_it() {
    let alone = alone("unplayed");
    let words = ["run", "processor-kill", "broker-kill", "--json", "faults.json"];
    let output = alone.command(Path::new("/bin/false"), &words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let report = fs::read(alone.folder().join("faults.json")).unwrap();
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
    assert_eq!(alone("interrupted").interrupted(&["run", "processor-kill"]), Some(130));
}
