//! `cargo bench --bench gateway`: the real gateway with a real broker behind
//! it, in turn with a bare hyper server that parses the same JSON and answers,
//! at several numbers of connections, in one run.
//!
//! The load is a closed loop in a process of its own: this benchmark asks what
//! a request costs, not how long it waits at a given rate (that is
//! `end_to_end`). What was acknowledged is processed and audited at the end.

mod bare;
mod client;
mod leg;
mod measure;
mod report;

use std::net::SocketAddr;
use std::process::ExitCode;

use benches::args::BenchArgs;
use benches::entry;
use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures what a request costs the gateway, in turn with a bare hyper server
/// that parses the same JSON
#[derive(Parser, Debug)]
#[command(name = "cargo bench --bench gateway --", after_help = entry::EXIT_CODES)]
struct Args {
    #[command(flatten)]
    bench: BenchArgs,
    /// Seconds of each leg, after one to warm up [default: 5, quick: 2]
    #[arg(long, env = "BENCH_SECONDS")]
    seconds: Option<u16>,
    /// Legs of each kind and number of connections [default: 3, quick: 1]
    #[arg(long, env = "BENCH_LEGS")]
    legs: Option<u16>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program is when it has started itself.
#[derive(Subcommand, Debug)]
#[command(hide = true)]
enum Role {
    /// The bare server
    #[command(hide = true)]
    Bare {
        /// Where it listens
        listen: SocketAddr,
    },
    /// The load
    #[command(hide = true)]
    Client(client::Job),
}

fn main() -> ExitCode {
    let args = Args::parse();
    match args.role {
        Some(Role::Bare { listen }) => service::shutdown::report(bare::serve(listen)),
        Some(Role::Client(job)) => service::shutdown::report(client::run(&job)),
        None => entry::run(measure::measure(args)),
    }
}
