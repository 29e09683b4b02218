//! The payment provider: one verdict and one movement of money a key, whatever
//! is asked how often and in which order.

use std::collections::BTreeMap;

use contract::{DeclineReason, OrderId};
use processor::decide::Outcome;
use processor::payment::Question;

use super::mutation::Mutation;

/// What was done under one key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    /// Money that is kept.
    pub(crate) kept: i64,
    /// How often money was taken.
    pub(crate) captures: u32,
    captured: Option<bool>,
    void: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Provider {
    pub(crate) accounts: BTreeMap<OrderId, Account>,
    pub(crate) mutation: Mutation,
}

impl Provider {
    /// Does what is asked; the answer may still be lost.
    pub(crate) fn serve(&mut self, question: &Question) -> Outcome {
        match question {
            Question::Charge(charge) => {
                let order_id = charge.order_id;
                let account = self.accounts.entry(order_id).or_default();
                let fresh_key = self.mutation == Mutation::KeyNotKept;
                if account.captured.is_none() || fresh_key {
                    // Of every four orders one is declined, and one that was void
                    // before it was charged.
                    let captured = order_id.0.as_u128() % 4 != 3 && !account.void;
                    account.captured = Some(captured);
                    if captured {
                        account.kept += charge.amount.minor;
                        account.captures += 1;
                    }
                }
                match account.captured {
                    Some(true) => Outcome::Captured(order_id),
                    _ => Outcome::Declined(order_id, DeclineReason::CardExpired),
                }
            }
            Question::Refund(refund) => {
                let account = self.accounts.entry(refund.order_id).or_default();
                account.void = true;
                account.kept = 0;
                Outcome::Refunded(refund.clone())
            }
        }
    }

    /// Whether an outcome is what the provider said.
    pub(crate) fn has_said(&self, outcome: &Outcome) -> bool {
        let account = self.accounts.get(&outcome.order_id()).copied().unwrap_or_default();
        match outcome {
            Outcome::Captured(_) => account.captured == Some(true),
            Outcome::Declined(..) => account.captured == Some(false),
            Outcome::Refunded(_) => account.void,
        }
    }
}
