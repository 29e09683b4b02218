//! `cargo faults`: steady load with receipts → fault → heal → recovery → audit,
//! with the real programs against real servers.

mod act;
mod args;
mod baseline;
mod books;
mod catalogue;
mod expect;
mod failed;
mod kafka;
mod link;
mod load;
mod mutation;
mod needs;
mod notices;
mod play;
mod recovery;
mod report;
mod run;
mod scenario;
mod squad;
mod standstill;
mod timeline;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The alias ends in `--` already, so that both `cargo faults list` and the
    // customary `cargo faults -- list` work.
    let words = std::env::args_os().enumerate().filter(|(n, word)| *n != 1 || word != "--");
    let args = args::Args::from_words(words.map(|(_, word)| word));
    // Proxies go on while this thread waits for a server. Programs are started from
    // this thread, and die with it.
    let threads = &mut tokio::runtime::Builder::new_multi_thread();
    let runtime = match threads.worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return service::shutdown::report(Err(error.into())),
    };
    // Two sockets of a proxy for each connection.
    if let Err(error) = service::open_files::raise() {
        return service::shutdown::report(Err(error));
    }
    let outcome = runtime.block_on(run::run(args));
    // Whoever interrupts must not wait for the thread that waits for servers; those end
    // with this process.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => service::shutdown::report(Err(error)),
    }
}
