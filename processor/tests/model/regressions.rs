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

/// A limit, not a wish: what is asked of an order must be in the order's
/// partition. An order that was taken from a copy in another one is cancelled
/// behind its owner's back, who stops at its next settlement.
#[test]
fn a_cancellation_in_another_partition_than_its_order_stops_the_owner() {
    let work = |member, lane| {
        let mut steps = vec![(Verb::Poll, member, 0), (Verb::Poll, member, lane + 3)];
        steps.extend([(Verb::Advance, member, 3), (Verb::Commit, member, 0)]);
        steps.push((Verb::Advance, member, 0));
        steps
    };
    let steps = [work(1, SECOND_LANE), work(0, 0)].concat();
    let items = vec![order(), Item::Again(0, Twist::Stray), Item::Cancel(0)];
    let why = run(&schedule(items, 2, &steps), Mutation::None).unwrap_err();
    assert!(why.ends_with("is Some(Cancelled), not RESERVED"), "{why}");
}
