//! Step after step: begin, pause, try again, tell.

use std::time::{Duration, Instant};

use service::health::Health;
use tokio_util::sync::CancellationToken;

use super::{Watch, metrics};
use crate::config::{Begin, Config, Watching};
use crate::error::{CannotJudge, Trouble};
use crate::progress::tell;
use crate::report::{Counts, Report, Times};

/// A line on the terminal so often.
const TELL_INTERVAL: Duration = Duration::from_secs(5);
/// How long the watch tries to begin.
const START_WAIT: Duration = Duration::from_secs(30);
/// After a step that a server did not let happen.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long the step that is under way at the signal may take, and then the last one.
const LAST_STEP_MAX: Duration = Duration::from_secs(20);
/// How long the last one is tried again. Servers that end together with the watch do not
/// come back.
const LAST_STEP_TRIES: Duration = Duration::from_secs(4);

/// Watches until `stop`. Whatever goes wrong is in the report, as a verdict that is
/// not clean.
pub async fn run(
    config: &Config,
    watching: &Watching,
    health: &Health,
    stop: &CancellationToken,
) -> Report {
    let began = Instant::now();
    let mut watch = match begin(config, watching.from, stop).await {
        Ok(watch) => watch,
        Err(why) => return Report::unjudged(why, Counts::default(), Times::default()),
    };
    match follow(&mut watch, watching.interval, health, stop).await {
        Ok(()) => watch.report(began.elapsed().as_secs_f64()),
        Err(why) => Report::unjudged(why, watch.read, Times::default()),
    }
}

/// Opens the watch; servers that were started together with it get time to come up.
async fn begin(
    config: &Config,
    from: Begin,
    stop: &CancellationToken,
) -> Result<Watch, CannotJudge> {
    let began = Instant::now();
    loop {
        let why = match Watch::open(config, from).await {
            Ok(watch) => return Ok(watch),
            Err(Trouble::ForGood(why)) => return Err(why),
            Err(Trouble::Again(why)) => why,
        };
        if began.elapsed() >= START_WAIT || stop.is_cancelled() {
            return Err(CannotJudge::because(why));
        }
        tell(config.progress, &format!("trying again: {why}"));
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

async fn follow(
    watch: &mut Watch,
    interval: Duration,
    health: &Health,
    stop: &CancellationToken,
) -> Result<(), CannotJudge> {
    let mut told = Told { at: None, findings: 0 };
    while !stop.is_cancelled() {
        let began = Instant::now();
        let stepped = tokio::select! {
            stepped = watch.step() => stepped,
            () = too_long_after(stop) => break,
        };
        let pause = match stepped {
            Ok(true) => {
                health.pass("watch");
                told.tell(watch);
                // A step that takes long must not take all the time.
                interval.saturating_sub(began.elapsed()).max(began.elapsed())
            }
            Ok(false) => {
                told.tell(watch);
                Duration::ZERO
            }
            Err(Trouble::ForGood(why)) => return Err(why),
            Err(Trouble::Again(why)) => {
                metrics::retry();
                health.fail("watch", why.clone());
                tell(watch.config.progress, &format!("trying again: {why}"));
                RETRY_PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    end(watch, &mut told).await
}

async fn too_long_after(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(LAST_STEP_MAX).await;
}

/// The last step begins after the signal, and sees all that came before it. Without it
/// nothing is known but what was found.
async fn end(watch: &mut Watch, told: &mut Told) -> Result<(), CannotJudge> {
    let began = Instant::now();
    loop {
        watch.compare_next();
        let why = match tokio::time::timeout(LAST_STEP_MAX, watch.step()).await {
            Ok(Ok(true)) => {
                told.tell(watch);
                return Ok(());
            }
            Ok(Ok(false)) => {
                format!("still catching up, {} orders proved", watch.standing().proved_orders)
            }
            Ok(Err(Trouble::ForGood(why))) => return Err(why),
            Ok(Err(Trouble::Again(why))) => {
                tokio::time::sleep(RETRY_PAUSE).await;
                why
            }
            Err(_elapsed) => "a server did not answer in time".to_owned(),
        };
        if began.elapsed() >= LAST_STEP_TRIES {
            let found = watch.books().findings.total() > 0;
            let open = CannotJudge::because(format!("the last step was not made: {why}"));
            return if found { Ok(()) } else { Err(open) };
        }
    }
}

/// What was said last.
struct Told {
    at: Option<Instant>,
    findings: u64,
}

impl Told {
    fn tell(&mut self, watch: &Watch) {
        let standing = watch.standing();
        let due = self.at.is_none_or(|at| at.elapsed() >= TELL_INTERVAL);
        if due || standing.findings > self.findings {
            self.at = Some(Instant::now());
            self.findings = standing.findings;
            tell(watch.config.progress, &standing.to_string());
        }
    }
}
