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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::Expect;
    use crate::link::Link;

    #[test]
    fn a_program_that_must_have_counted_is_frozen_before() {
        for Scenario { name, steps, expect, .. } in catalogue() {
            for expect in expect {
                let Expect::Counted(program, _) = expect else { continue };
                let freeze = Action::Freeze(*program);
                assert!(steps.iter().any(|(_, action)| *action == freeze), "{name}");
            }
        }
    }

    /// Its clients dial the gateway, past the proxy.
    #[test]
    fn where_only_the_unserved_may_fail_the_link_of_clients_is_left_alone() {
        let strict = |scenario: &Scenario| scenario.expect.contains(&Expect::OnlyUnserved);
        let strict: Vec<_> = catalogue().into_iter().filter(strict).collect();
        assert!(!strict.is_empty());
        for Scenario { name, steps, .. } in strict {
            let touches = |action: &Action| matches!(action, Action::Link(Link::ClientIngest, _));
            assert!(!steps.iter().any(|(_, action)| touches(action)), "{name}");
        }
    }
}
