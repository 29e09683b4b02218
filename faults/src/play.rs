//! One round: load → fault → heal → recovery → audit.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep, sleep_until};

use crate::act::act;
use crate::books::{self, audit};
use crate::load::Load;
use crate::report::Outcome;
use crate::scenario::{Action, Program, Scenario, timeline};
use crate::world::World;

/// Load before the fault and after the recovery.
const CALM: Duration = Duration::from_secs(3);
/// A healed system that is behind for longer has not recovered.
const RECOVERY_MAX: Duration = Duration::from_secs(90);
/// How long after the first fault an action is put off at most.
const PERSIST: Duration = Duration::from_secs(120);
const PUT_OFF: Duration = Duration::from_secs(1);
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What is played.
pub(crate) struct Round<'a> {
    pub(crate) name: &'a str,
    /// Scenarios, and when each begins.
    pub(crate) parts: &'a [(Duration, Scenario)],
    /// Where its files go.
    pub(crate) files: &'a Path,
    /// Orders a second.
    pub(crate) rate: u32,
}

/// Plays a round.
///
/// # Errors
/// It could not be played: that says nothing about the system.
pub(crate) async fn play(world: &mut World, round: &Round<'_>) -> Result<Outcome> {
    let before = (world.squad.open_files(), world.squad.memory_mib());
    let env = world.squad.env().to_vec();
    let mut through = env.clone();
    stack::service::set(&mut through, "INGEST_URL", world.links.ingest_url());
    let load = Load::start(world.folder(), round.files, &through, round.rate)?;
    world.receipts.push(load.receipts.clone());
    sleep(CALM).await;
    let mut wrong = disturb(world, round.parts).await?;
    let (recovered_s, lag_max) = recovery(world, round.rate).await;
    sleep(CALM).await;
    wrong.extend(world.squad.deserters());
    let seen = load.end().await?;
    let audit = audit(world.folder(), round.files, &world.receipts, &env).await?;
    Ok(Outcome {
        name: round.name.to_owned(),
        recovered_s,
        lag_max,
        seen,
        files_gained: gained(&before.0, &world.squad.open_files()),
        memory_gained_mib: gained(&before.1, &world.squad.memory_mib()),
        audit,
        wrong,
    })
}

/// Gives what our programs did wrong on the way. An action that needs what
/// another fault has broken is put off: the heal may be what comes next.
async fn disturb(world: &mut World, parts: &[(Duration, Scenario)]) -> Result<Vec<String>> {
    let (begin, mut wrong) = (Instant::now(), Vec::new());
    let mut left: VecDeque<_> = timeline(parts).into();
    while let Some((at, action)) = left.pop_front() {
        // An action may have taken longer than the next one's instant.
        sleep_until(begin + at).await;
        let Err(error) = act(world, action).await else { continue };
        if let Action::Stop(program) = action {
            wrong.push(format!("{program:?}: {error:#}"));
        } else if begin.elapsed() < PERSIST {
            let again = begin.elapsed() + PUT_OFF;
            let place = left.partition_point(|(at, _)| *at <= again);
            left.insert(place, (again, action));
        } else {
            return Err(error.context(format!("{action:?} at {at:?}")));
        }
    }
    world.held.clear();
    world.links.clear();
    Ok(wrong)
}

/// Seconds until the books are less than half a second of load behind the log,
/// and the highest lag on the way.
async fn recovery(world: &World, rate: u32) -> (Option<f64>, i64) {
    let (healed, mut lag_max) = (Instant::now(), 0);
    while healed.elapsed() < RECOVERY_MAX {
        if let Some(lag) = books::lag(&world.kafka, world.stack.database_url()).await {
            lag_max = lag_max.max(lag);
            if lag <= i64::from(rate / 2) {
                return (Some(healed.elapsed().as_secs_f64()), lag_max);
            }
        }
        sleep(LOOK_INTERVAL).await;
    }
    (None, lag_max)
}

/// The largest gain of a program that ran before and after.
fn gained<N: Copy + TryInto<i64>>(
    before: &BTreeMap<Program, N>,
    after: &BTreeMap<Program, N>,
) -> i64 {
    let number = |n: N| n.try_into().unwrap_or(i64::MAX);
    let gains = after
        .iter()
        .filter_map(|(program, now)| Some(number(*now) - number(*before.get(program)?)));
    gains.max().unwrap_or_default()
}
