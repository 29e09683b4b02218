//! When each step of a round comes, pure. The scenarios of a round share nothing but the
//! time: a step that is put off delays what its own scenario does after it, no other's.

use std::collections::VecDeque;
use std::time::Duration;

use crate::scenario::{Action, Scenario};

/// An action at its instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    /// Since the round's fault began.
    pub(crate) at: Duration,
    pub(crate) action: Action,
    /// Which of the round's scenarios it is of.
    part: usize,
}

/// The steps that are left, in the order of time.
pub(crate) struct Timeline(VecDeque<Step>);

impl Timeline {
    /// Those of these scenarios, each with its begin.
    pub(crate) fn new(parts: &[(Duration, Scenario)]) -> Self {
        let steps = parts.iter().enumerate().flat_map(|(part, (begin, scenario))| {
            let at = |ms| *begin + Duration::from_millis(ms);
            scenario.steps.iter().map(move |&(ms, action)| Step { at: at(ms), action, part })
        });
        Self::sorted(steps.collect())
    }

    /// Stable: what a scenario does at one instant stays in its order.
    fn sorted(mut steps: Vec<Step>) -> Self {
        steps.sort_by_key(|step| step.at);
        Self(steps.into())
    }

    /// The step that comes next.
    pub(crate) fn pop(&mut self) -> Option<Step> {
        self.0.pop_front()
    }

    /// Puts the step that was taken last off until then, and with it the later ones of
    /// its scenario: they are meant for what it has done.
    pub(crate) fn put_off(&mut self, step: Step, until: Duration) {
        let delay = until.saturating_sub(step.at);
        self.0.push_front(step);
        let mut steps: Vec<_> = self.0.drain(..).collect();
        for later in steps.iter_mut().filter(|later| later.part == step.part) {
            later.at += delay;
        }
        *self = Self::sorted(steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::catalogue;
    use crate::link::Moment::Begin;
    use crate::scenario::Program::{Ingest, Processor};

    fn find(name: &str) -> Scenario {
        catalogue().into_iter().find(|scenario| scenario.name == name).unwrap()
    }

    fn rest(timeline: &mut Timeline) -> Vec<(u64, Action)> {
        let steps = std::iter::from_fn(|| timeline.pop());
        let seen = steps.map(|step| (step.at.as_millis().try_into().unwrap(), step.action));
        seen.collect()
    }

    #[test]
    fn the_actions_of_two_scenarios_interleave_by_time() {
        let kills = [
            (Duration::from_secs(1), find("ingest-kill")),
            (Duration::ZERO, find("processor-kill")),
        ];
        let expected = [
            (0, Action::Kill(Processor(0))),
            (1_000, Action::Kill(Ingest)),
            (2_000, Action::Start(Ingest)),
            (2_000, Action::Start(Processor(0))),
        ];
        assert_eq!(rest(&mut Timeline::new(&kills)), expected);
    }

    #[test]
    fn a_step_that_is_put_off_delays_those_of_its_scenario_alone() {
        let parts = [
            (Duration::ZERO, find("die-after-poll")),
            (Duration::from_millis(200), find("ingest-kill")),
        ];
        let mut timeline = Timeline::new(&parts);
        let hold = timeline.pop().unwrap();
        assert_eq!(hold.action, Action::Hold(Begin));
        timeline.put_off(hold, Duration::from_secs(9));
        let expected = [
            (200, Action::Kill(Ingest)),
            (1_200, Action::Start(Ingest)),
            (9_000, Action::Hold(Begin)),
            (9_000, Action::Kill(Processor(0))),
            (10_000, Action::Start(Processor(0))),
        ];
        assert_eq!(rest(&mut timeline), expected);
    }
}
