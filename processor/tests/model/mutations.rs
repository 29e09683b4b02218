//! The checks are worth what they catch: each defect, built in alone, must show
//! within so many schedules.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::mutation::Mutation;
use super::schedule::schedules;
use super::world::run;

const SCHEDULES_MAX: usize = 3_000;

/// After how many schedules, always the same ones, a defect shows, and how.
fn caught(mutation: Mutation) -> Option<(usize, String)> {
    let (strategy, mut runner) = (schedules(), TestRunner::deterministic());
    (1..=SCHEDULES_MAX).find_map(|n| {
        let schedule = strategy.new_tree(&mut runner).unwrap().current();
        run(&schedule, mutation).err().map(|why| (n, why))
    })
}

#[test]
fn every_defect_is_caught() {
    let mut missed = Vec::new();
    for mutation in Mutation::ALL {
        match caught(mutation) {
            Some((n, why)) => println!("{mutation:?}: schedule {n}: {why:.90}"),
            None => missed.push(mutation),
        }
    }
    assert_eq!(missed, [], "not caught within {SCHEDULES_MAX} schedules");
}
