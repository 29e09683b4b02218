//! Orders that wait for their payment, and what follows from them for the
//! resume offset: below it no record of the lane has work left over. Pure.

use std::collections::{BTreeSet, HashMap};

use contract::OrderId;
use foldhash::fast::FixedState;

use crate::decide::{OrderState, OrdersById, Outcome};
use crate::lane::LaneId;

/// The unsettled orders of one worker.
#[derive(Debug, Default)]
pub struct Unsettled {
    orders: OrdersById,
    offsets: HashMap<LaneId, BTreeSet<i64>, FixedState>,
}

impl Unsettled {
    /// An order waits for its payment.
    pub fn add(&mut self, order_id: OrderId, state: OrderState) {
        self.offsets.entry(state.lane).or_default().insert(state.offset);
        self.orders.insert(order_id, state);
    }

    /// An order has its answer.
    pub fn remove(&mut self, order_id: OrderId) {
        if let Some(state) = self.orders.remove(&order_id)
            && let Some(offsets) = self.offsets.get_mut(&state.lane)
        {
            offsets.remove(&state.offset);
        }
    }

    /// Forgets a lane that has another owner; tells its orders.
    pub fn forget(&mut self, lane: LaneId) -> Vec<OrderId> {
        self.offsets.remove(&lane);
        self.orders.extract_if(|_, state| state.lane == lane).map(|(id, _)| id).collect()
    }

    /// How many orders wait.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// The orders that wait.
    pub fn orders(&self) -> &OrdersById {
        &self.orders
    }

    /// The states that these outcomes settle.
    pub fn states_of(&self, outcomes: &[Outcome]) -> OrdersById {
        let state = |outcome: &Outcome| self.orders.get_key_value(&outcome.order_id());
        outcomes.iter().filter_map(state).map(|(id, state)| (*id, state.clone())).collect()
    }

    /// The lane of an order that waits.
    pub fn lane_of(&self, order_id: OrderId) -> Option<LaneId> {
        self.orders.get(&order_id).map(|state| state.lane)
    }

    /// The resume offset of a lane once these orders are settled and records up
    /// to `next` are applied, of which the first is at `first`. A record of the
    /// batch may itself become unsettled, so a batch with records resumes at its
    /// first one at the latest.
    pub fn resume_offset(
        &self,
        lane: LaneId,
        settled: &BTreeSet<i64>,
        first: i64,
        next: i64,
    ) -> i64 {
        let oldest = self
            .offsets
            .get(&lane)
            .and_then(|offsets| offsets.iter().find(|offset| !settled.contains(offset)));
        let own = if first < next { first } else { next };
        oldest.map_or(own, |offset| own.min(*offset))
    }
}

#[cfg(test)]
mod tests {
    use contract::{Amount, Currency, CustomerId, OrderStatus};

    use super::*;
    use crate::lane::Source;

    const LANE: LaneId = LaneId { source: Source::Orders, partition: 3 };

    fn waiting(offsets: &[i64]) -> (Unsettled, Vec<OrderId>) {
        let mut unsettled = Unsettled::default();
        let ids: Vec<_> = offsets.iter().map(|_| OrderId::mint()).collect();
        for (order_id, offset) in ids.iter().zip(offsets) {
            let state = OrderState {
                customer_id: CustomerId::parse("c").unwrap(),
                status: OrderStatus::Reserved,
                total: Amount { minor: 1, currency: Currency::DEFAULT },
                pieces: [].into(),
                created_ms: 0,
                lane: LANE,
                offset: *offset,
            };
            unsettled.add(*order_id, state);
        }
        (unsettled, ids)
    }

    #[test]
    fn nothing_is_left_below_the_oldest_unsettled_order() {
        let (mut unsettled, ids) = waiting(&[5, 7, 9]);
        assert_eq!(unsettled.resume_offset(LANE, &BTreeSet::new(), 10, 10), 5);
        assert_eq!(unsettled.resume_offset(LANE, &BTreeSet::from([5]), 10, 10), 7);
        unsettled.remove(ids[0]);
        assert_eq!(unsettled.resume_offset(LANE, &BTreeSet::from([7, 9]), 10, 10), 10);
        assert_eq!(unsettled.resume_offset(LANE, &BTreeSet::from([7, 9]), 10, 20), 10);
    }

    #[test]
    fn a_lane_that_went_elsewhere_is_forgotten() {
        let (mut unsettled, ids) = waiting(&[5]);
        assert_eq!(unsettled.forget(LANE), ids);
        assert_eq!(unsettled.len(), 0);
        assert_eq!(unsettled.resume_offset(LANE, &BTreeSet::new(), 8, 8), 8);
    }
}
