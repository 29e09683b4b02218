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
mod report;

use std::net::SocketAddr;
use std::process::ExitCode;

use benches::args::BenchArgs;
use benches::bed::Bed;
use benches::cost::{Extent as Reach, Meter};
use benches::{audited, entry, goods};
use clap::{Parser, Subcommand};

use leg::{Kind, Leg};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections of a leg; the judged number is the one in the middle.
const CONNECTIONS: [usize; 3] = [64, JUDGED, 1024];
/// At which the ratio is judged.
const JUDGED: usize = 256;

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
        None => entry::run(measure(args)),
    }
}

async fn measure(args: Args) -> anyhow::Result<bool> {
    let seconds = args.seconds.unwrap_or(args.bench.pick(5, 2));
    let legs = args.legs.unwrap_or(args.bench.pick(3, 1));
    let bed = Bed::up(&[]).await?;
    goods::stock(&bed).await?;
    let env = bed.env(&[]);
    let mut gateway = bed.serve("ingest", &[], &env).await?;
    let server = leg::BareServer::start(&bed)?;
    let mut meter = Meter::of_servers(&bed.stack);
    meter.add("ingest", gateway.pid(), Reach::Process);
    meter.add("bare", server.pid(), Reach::Process);
    let targets = leg::Targets { gateway: leg::gateway_address(&env)?, bare: server.address };

    let warm = leg::run(&bed, &targets, &meter, leg::Plan::warm_up(seconds)).await?;
    eprintln!("{warm}, not counted");
    let (mut measured, mut receipts) = (Vec::new(), vec![warm.receipts]);
    for number in 0..legs {
        for connections in CONNECTIONS {
            for kind in [Kind::Gateway, Kind::Bare] {
                let plan = leg::Plan { kind, connections, seconds, number };
                let leg = leg::run(&bed, &targets, &meter, plan).await?;
                eprintln!("{leg}");
                if kind == Kind::Gateway {
                    receipts.push(leg.receipts.clone());
                }
                gateway.check()?;
                measured.push(leg);
            }
        }
    }
    drop(server);
    let mut processor = bed.serve("processor", &["run"], &env).await?;
    let verdict = audited::verdict(&bed, &env, &receipts).await?;
    processor.stop().await?;
    gateway.stop().await?;
    let report = report::report(&args.bench, &measured, verdict);
    println!("{}", report::to_text(&report, &measured));
    report.write(&args.bench)?;
    bed.release().await?;
    Ok(report.audit.as_deref() == Some("clean"))
}

/// The legs of one kind at one number of connections.
fn of(legs: &[Leg], kind: Kind, connections: usize) -> impl Iterator<Item = &Leg> {
    legs.iter().filter(move |leg| leg.plan.kind == kind && leg.plan.connections == connections)
}
