//! The program as scripts use it: exit codes, standard output, files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests report by panicking")]

mod support;

use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use support::Gateway;

fn loadgen(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(arguments.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &str) -> Output {
    loadgen(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_begins_with_examples_and_lists_the_exit_codes() {
    let output = run("--help");
    let help = text(&output.stdout);
    assert!(help.starts_with("Examples:\n  loadgen --rate 1000 --duration 5m\n"), "{help}");
    for code in ["99", "130", "Exit codes:", "accept_ms"] {
        assert!(help.contains(code), "{code} is missing");
    }
}

#[test]
fn wrong_usage_is_2_and_a_missing_gateway_is_3() {
    assert_eq!(run("--rate fast").status.code(), Some(2));
    assert_eq!(run("--slo settled.p95<90ms").status.code(), Some(2));
    assert_eq!(run("--url localhost --orders 1").status.code(), Some(2));
    assert_eq!(run("--url http://:8080 --orders 1").status.code(), Some(2));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(&format!("--url http://{nobody} --orders 1"));
    assert_eq!(output.status.code(), Some(3));
    let message = text(&output.stderr);
    assert!(
        message.starts_with(&format!("error: cannot connect to the gateway at {nobody}")),
        "{message}"
    );
}

#[test]
fn a_gateway_without_a_broker_and_a_host_without_an_address_are_3() {
    let (gateway, address) = Gateway::start();
    gateway.refuse_percent.store(100, Ordering::Relaxed);
    let output = run(&format!("--url http://{address} --orders 1 --stock 1 --products 1"));
    let message = text(&output.stderr);
    assert!(message.starts_with("error: cannot restock p-00000: 503 "), "{message}");
    assert_eq!(output.status.code(), Some(3));
    // No resolver is asked for a name that is longer than names may be.
    let host = "h".repeat(300);
    assert_eq!(run(&format!("--url http://{host}:1 --orders 1")).status.code(), Some(3));
}

#[test]
fn the_report_goes_to_standard_output_and_the_json_file() {
    let (_gateway, address) = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let (json, hlog) = (folder.path().join("report.json"), folder.path().join("run.hlog"));
    let output = run(&format!(
        "--url http://{address} --rate 1000 --orders 300 --seed 7 --lag-limit 1h --json {} --hlog {}",
        json.display(),
        hlog.display()
    ));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(table.contains("sent                 300  of 300 scheduled"), "{table}");
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    for (pointer, expected) in [
        ("/sent", 300.into()),
        ("/acknowledged", 300.into()),
        ("/errors", 0.into()),
        ("/valid", true.into()),
        ("/run/seed", 7.into()),
        ("/kinds/order/acknowledged", serde_json::Value::from(300)),
        ("/accept_ms/count", 300.into()),
        ("/settled_ms", serde_json::Value::Null),
    ] {
        assert_eq!(report.pointer(pointer), Some(&expected), "{pointer}");
    }
    for pointer in
        ["/orders_per_s", "/accept_ms/p99.9", "/schedule_lag_ms/p99", "/cpu_us_per_request"]
    {
        assert!(report.pointer(pointer).unwrap().as_f64().unwrap() > 0.0, "{pointer}");
    }
    assert!(std::fs::read_to_string(hlog).unwrap().contains("Tag=accept,"));
}

#[test]
fn a_missed_objective_is_99_and_a_void_run_is_4() {
    let (gateway, address) = Gateway::start();
    gateway.refuse_percent.store(50, Ordering::Relaxed);
    let line = format!("--url http://{address} --rate 1000 --orders 100 --stock 0 --slo errors<1%");
    assert_eq!(run(&format!("{line} --lag-limit 1h")).status.code(), Some(99));
    assert_eq!(run(&format!("{line} --lag-limit 1ns")).status.code(), Some(4));
}

#[test]
fn an_interrupted_run_prints_what_it_saw_and_is_130() {
    let (gateway, address) = Gateway::start();
    let mut child =
        loadgen(&format!("--url http://{address} --rate 500 --duration 1h")).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while gateway.bodies.lock().unwrap().len() < 50 {
        assert!(Instant::now() < deadline, "no load came");
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(&mut child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stdout).contains("INTERRUPTED"), "{}", text(&output.stdout));
}

fn interrupt(child: &mut Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

#[test]
fn a_killed_run_leaves_receipts_up_to_its_last_moment_in_whole_lines() {
    let (gateway, address) = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receipts.csv");
    let line = format!("--url http://{address} --rate 500 --duration 1h --receipts");
    let mut child = loadgen(&line).arg(&path).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let receipts = || std::fs::read_to_string(&path).unwrap_or_default();
    while gateway.bodies.lock().unwrap().len() < 200 || receipts().lines().count() < 150 {
        assert!(Instant::now() < deadline, "{} receipts", receipts().lines().count());
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let text = receipts();
    assert!(text.ends_with('\n'));
    assert!(text.lines().all(|line| line.split(',').count() == 5), "{text}");
}
