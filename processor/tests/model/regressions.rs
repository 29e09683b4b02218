//! Schedules that once found something.

use super::log::{Item, Twist};
use super::mutation::Mutation;
use super::schedule::{Schedule, Verb};
use super::world::run;

/// Orders of lane 0, orders of lane 1 and stock, as the log numbers lanes.
const SECOND_LANE: u16 = 1;

fn schedule(items: Vec<Item>, processors: u8, choices: &[(Verb, u16, u16)]) -> Schedule {
    let members = u16::from(processors);
    let choice = |(verb, which, amount): &(Verb, u16, u16)| verb.choice(members, *which, *amount);
    Schedule { items, processors, choices: choices.iter().map(choice).collect(), deaf: 0 }
}

fn order() -> Item {
    Item::Order(vec![(0, 1)])
}

/// Member 1 stands still between its assignment and its claim, the group gives
/// its lane to member 2, member 2 claims, and only then member 1 does.
#[test]
fn a_lane_that_was_claimed_late_does_not_stand_still() {
    let late =
        [(Verb::Usurp, 2, SECOND_LANE), (Verb::Poll, 2, 0), (Verb::Poll, 2, 0), (Verb::Poll, 1, 0)];
    let schedule = schedule(vec![order(), order()], 3, &late);
    assert_eq!(run(&schedule, Mutation::None), Ok(()));
    let why = run(&schedule, Mutation::RobbedStays).unwrap_err();
    assert_eq!(why, "orders/1: progress: found 0, expected 1");
}

/// An order that was taken from a copy in another partition is cancelled in its
/// own one, by a worker that does not own it, while its owner waits for the
/// payment.
#[test]
fn a_cancellation_in_another_partition_than_its_order_settles_and_is_told() {
    let work = |member, lane| {
        let mut steps = vec![(Verb::Poll, member, 0), (Verb::Poll, member, lane + 3)];
        steps.extend([(Verb::Advance, member, 3), (Verb::Commit, member, 0)]);
        steps.push((Verb::Advance, member, 0));
        steps
    };
    let steps = [work(1, SECOND_LANE), work(0, 0)].concat();
    let items = vec![order(), Item::Again(0, Twist::Lane), Item::Cancel(0)];
    let schedule = schedule(items, 2, &steps);
    assert_eq!(run(&schedule, Mutation::None), Ok(()));
    let why = run(&schedule, Mutation::StepsUnverified).unwrap_err();
    assert!(why.contains("from CANCELLED"), "{why}");
    let why = run(&schedule, Mutation::StraysForgotten).unwrap_err();
    assert!(why.contains("REFUND_PENDING"), "{why}");
}

/// Member 2 claims lane 1 rightly, then member 0 does, late, and dies. There is
/// nothing to read in the lane, so that no fence ever tells member 2.
#[test]
fn an_owner_without_records_hears_that_its_lane_was_claimed() {
    let choices = vec![
        59901, 57659, 60187, 41772, 30988, 12832, 38976, 256, 22144, 6941, 24187, 765, 59420,
        45215, 44236, 44652, 15468, 0, 1885, 0,
    ];
    let items = vec![order(), Item::Order(vec![(2, 1)]), order()];
    let schedule = Schedule { items, processors: 3, choices, deaf: 0 };
    assert_eq!(run(&schedule, Mutation::None), Ok(()));
    let why = run(&schedule, Mutation::StraysForgotten).unwrap_err();
    assert!(why.starts_with("events: "), "{why}");
}
