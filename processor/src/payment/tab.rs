//! What a cashier has asked and not heard of: no question twice at once, and no
//! refund beside a charge that is under way. Pure.

use std::collections::{HashMap, HashSet};

use contract::OrderId;
use foldhash::fast::FixedState;

use crate::decide::{Charge, Outcome, Refund};

/// Questions without an answer.
#[derive(Debug, Default)]
pub struct Tab {
    /// Charges, and what shall happen once there is an answer.
    open: HashMap<OrderId, Then, FixedState>,
    refunds: HashSet<OrderId, FixedState>,
}

/// Something to ask the provider.
#[derive(Clone, Debug)]
pub enum Question {
    /// Take the money.
    Charge(Charge),
    /// Keep nothing of it.
    Refund(Refund),
}

impl Question {
    /// Which order it is about.
    pub fn order_id(&self) -> OrderId {
        match self {
            Self::Charge(charge) => charge.order_id,
            Self::Refund(refund) => refund.order_id,
        }
    }
}

/// What an answer leads to.
#[derive(Debug)]
pub enum Answered {
    /// It is to be committed.
    Settle(Outcome),
    /// The order was cancelled meanwhile; this is to be asked next.
    Ask(Question),
}

#[derive(Debug)]
enum Then {
    Settle,
    Refund(Refund),
}

impl Tab {
    /// The question to ask for a charge; none while it is under way.
    pub fn charge(&mut self, charge: Charge) -> Option<Question> {
        let before = self.open.insert(charge.order_id, Then::Settle);
        before.is_none().then_some(Question::Charge(charge))
    }

    /// The question to ask for a refund; none while it is under way. A charge under
    /// way is answered first, so that the provider never sees both at once.
    pub fn refund(&mut self, refund: Refund) -> Option<Question> {
        match self.open.get_mut(&refund.order_id) {
            Some(then) => {
                *then = Then::Refund(refund);
                None
            }
            None => {
                let fresh = self.refunds.insert(refund.order_id);
                fresh.then_some(Question::Refund(refund))
            }
        }
    }

    /// Whatever was asked about an order is somebody else's question now.
    pub fn forget(&mut self, order_id: OrderId) {
        self.open.remove(&order_id);
        self.refunds.remove(&order_id);
    }

    /// What an answer leads to.
    pub fn answered(&mut self, outcome: Outcome) -> Answered {
        let then = match outcome {
            Outcome::Refunded(ref refund) => {
                self.refunds.remove(&refund.order_id);
                None
            }
            Outcome::Captured(order_id) | Outcome::Declined(order_id, _) => {
                self.open.remove(&order_id)
            }
        };
        match then {
            Some(Then::Refund(refund)) => {
                self.refunds.insert(refund.order_id);
                Answered::Ask(Question::Refund(refund))
            }
            Some(Then::Settle) | None => Answered::Settle(outcome),
        }
    }
}
