//! The program itself: what it asks of the system.

const PROGRAM: &str = env!("CARGO_BIN_EXE_processor");

#[tokio::test]
async fn it_may_open_as_many_files_as_the_system_lets_it() {
    let servers = ["--brokers", "127.0.0.1:1", "--database-url", "postgres://127.0.0.1:1/x"];
    let words = [&["run", "--admin-listen", "127.0.0.1:0"], &servers[..]].concat();
    testkit::until_open_files_are_raised(PROGRAM, &words).await;
}
