//! The legs in turn, and the audit of what was acknowledged in them.

use benches::bed::Bed;
use benches::cost::{Meter, Reach};
use benches::{audited, entry, goods};

use crate::leg::{CONNECTIONS, Kind};
use crate::{Args, leg, report};

/// Measures, prints and writes; whether the books are clean.
pub(crate) async fn measure(args: Args) -> anyhow::Result<bool> {
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
    entry::end(&report, &args.bench, bed).await
}
