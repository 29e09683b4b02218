//! One round: load → fault → heal → recovery → audit.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep, sleep_until};

use crate::act::act;
use crate::baseline::Baseline;
use crate::books::audit;
use crate::expect::{self, Expect};
use crate::failed::{Failed, failed};
use crate::load::{Dial, Seen};
use crate::notices;
use crate::recovery::recover;
use crate::report::Outcome;
use crate::scenario::Scenario;
use crate::standstill::Standstill;
use crate::timeline::{Step, Timeline};
use crate::world::World;

/// Load before the fault.
const CALM: Duration = Duration::from_secs(3);

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

    fn dial(&self) -> Dial {
        if self.expects(Expect::OnlyUnserved) { Dial::Gateway } else { Dial::Proxy }
    }

    /// What clients saw and should not have seen.
    fn unfit_answers(&self, seen: Seen) -> Option<String> {
        let Seen { refused, refused_otherwise, unserved, failed, .. } = seen;
        if self.expects(Expect::OnlyUnserved) && refused + failed > 0 {
            return Some("requests failed although the gateway was there".to_owned());
        }
        let silent = unserved + failed;
        let unexpected = self.expects(Expect::OnlyBusy) && refused_otherwise + silent > 0;
        unexpected.then(|| {
            format!("{refused_otherwise} requests were refused by no 503, {silent} had no answer")
        })
    }
}

/// Plays a round; what is seen of one that breaks off is told too.
pub(crate) async fn play(world: &mut World, round: &Round<'_>) -> Outcome {
    let mut outcome = Outcome::begun(round.name);
    let Err(error) = play_through(world, round, &mut outcome).await else { return outcome };
    outcome.wrong.extend(world.squad.deserters());
    outcome.broken_off(&error)
}

async fn play_through(world: &mut World, round: &Round<'_>, outcome: &mut Outcome) -> Result<()> {
    let (standstill, before) = calm(world, round).await?;
    disturb(world, round.parts, &mut outcome.wrong).await?;
    if !round.spoils() {
        outcome.recovery = recover(world, round.rate).await?;
        outcome.wrong.extend(world.squad.silence().await);
    }
    outcome.gained = before.gained(&Baseline::take(world).await);
    let longest = standstill.longest();
    outcome.standstill_s = longest.as_secs_f64();
    outcome.wrong.extend(unmet(world, round, longest).await);
    outcome.wrong.extend(world.squad.deserters());
    outcome.seen = world.end_load().await?;
    outcome.wrong.extend(round.unfit_answers(outcome.seen));
    match round.spoils() {
        true => Ok(()),
        false => judge(world, round, outcome).await,
    }
}

/// Load before the fault, and what is to be compared with it.
async fn calm(world: &mut World, round: &Round<'_>) -> Result<(Standstill, Baseline)> {
    world.start_as_usual().await?;
    world.begin_load(round.files, round.rate, round.dial())?;
    world.load()?.flows().await?;
    // Not before: a generator that starts feeds no partition. Nor at the fault: how far
    // partitions are may be hidden from then on.
    let orders = world.kafka.orders().to_owned();
    let standstill = Standstill::watch(world.stack.database_url().to_owned(), orders);
    sleep(CALM).await;
    Ok((standstill, Baseline::take(world).await))
}

/// What the scenarios were to show and did not.
async fn unmet(world: &mut World, round: &Round<'_>, longest: Duration) -> Vec<String> {
    let mut unmet = Vec::new();
    for expect in round.parts.iter().flat_map(|(_, scenario)| scenario.expect) {
        if round.parts.len() > 1 && expect.is_of_one_fault() {
            continue;
        }
        // A program that has died shows nothing any more: that is no reason not to ask
        // for its last words and the books.
        let wrong = expect::check(world, *expect, longest).await;
        unmet.extend(wrong.unwrap_or_else(|error| Some(format!("{expect:?}: {error:#}"))));
    }
    unmet
}

/// Judges what came of a round that leaves its log whole.
async fn judge(world: &mut World, round: &Round<'_>, outcome: &mut Outcome) -> Result<()> {
    outcome.wrong.extend(outcome.recovery.wrong(round.rate));
    outcome.wrong.extend(outcome.gained.wrong());
    outcome.wrong.extend(world.squad.unready().await);
    let env = world.squad.env().to_vec();
    let verdict = audit(world.folder(), round.files, &world.receipts, &env).await?;
    outcome.audit = if round.expects(Expect::Retold) { verdict.without_retold() } else { verdict };
    // The audit has waited until everything is settled, and with that in the log.
    outcome.wrong.extend(notices::check(world).await?);
    Ok(())
}

/// Notes what our programs did wrong on the way. An action that needs what
/// another fault has broken is put off: the heal may be what comes next.
async fn disturb(
    world: &mut World,
    parts: &[(Duration, Scenario)],
    wrong: &mut Vec<String>,
) -> Result<()> {
    let begin = Instant::now();
    let mut left = Timeline::new(parts);
    while let Some(step) = left.pop() {
        let Step { at, action, .. } = step;
        // An action may have taken longer than the next one's instant.
        sleep_until(begin + at).await;
        let Err(error) = act(world, action).await else { continue };
        match failed(action, parts.len(), begin.elapsed(), &error) {
            Failed::Borne => {}
            Failed::Wrong => wrong.push(format!("{action:?}: {error:#}")),
            Failed::PutOff(again) => left.put_off(step, again),
            Failed::Void => return Err(error.context(format!("{action:?} at {at:?}"))),
        }
    }
    world.heal();
    Ok(())
}
