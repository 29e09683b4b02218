//! The program itself: what it refuses, and what it asks of the system.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_processor");

#[test]
fn a_setting_with_which_everything_would_stand_still_is_refused() {
    for (variable, value, message) in [
        ("PAYMENT_CONCURRENCY", "0", "--payment-concurrency must be 1 to 65536, is 0"),
        ("PAYMENT_CONCURRENCY", "65537", "--payment-concurrency must be 1 to 65536, is 65537"),
        ("PAYMENT_DEADLINE", "0s", "must be at least 1ms"),
        ("PROCESSOR_QUEUE_BYTES", "0", "--queue-bytes must be at least 1, is 0"),
        ("PROCESSOR_RETENTION", "0s", "must be at least 1ms"),
    ] {
        let output = Command::new(PROGRAM).arg("config").env(variable, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{variable}={value}: {said}");
        assert!(said.contains(message), "{variable}={value}: {said}");
    }
}

#[tokio::test]
async fn it_may_open_as_many_files_as_the_system_lets_it() {
    let servers = ["--brokers", "127.0.0.1:1", "--database-url", "postgres://127.0.0.1:1/x"];
    let words = [&["run", "--admin-listen", "127.0.0.1:0"], &servers[..]].concat();
    testkit::until_open_files_are_raised(PROGRAM, &words).await;
}
