//! The legs in turn, and the audit of all of them.

use anyhow::Context;
use benches::bed::Bed;
use benches::cost::{Meter, Reach};
use benches::pipeline::Pipeline;
use benches::step::{self, Plan, Step};
use benches::{audited, entry};
use serde::Serialize;
use stack::service::{free_port, metric};

use crate::{Args, report};

/// Warms the JVM, the plans and the caches; audited, but not counted.
const WARM_UP: Plan = Plan { number: 0, rate: 2_000, seconds: 30 };
const QUICK_WARM_UP: Plan = Plan { number: 0, rate: 1_000, seconds: 5 };

/// One leg.
#[derive(Debug, Serialize)]
pub(crate) struct Leg {
    /// The load and what it cost.
    #[serde(flatten)]
    pub(crate) step: Step,
    /// How many seconds behind the head the books were proved when the load ended; none
    /// without a watch.
    pub(crate) lag_seconds: Option<f64>,
}

/// Measures, prints and writes; whether the books are clean.
pub(crate) async fn measure(args: Args) -> anyhow::Result<bool> {
    let seconds = args.seconds.unwrap_or(args.bench.pick(30, 5));
    let pairs = args.legs.unwrap_or(args.bench.pick(5, 1));
    let bed = Bed::up(&[]).await?;
    let admin = format!("127.0.0.1:{}", free_port(9083)?);
    let env = bed.env(&[("AUDIT_ADMIN_LISTEN", admin)]);
    let mut pipeline = Pipeline::start(&bed, &env).await?;
    let warm =
        step::run(&bed, &env, &pipeline.meter, args.bench.pick(WARM_UP, QUICK_WARM_UP)).await?;
    eprintln!("{warm}, not counted");
    let (mut legs, mut receipts) = (Vec::new(), vec![warm.receipts]);
    for number in 1..=2 * usize::from(pairs) {
        let plan = Plan { number, rate: args.rate, seconds };
        let leg = match number % 2 {
            0 => watched(&bed, &env, &pipeline.meter, plan).await?,
            _ => {
                Leg { step: step::run(&bed, &env, &pipeline.meter, plan).await?, lag_seconds: None }
            }
        };
        let kind = leg.lag_seconds.map_or("without", |_| "with");
        eprintln!("{}, {kind} the watch", leg.step);
        pipeline.check()?;
        receipts.push(leg.step.receipts.clone());
        legs.push(leg);
    }
    let verdict = audited::verdict(&bed, &env, &receipts).await?;
    pipeline.stop().await?;
    let kinds = report::kinds(&legs);
    let report = report::report(&args.bench, &legs, &kinds, verdict);
    println!("{}", report::to_text(&report, &legs, &kinds));
    entry::end(&report, &args.bench, bed).await
}

/// A leg that is watched from its first order on; what the watch finds ends the run.
async fn watched(
    bed: &Bed,
    env: &[(String, String)],
    meter: &Meter,
    plan: Plan,
) -> anyhow::Result<Leg> {
    let mut watch = bed.serve("audit", &["--watch", "--from", "latest"], env).await?;
    let mut meter = meter.clone();
    meter.add("audit", watch.pid(), Reach::Process);
    let step = step::run(bed, env, &meter, plan).await?;
    let lag = metric(&watch.metrics().await?, "audit_lag_seconds");
    watch.stop().await?;
    Ok(Leg { step, lag_seconds: Some(lag.context("the watch does not show its lag")?) })
}
