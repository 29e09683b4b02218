//! What the program reads of its settings and asks of the system.

use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_notifier");

#[test]
fn spaces_separate_sinks_in_the_variable() {
    let mut command = Command::new(PROGRAM);
    let output = command.env("NOTIFIER_SINKS", "log file:/a file:/b").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("two sinks are called file"), "{said}");
}

#[tokio::test]
async fn it_may_open_as_many_files_as_the_system_lets_it() {
    let words = ["--brokers", "127.0.0.1:1", "--admin-listen", "127.0.0.1:0"];
    testkit::until_open_files_are_raised(PROGRAM, &words).await;
}
