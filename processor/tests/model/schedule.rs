//! A schedule: the input, how many processors, and one choice a step.

use proptest::prelude::*;

use super::log::{self, Item};

/// One run of the simulation.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) items: Vec<Item>,
    pub(crate) processors: u8,
    pub(crate) choices: Vec<u16>,
    /// For how many rounds after that zombies do not hear that they are out.
    pub(crate) deaf: u8,
}

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// A worker takes its next step.
    Advance,
    /// A poll thread claims or reads.
    Poll,
    /// The server commits what was sent.
    Commit,
    /// A connection breaks.
    Cut,
    /// The server ends a transaction.
    Abort,
    /// The broker takes records and says so.
    Deliver,
    /// The broker takes a record, its acknowledgement is under way.
    DeliverSilently,
    /// A producer dies.
    FailDeliveries,
    /// The provider answers.
    Pay,
    /// The provider's answer is lost.
    PayInVain,
    /// A lane goes to a processor; its owner is told.
    Assign,
    /// A lane goes to a processor; its owner becomes a zombie.
    Usurp,
    /// A processor dies, or a dead one comes back.
    Crash,
    /// A processor stands still, or goes on.
    Freeze,
    /// What a dead processor had sent arrives.
    Ghost,
}

/// A quiet schedule is mostly work; each disturbance has its share.
const SHARES: [Verb; 32] = {
    use Verb::*;
    [
        Advance,
        Advance,
        Advance,
        Advance,
        Advance,
        Advance,
        Advance,
        Advance,
        Advance,
        Advance,
        Advance,
        Advance,
        Poll,
        Poll,
        Poll,
        Commit,
        Commit,
        Commit,
        Cut,
        Abort,
        Deliver,
        Deliver,
        DeliverSilently,
        FailDeliveries,
        Pay,
        Pay,
        PayInVain,
        Assign,
        Usurp,
        Crash,
        Freeze,
        Ghost,
    ]
};

impl Verb {
    /// The verb of a choice.
    pub(crate) fn of(choice: u16) -> Self {
        SHARES[usize::from(choice % 32)]
    }

    /// The choice of this verb for one of `members`, with an amount below 256.
    pub(crate) fn choice(self, members: u16, which: u16, amount: u16) -> u16 {
        let code = SHARES.iter().position(|verb| *verb == self).unwrap() as u16;
        let named = (0..8).find(|bits| (amount * 8 + bits) % members == which).unwrap();
        amount << 8 | named << 5 | code
    }
}

pub(crate) fn schedules() -> impl Strategy<Value = Schedule> {
    (log::items(), 2..=4_u8, prop::collection::vec(any::<u16>(), 20..140), 0..16_u8).prop_map(
        |(items, processors, choices, deaf)| Schedule { items, processors, choices, deaf },
    )
}
