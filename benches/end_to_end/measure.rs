//! The steps up to the knee, and the audit of all of them.

use benches::bed::Bed;
use benches::pipeline::Pipeline;
use benches::{audited, entry, step};

use crate::{Args, report};

/// Orders a second, step by step.
const RATES: [u32; 9] = [2_000, 5_000, 8_000, 10_000, 12_000, 15_000, 18_000, 22_000, 26_000];
const QUICK_RATES: [u32; 2] = [1_000, 5_000];
/// Warms the JVM, the plans and the caches; audited, but not counted.
const WARM_UP: step::Plan = step::Plan { number: 0, rate: 2_000, seconds: 10 };
const QUICK_WARM_UP: step::Plan = step::Plan { number: 0, rate: 1_000, seconds: 5 };

/// Measures, prints and writes; whether the books are clean.
pub(crate) async fn measure(args: Args) -> anyhow::Result<bool> {
    let seconds = args.seconds.unwrap_or(args.bench.pick(30, 5));
    let rates = match args.rates.as_slice() {
        [] => args.bench.pick(&RATES[..], &QUICK_RATES[..]),
        asked => asked,
    };
    let bed = Bed::up(&[]).await?;
    let env = bed.env(&[]);
    let mut pipeline = Pipeline::start(&bed, &env).await?;
    let warm =
        step::run(&bed, &env, &pipeline.meter, args.bench.pick(WARM_UP, QUICK_WARM_UP)).await?;
    eprintln!("{warm}, not counted");
    let (mut steps, mut receipts) = (Vec::new(), vec![warm.receipts]);
    for (&rate, number) in rates.iter().zip(1..) {
        let plan = step::Plan { number, rate, seconds };
        let step = step::run(&bed, &env, &pipeline.meter, plan).await?;
        eprintln!("{step}");
        receipts.push(step.receipts.clone());
        let beyond = !step.beyond.is_empty();
        steps.push(step);
        pipeline.check()?;
        if beyond && !args.all_steps && !args.bench.quick {
            break;
        }
    }
    let verdict = audited::verdict(&bed, &env, &receipts).await?;
    pipeline.stop().await?;
    let report = report::report(&args.bench, &steps, verdict);
    println!("{}", report::to_text(&report, &steps));
    entry::end(&report, &args.bench, bed).await
}
