//! What it means that an action failed. Pure.

use std::time::Duration;

use stack::service::Unclean;

use crate::scenario::Action;

/// How long after the first fault an action is put off at most.
const PERSIST: Duration = Duration::from_secs(120);
const PUT_OFF: Duration = Duration::from_secs(1);
/// What our programs say last, with exit code 1, when a drain ends by its deadline.
const DEADLINE_WORDS: [&str; 4] = [
    "stopped without drain",
    "the drain did not end in time",
    "a lane did not stop in time",
    "count as told and are not",
];

/// What it means that an action failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failed {
    /// Nothing.
    Borne,
    /// That a program does not do what it should.
    Wrong,
    /// That something else is broken: it is tried again at this instant.
    PutOff(Duration),
    /// That nobody can do it.
    Void,
}

/// What it means in a round of so many scenarios, so long after the first fault.
pub(crate) fn failed(
    action: Action,
    parts: usize,
    elapsed: Duration,
    error: &anyhow::Error,
) -> Failed {
    match action {
        // A drain is bounded: beside another fault it may end by its deadline.
        Action::Stop(_) if parts > 1 && error.downcast_ref().is_some_and(is_overdue) => {
            Failed::Borne
        }
        Action::Stop(_) | Action::AwaitEnd(..) => Failed::Wrong,
        _ if elapsed < PERSIST => Failed::PutOff(elapsed + PUT_OFF),
        _ => Failed::Void,
    }
}

fn is_overdue(unclean: &Unclean) -> bool {
    match unclean {
        Unclean::Overdue { .. } => true,
        Unclean::Failed { status, words, .. } => {
            let last = words.lines().last().unwrap_or_default();
            status.code() == Some(1) && DEADLINE_WORDS.iter().any(|words| last.contains(words))
        }
        Unclean::Unknown { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use anyhow::anyhow;

    use super::*;
    use crate::scenario::Program::Processor;

    const STOP: Action = Action::Stop(Processor(0));
    const OUTSIDE: &str = "error: stopped without drain: PostgreSQL cannot be reached";

    /// A wait status: the exit code is its second byte, a signal the first.
    fn ended(status: i32, words: &str) -> anyhow::Error {
        let (status, words) = (ExitStatus::from_raw(status), format!("INFO stopping\n{words}"));
        Unclean::Failed { name: "processor", status, words }.into()
    }

    #[test]
    fn beside_another_fault_a_drain_may_end_by_its_deadline() {
        let (deadline, words) = (Duration::from_secs(30), String::new());
        let overdue = anyhow!(Unclean::Overdue { name: "processor", deadline, words });
        let untold = "error: sink file: 3 events may count as told and are not";
        for error in [overdue, ended(1 << 8, OUTSIDE), ended(1 << 8, untold)] {
            assert_eq!(failed(STOP, 2, Duration::ZERO, &error), Failed::Borne, "{error:#}");
            assert_eq!(failed(STOP, 1, Duration::ZERO, &error), Failed::Wrong, "{error:#}");
        }
    }

    #[test]
    fn a_program_that_ends_otherwise_is_wrong_beside_whatever() {
        let failure = "error: a worker, the watch or retention panicked";
        for (status, words) in [(1 << 8, failure), (101 << 8, OUTSIDE), (11, OUTSIDE)] {
            let error = ended(status, words);
            assert_eq!(failed(STOP, 2, Duration::ZERO, &error), Failed::Wrong, "{error:#}");
        }
        let end = Action::AwaitEnd(Processor(0), "gone");
        assert_eq!(failed(end, 1, Duration::ZERO, &anyhow!("it lives")), Failed::Wrong);
    }

    #[test]
    fn what_the_harness_cannot_do_is_tried_again_for_two_minutes() {
        let (second, start) = (Duration::from_secs(1), Action::StartBroker);
        let error = anyhow!("the broker still runs");
        assert_eq!(failed(start, 1, 119 * second, &error), Failed::PutOff(120 * second));
        assert_eq!(failed(start, 1, 120 * second, &error), Failed::Void);
    }
}
