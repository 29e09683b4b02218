//! What a scenario is: actions at instants, pure data.

use std::time::Duration;

use crate::expect::Expect;
use crate::link::{Link, Moment, Weather};
use crate::needs::Needs;

/// A program of ours that a scenario breaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Program {
    Ingest,
    /// By number; only the first runs when a scenario begins.
    Processor(u8),
    Notifier,
}

/// One thing that is done to the system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// `kill -9`.
    Kill(Program),
    /// SIGTERM, and wait for its drain.
    Stop(Program),
    /// Start it when it does not run.
    Start(Program),
    /// Start it with these settings beside the usual ones.
    StartWith(Program, &'static [(&'static str, &'static str)]),
    /// SIGSTOP.
    Freeze(Program),
    /// SIGCONT.
    Thaw(Program),
    /// A signal to the broker.
    Broker(stack::Signal),
    /// Start the broker again.
    StartBroker,
    /// A signal to PostgreSQL; STOP and CONT reach its backends too.
    Postgres(stack::Signal),
    /// Start PostgreSQL again.
    StartPostgres,
    /// Give PostgreSQL a standby that follows it; the word says whether a commit
    /// waits for it.
    Standby(Replication),
    /// Stop the standby: what is committed from now on it does not have.
    StopStandby,
    /// Put the standby, promoted, in the place of PostgreSQL, which has ended.
    FailOver,
    /// Wait until a program ends by itself and says this.
    AwaitEnd(Program, &'static str),
    /// `kill -9` of one backend, after which PostgreSQL ends all and recovers.
    KillBackend,
    /// Lock the row of the product that sells best.
    LockHotRow,
    /// Open a transaction that sees the tables as they are now.
    OpenTransaction,
    /// Give up locks and transactions that are held.
    Release,
    /// Change how bytes get through a link.
    Link(Link, Weather),
    /// Wait until a processor is about to do this, and hold its connection there.
    Hold(Moment),
    /// Break the connections that are held.
    BreakHeld,
    /// Let the connections that are held go on.
    LetGo,
    /// Let so many milliseconds pass, however late the instant before came.
    Wait(u64),
    /// Put records on `orders` that nobody can read.
    Poison,
    /// Put a record on each partition that only PostgreSQL refuses.
    Refusable,
    /// Put copies of the newest orders on `orders`, in other partitions.
    Redeliver,
    /// Put copies of all orders on `orders`, in other partitions.
    Replay,
    /// Make so many more partitions of `orders`.
    AddPartitions(usize),
    /// Remove the records of `orders` that are there.
    DeleteRecords,
    /// Delete `orders` and make it anew.
    RemakeTopic,
    /// Take every session that PostgreSQL has to give.
    TakeSessions,
    /// Change the schema as a migration does that old programs must bear.
    Migrate,
    /// End all sessions of the processors.
    EndSessions,
    /// Whether new sessions may write.
    Writable(bool),
    /// Leave no byte free on the small disk.
    FillDisk,
    /// Give the space back.
    FreeDisk,
    /// `kill -9` of the load generator.
    KillLoad,
    /// SIGINT to the load generator.
    StopLoad,
    /// Start another load generator.
    StartLoad,
    /// So many orders for so many pieces of one product.
    FlashSale(u32, i64),
    /// So many orders a second beside the load, for so many seconds.
    Overload(u32, u32),
}

/// Whether a commit waits for the standby.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Replication {
    Synchronous,
    Asynchronous,
}

/// What a scenario disturbs; two that disturb the same are not combined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    Ingest,
    Processor,
    Notifier,
    Broker,
    Postgres,
    Records,
    Links,
    Load,
}

/// A fault and its healing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What happens, for a person.
    pub(crate) what: &'static str,
    pub(crate) target: Target,
    /// Actions with the milliseconds since the fault began; the last one heals.
    pub(crate) steps: &'static [(u64, Action)],
    /// What must be true beside clean books.
    pub(crate) expect: &'static [Expect],
    /// What the machine must have.
    pub(crate) needs: Needs,
}

impl Scenario {
    pub(crate) const fn needing(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    pub(crate) const fn expecting(mut self, expect: &'static [Expect]) -> Self {
        self.expect = expect;
        self
    }

    /// Whether it has a world of its own: it leaves a log that is not whole, or needs
    /// servers of another kind.
    pub(crate) fn is_alone(&self) -> bool {
        self.spoils() || self.needs != Needs::Nothing
    }

    /// Whether it leaves books that nobody can judge, on a log that is not whole.
    pub(crate) fn spoils(&self) -> bool {
        self.expect.iter().any(|expect| matches!(expect, Expect::Ends(..)))
    }
}

/// One to three scenarios with different targets, at random instants within
/// five seconds. The same source of chance gives the same combination.
pub(crate) fn combination(
    chance: &mut fastrand::Rng,
    all: &[Scenario],
) -> Vec<(Duration, Scenario)> {
    let mut chosen: Vec<(Duration, Scenario)> = Vec::new();
    let mut draws = chance.u8(1..=3);
    while draws > 0 || chosen.is_empty() {
        draws = draws.saturating_sub(1);
        let begin = Duration::from_millis(chance.u64(0..5_000));
        let scenario = all[chance.usize(0..all.len())];
        let free = chosen.iter().all(|(_, other)| other.target != scenario.target);
        if free && !scenario.is_alone() {
            chosen.push((begin, scenario));
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::catalogue;

    #[test]
    fn a_seed_gives_one_combination_and_no_target_twice() {
        for seed in 0..200 {
            let names = |mut chance| {
                let parts = combination(&mut chance, &catalogue());
                parts.iter().map(|(at, part)| (*at, part.name)).collect::<Vec<_>>()
            };
            let of_seed = || fastrand::Rng::with_seed(seed);
            assert_eq!(names(of_seed()), names(of_seed()));
            assert!(!names(of_seed()).is_empty());
            let parts = combination(&mut of_seed(), &catalogue());
            for (n, (_, part)) in parts.iter().enumerate() {
                assert!(parts[..n].iter().all(|(_, other)| other.target != part.target));
            }
        }
    }
}
