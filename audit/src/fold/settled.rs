//! When payments were decided, and what that says about requests that were refused.
//!
//! The transactions of one partition follow each other, and each decides payments
//! before records. A time is that of a transaction's beginning, so one time is one
//! transaction.

use std::collections::HashMap;

use contract::OrderStatus;
use uuid::Uuid;

use super::causes::CERTAINLY_BEFORE_US;
use super::request::{Ask, Request};

/// PostgreSQL's clock may be put back between two transactions, by less than this.
const PUT_BACK_US: i64 = 10_000_000;

/// The times of payments, of orders alone of which something is asked: most are
/// of no use.
#[derive(Default, Debug)]
pub struct Settled {
    decided_us: HashMap<Uuid, Option<i64>>,
}

impl Settled {
    /// Has the time of this order's payment kept.
    pub fn ask(&mut self, order: Uuid) {
        self.decided_us.entry(order).or_default();
    }

    /// Notes when a payment was decided, in µs since 1970.
    pub fn note(&mut self, order: Uuid, at_us: i64) {
        if let Some(decided_us) = self.decided_us.get_mut(&order) {
            *decided_us = Some(at_us);
        }
    }

    /// When the order's payment was decided, where that was asked and is known.
    pub fn of(&self, order: Uuid) -> Option<i64> {
        self.decided_us.get(&order).copied().flatten()
    }

    /// Forgets all other orders.
    pub fn keep(&mut self, orders: impl Iterator<Item = Uuid>) {
        let kept = orders.map(|order| (order, self.of(order))).collect();
        self.decided_us = kept;
    }
}

/// Whether the order certainly bore a request of its own partition, so that its
/// refusal is untrue. No earlier request may have had an effect.
pub fn bore(request: &Request, status: OrderStatus, decided_us: i64) -> bool {
    use OrderStatus::{Paid, PaymentFailed, Shipped};
    let Some(request_us) = request.processed_us else { return false };
    match (request.ask, status) {
        // Paid from then until it was shipped, if it was.
        (Ask::Ship(..), Paid | Shipped) => {
            request_us == decided_us || is_before(decided_us, request_us, PUT_BACK_US)
        }
        // Reserved until then.
        (Ask::Cancel(..), PaymentFailed) => is_before(request_us, decided_us, PUT_BACK_US),
        _ => false,
    }
}

/// Whether the order was certainly known to whoever read a request in any partition.
pub fn was_known(request: &Request, decided_us: i64) -> bool {
    request.processed_us.is_some_and(|at_us| is_before(decided_us, at_us, CERTAINLY_BEFORE_US))
}

fn is_before(first_us: i64, then_us: i64, by_us: i64) -> bool {
    first_us.saturating_add(by_us) <= then_us
}
