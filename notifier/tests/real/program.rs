//! What the program asks of the system.

const PROGRAM: &str = env!("CARGO_BIN_EXE_notifier");

#[tokio::test]
async fn it_may_open_as_many_files_as_the_system_lets_it() {
    let words = ["--brokers", "127.0.0.1:1", "--admin-listen", "127.0.0.1:0"];
    testkit::until_open_files_are_raised(PROGRAM, &words).await;
}
