//! The legs in turn, and the audit of the last.

use benches::bed::Bed;
use benches::{audited, entry, goods};
use stack::PartitionOverride;

use crate::leg::{Extent, Leg};
use crate::{Args, bare, drain, report};

/// Drains before those that count.
const UNCOUNTED: u16 = 2;

/// Measures, prints and writes; whether the books are clean.
pub(crate) async fn measure(args: Args) -> anyhow::Result<bool> {
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
    for number in 0..UNCOUNTED + legs {
        let leg = drain::leg(&bed, extent, number).await?;
        eprintln!("{leg}{}", if number < UNCOUNTED { ", not counted" } else { "" });
        if number >= UNCOUNTED {
            measured.push(leg);
            let leg = bare::leg(&bed, extent, number).await?;
            eprintln!("{leg}");
            measured.push(leg);
        }
    }
    // The bare loop publishes nothing: the books to judge are the last drain's.
    let env = drain::env(&bed, extent, UNCOUNTED + legs - 1)?;
    let verdict = audited::verdict(&bed, &env, &[receipts]).await?;
    let report = report::report(&args.bench, extent, &measured, verdict);
    println!("{}", report::to_text(&report, &measured));
    entry::end(&report, &args.bench, bed).await
}

/// Each drain publishes to a topic of its own.
fn topics_of(legs: u16) -> Vec<PartitionOverride> {
    let topic = |number| PartitionOverride { topic: drain::events_topic(number), partitions: 4 };
    (0..UNCOUNTED + legs).map(topic).collect()
}
