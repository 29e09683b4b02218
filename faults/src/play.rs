//! One round: load → fault → heal → recovery → audit.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep, sleep_until};

use crate::act::act;
use crate::baseline::Baseline;
use crate::books::{Verdict, audit};
use crate::expect::{self, Expect};
use crate::recovery::{Recovery, recover};
use crate::report::Outcome;
use crate::scenario::{Action, Scenario, timeline};
use crate::standstill::Standstill;
use crate::world::World;

/// Load before the fault.
const CALM: Duration = Duration::from_secs(3);
/// How long after the first fault an action is put off at most.
const PERSIST: Duration = Duration::from_secs(120);
const PUT_OFF: Duration = Duration::from_secs(1);

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

impl Round<'_> {
    fn spoils(&self) -> bool {
        self.parts.iter().any(|(_, scenario)| scenario.spoils())
    }

    /// Whether this is expected: of a scenario that is played alone.
    fn expects(&self, expect: Expect) -> bool {
        self.parts.len() == 1 && self.parts[0].1.expect.contains(&expect)
    }
}

/// Plays a round.
///
/// # Errors
/// It could not be played: that says nothing about the system.
pub(crate) async fn play(world: &mut World, round: &Round<'_>) -> Result<Outcome> {
    let unserved = world.links.unserved();
    world.begin_load(round.files, round.rate)?;
    let orders = world.kafka.orders().to_owned();
    let standstill = Standstill::watch(world.stack.database_url().to_owned(), orders);
    world.load()?.flows().await?;
    sleep(CALM).await;
    let before = Baseline::take(world).await;
    let mut wrong = disturb(world, round.parts).await?;
    let recovery = match round.spoils() {
        true => Recovery::default(),
        false => recover(world, round.rate).await,
    };
    if !round.spoils() {
        wrong.extend(world.squad.silence().await);
    }
    let gained = before.gained(&Baseline::take(world).await);
    let longest = standstill.longest();
    for expect in round.parts.iter().flat_map(|(_, scenario)| scenario.expect) {
        // Beside another fault a partition may stand still for that one's reasons.
        if matches!(expect, Expect::Standstill(_)) && round.parts.len() > 1 {
            continue;
        }
        wrong.extend(expect::check(world, *expect, longest).await?);
    }
    wrong.extend(world.squad.deserters());
    let seen = world.end_load().await?.without(world.links.unserved() - unserved);
    if round.expects(Expect::OnlyUnserved) && seen.refused + seen.failed > 0 {
        wrong.push("requests failed although the gateway was there".to_owned());
    }
    if !round.spoils() {
        wrong.extend(recovery.wrong(round.rate));
        wrong.extend(gained.wrong());
        wrong.extend(world.squad.unready().await);
    }
    let audit = match round.spoils() {
        true => Verdict::not_asked(),
        false => {
            let env = world.squad.env().to_vec();
            let verdict = audit(world.folder(), round.files, &world.receipts, &env).await?;
            if round.expects(Expect::Retold) { verdict.without_retold() } else { verdict }
        }
    };
    let standstill_s = longest.as_secs_f64();
    let name = round.name.to_owned();
    Ok(Outcome { name, recovery, standstill_s, seen, gained, audit, wrong, skipped: None })
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
            // A drain is bounded: beside another fault it may end by its deadline.
            if parts.len() == 1 {
                wrong.push(format!("{program:?}: {error:#}"));
            }
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
    world.load()?.start_again()?;
    Ok(wrong)
}
