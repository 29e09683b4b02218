//! Forgetting what is proved: a ledger that follows a log without end keeps
//! what is under way and a little of the past.

use super::by_id::ById;
use super::ledger::Ledger;
use super::lines::Lines;
use super::order::Order;
use super::request::{Ask, Request};

/// So many unreadable records that are done with are remembered.
const UNREADABLE_KEPT: usize = 10_000;

impl Ledger {
    /// Keeps these orders, and the requests of kept orders or that are kept by
    /// themselves. Repetitions go. Gives the former numbers of what is kept.
    pub fn compact(
        &mut self,
        keep: impl Fn(u32) -> bool,
        keep_request: impl Fn(u32) -> bool,
    ) -> (Vec<u32>, Vec<u32>) {
        let (mut kept, mut kept_requests) = (Vec::new(), Vec::new());
        let mut orders = ById::with_capacity(0);
        let mut lines = Lines::default();
        for (number, order) in (0..).zip(self.orders.items()).filter(|(number, _)| keep(*number)) {
            let pieces: Vec<_> = self.lines.of(order.lines_at).collect();
            orders.add(Order { lines_at: lines.add(pieces.into_iter()), ..order.clone() });
            kept.push(number);
        }
        let mut requests: ById<Request> = ById::with_capacity(0);
        for (number, request) in (0..).zip(self.requests.items()) {
            let of_kept = match request.ask {
                Ask::Cancel(order, _) | Ask::Ship(order, _) => orders.find(order).is_some(),
                Ask::Adjust(..) => false,
            };
            if of_kept || keep_request(number) {
                requests.add(request.clone());
                kept_requests.push(number);
            }
        }
        self.settled.keep(requests.items().iter().filter_map(Request::target));
        (self.orders, self.requests, self.lines) = (orders, requests, lines);
        self.repeats.clear();
        self.forget_rivals();
        (kept, kept_requests)
    }

    /// Forgets unreadable records that are done with, when they are many; says
    /// whether it did.
    pub fn forget_unreadable(&mut self) -> bool {
        let before = self.unreadable.len();
        if before > UNREADABLE_KEPT {
            self.unreadable.retain(|_, u| !(u.published && u.marked));
        }
        self.unreadable.len() < before
    }
}
