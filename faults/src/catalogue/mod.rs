//! Every scenario. Instants leave room for what each fault is about: 10 s is a
//! consumer's session, 3 s the broker's, 10 s a drain.

mod links;
mod moments;
mod processes;
mod records;
mod servers;

use crate::needs::Needs;
use crate::scenario::{Action, Scenario, Target};

/// All scenarios, in the order in which `all` plays them.
pub(crate) fn catalogue() -> Vec<Scenario> {
    [processes::ALL, moments::ALL, servers::ALL, links::ALL, records::ALL].concat()
}

const fn scenario(
    name: &'static str,
    what: &'static str,
    target: Target,
    steps: &'static [(u64, Action)],
) -> Scenario {
    Scenario { name, what, target, steps, expect: &[], needs: Needs::Nothing }
}
