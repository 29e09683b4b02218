//! Whether orders and corrections that were refused for want of stock were refused
//! rightly.
//!
//! Orders and restocks travel in different topics, so the audit cannot replay
//! the decision. But stock that had come in well before it, less everything
//! that any order ever took, was there whatever the order of events was.

use std::collections::HashMap;

use uuid::Uuid;

use super::by_id::Names;
use super::ledger::Ledger;
use super::order::Order;
use super::request::{Ask, Refusal, Request};
use super::totals::Totals;
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;
use crate::place::Place;

/// A transaction's time is its beginning. The processor waits for none longer, so what
/// began so much earlier was visible.
pub(super) const CERTAINLY_BEFORE_US: i64 = 120_000_000;

/// Rejected orders, with the reasons that their rows give.
#[derive(Default, Debug)]
pub struct Causes {
    rejections: HashMap<u32, Rejection>,
}

/// Why one order or correction was refused.
#[derive(Clone, Copy, Debug)]
pub struct Rejection {
    id: Uuid,
    place: Place,
    /// For want of this product.
    pub sku: u32,
    requested: i64,
    /// What was left, as the row of the order says.
    available: Option<i64>,
    decided_us: Option<i64>,
}

/// What came in of one product: times and running totals, in order of time.
#[derive(Default, Debug)]
pub struct Arrivals {
    by_time: Vec<(i64, i128)>,
    taken_out: i128,
}

impl Causes {
    /// Notes that this order was rejected for this product.
    pub fn rejected(
        &mut self,
        (number, order): (u32, &Order),
        sku: u32,
        requested: i64,
        available: i64,
    ) {
        let (id, place, available) = (order.id, order.place(), Some(available));
        let rejection = Rejection { id, place, sku, requested, available, decided_us: None };
        self.rejections.insert(number, rejection);
    }

    /// Notes when an order was decided.
    pub fn decided(&mut self, number: u32, at_us: i64) {
        if let Some(rejection) = self.rejections.get_mut(&number) {
            rejection.decided_us = Some(at_us);
        }
    }

    /// All rejections, to be judged later.
    pub fn take(&mut self) -> impl Iterator<Item = Rejection> {
        std::mem::take(&mut self.rejections).into_values()
    }

    /// Judges all rejections.
    pub fn judge(&self, ledger: &Ledger, totals: &Totals, findings: &mut Findings) {
        let arrivals = arrivals(ledger);
        let mut numbers: Vec<_> = self.rejections.keys().copied().collect();
        numbers.sort_unstable();
        let orders = numbers.into_iter().map(|number| self.rejections[&number]);
        let corrections = ledger.requests.items().iter().filter_map(Rejection::of_correction);
        for rejection in orders.chain(corrections) {
            rejection.judge(&ledger.skus, arrivals.get(&rejection.sku), totals, findings);
        }
    }
}

impl Rejection {
    /// A correction that was refused because it would have left less than nothing.
    pub fn of_correction(request: &Request) -> Option<Self> {
        let Request { id, place, processed_us: decided_us, refused, ask, .. } = *request;
        let Ask::Adjust(sku, pieces) = ask else { return None };
        let requested = pieces.saturating_neg();
        let rejection = Self { id, place, sku, requested, available: None, decided_us };
        (refused == Some(Refusal::BelowZero)).then_some(rejection)
    }

    /// Reports it, when it cannot be.
    pub fn judge(
        &self,
        skus: &Names,
        arrivals: Option<&Arrivals>,
        totals: &Totals,
        findings: &mut Findings,
    ) {
        let Some(fault) = self.fault(arrivals, totals) else { return };
        let invariant = match self.available {
            Some(_) => Invariant::RejectedWithoutCause,
            None => Invariant::RefusedEventUnexpected,
        };
        findings.add(invariant, || Sample {
            id: self.id.to_string(),
            place: Some(self.place),
            detail: format!("{}: {fault}", skus.name(self.sku)),
        });
    }

    /// Why it cannot be, when all that came in and was taken until then is known.
    fn fault(&self, arrivals: Option<&Arrivals>, totals: &Totals) -> Option<String> {
        let requested = self.requested;
        let received = arrivals.and_then(|a| a.by_time.last()).map_or(0, |(_, sum)| *sum);
        match self.available {
            Some(available) if available >= requested => {
                return Some(format!("{available} were available, {requested} requested"));
            }
            Some(available) if available < 0 || i128::from(available) > received => {
                return Some(format!("{available} were available, but {received} ever came in"));
            }
            _ => {}
        }
        let arrivals = arrivals?;
        let there = arrivals.certainly_before(self.decided_us?);
        let left = there - totals.pieces(self.sku).taken;
        (left >= i128::from(requested)).then(|| {
            format!("{requested} requested, and never fewer than {left} were left of {there}")
        })
    }
}

impl Arrivals {
    /// Out of arrivals, each with its time in µs since 1970, and what was taken out (0 or less).
    pub fn new(mut by_time: Vec<(i64, i128)>, taken_out: i128) -> Self {
        by_time.sort_unstable();
        let mut sum = 0;
        for arrival in &mut by_time {
            sum += arrival.1;
            arrival.1 = sum;
        }
        Self { by_time, taken_out }
    }

    fn certainly_before(&self, decided_us: i64) -> i128 {
        let known = |(at_us, _): &(i64, i128)| at_us + CERTAINLY_BEFORE_US <= decided_us;
        let count = self.by_time.partition_point(known);
        let arrived = count.checked_sub(1).map_or(0, |last| self.by_time[last].1);
        arrived + self.taken_out
    }
}

fn arrivals(ledger: &Ledger) -> HashMap<u32, Arrivals> {
    let mut all: HashMap<u32, (Vec<(i64, i128)>, i128)> = HashMap::new();
    for request in ledger.requests.items().iter().filter(|request| request.refused.is_none()) {
        if let Ask::Adjust(sku, pieces) = request.ask {
            let arrivals = all.entry(sku).or_default();
            match pieces {
                // Without its time it counts as the last one to come.
                1.. => {
                    let at_us = request.processed_us.unwrap_or(i64::MAX - CERTAINLY_BEFORE_US);
                    arrivals.0.push((at_us, i128::from(pieces)));
                }
                _ => arrivals.1 += i128::from(pieces),
            }
        }
    }
    all.into_iter().map(|(sku, (by_time, out))| (sku, Arrivals::new(by_time, out))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_well_before_counts_and_everything_that_left() {
        let second = 1_000_000;
        let arrivals = Arrivals {
            by_time: vec![(0, 10), (240 * second, 30), (360 * second, 60)],
            taken_out: -4,
        };
        assert_eq!(arrivals.certainly_before(119 * second), -4);
        assert_eq!(arrivals.certainly_before(120 * second), 6);
        assert_eq!(arrivals.certainly_before(365 * second), 26);
        assert_eq!(arrivals.certainly_before(480 * second), 56);
    }
}
