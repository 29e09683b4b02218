//! `cargo bench --bench drain`: the real processor drains a filled topic, and a
//! bare loop runs the same transactions from memory, in turn, in one run.
//!
//! Every leg begins with a copy of the same stocked database and a checkpoint.
//! The first drain of a run is not counted: a cold JVM serves its first fetches
//! at a third of its later speed.

mod bare;
mod drain;
mod leg;
mod memory;
mod report;

use std::process::ExitCode;

use benches::args::BenchArgs;
use benches::bed::Bed;
use benches::{audited, entry, goods};
use clap::Parser;
use stack::PartitionOverride;

use leg::{Extent, Kind, Leg};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Drains a filled topic with the real processor, in turn with the same SQL in
/// a bare loop without Kafka
#[derive(Parser, Debug)]
#[command(name = "cargo bench --bench drain --", after_help = entry::EXIT_CODES)]
struct Args {
    #[command(flatten)]
    bench: BenchArgs,
    /// Orders of each leg [default: 400000, quick: 60000]
    #[arg(long, env = "BENCH_ORDERS")]
    orders: Option<u64>,
    /// Legs of each kind that count [default: 3, quick: 1]
    #[arg(long, env = "BENCH_LEGS")]
    legs: Option<u16>,
    /// Records of one transaction at most, in both
    #[arg(long, env = "PROCESSOR_BATCH_MAX", default_value_t = 3000)]
    batch_max: usize,
    /// Workers of both, each with one connection
    #[arg(long, env = "PROCESSOR_WORKERS", default_value_t = 2)]
    workers: usize,
}

fn main() -> ExitCode {
    let args = Args::parse();
    entry::run(measure(args))
}

async fn measure(args: Args) -> anyhow::Result<bool> {
    let extent = Extent {
        orders: args.orders.unwrap_or(args.bench.pick(400_000, 60_000)),
        batch_max: args.batch_max,
        workers: args.workers,
    };
    let legs = args.legs.unwrap_or(args.bench.pick(3, 1));
    let bed = Bed::up(&topics_of(legs)).await?;
    eprintln!("stocking the shelves and filling the topic with {} orders", extent.orders);
    goods::stock(&bed).await?;
    let receipts = bed.file("receipts.csv");
    goods::fill(&bed, extent.orders, receipts.clone()).await?;

    let mut measured: Vec<Leg> = Vec::new();
    for number in 0..=legs {
        let leg = drain::leg(&bed, extent, number).await?;
        eprintln!("{leg}{}", if number == 0 { ", not counted" } else { "" });
        if number > 0 {
            measured.push(leg);
            let leg = bare::leg(&bed, extent, number).await?;
            eprintln!("{leg}");
            measured.push(leg);
        }
    }
    // The bare loop publishes nothing: the books to judge are the last drain's.
    let env = drain::env(&bed, extent, legs)?;
    let verdict = audited::verdict(&bed, &env, &[receipts]).await?;
    let report = report::report(&args.bench, extent, &measured, verdict);
    println!("{}", report::to_text(&report, &measured));
    report.write(&args.bench)?;
    bed.release().await?;
    Ok(report.audit.as_deref() == Some("clean"))
}

/// Each drain publishes to a topic of its own.
fn topics_of(legs: u16) -> Vec<PartitionOverride> {
    let topic = |number| PartitionOverride { topic: drain::events_topic(number), partitions: 4 };
    (0..=legs).map(topic).collect()
}

/// The legs of one kind.
fn of_kind(legs: &[Leg], kind: Kind) -> impl Iterator<Item = &Leg> {
    legs.iter().filter(move |leg| leg.kind == kind)
}
