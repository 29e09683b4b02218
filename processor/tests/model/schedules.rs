//! Random schedules of the processor as it is.

use proptest::prelude::*;

use super::mutation::Mutation;
use super::schedule::schedules;
use super::world::run;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn whatever_happens_the_books_are_those_of_one_thing_at_a_time(schedule in schedules()) {
        if let Err(why) = run(&schedule, Mutation::None) {
            prop_assert!(false, "{}", why);
        }
    }
}
