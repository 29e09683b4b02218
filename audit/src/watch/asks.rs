//! Which rows a step needs: those of the new part of the log, of orders that
//! were under way, and of orders that something new is asked of. Pure.

use std::collections::HashSet;

use contract::OrderStatus;
use uuid::Uuid;

use super::books::Books;
use crate::fold::order::{Order, Payment};
use crate::fold::payments::needs_payment;
use crate::fold::request::Request;
use crate::place::Topic;
use crate::read::window::{Range, Span};

/// What a step asks the tables.
#[derive(Debug)]
pub struct Asks {
    /// Places of records.
    pub ranges: Vec<Range>,
    /// The same, from the first dead letter that is not done with.
    pub dead_letters: Vec<Range>,
    /// Orders and events of which nothing is known yet.
    pub ids: Vec<Uuid>,
    /// Orders whose rows may have changed.
    pub again: Vec<Uuid>,
    /// Where payments and processed events of most new orders are.
    pub span: Span,
}

/// An id that was made so much before or after its record lies apart.
const NEAR_S: u64 = 120;
/// The ids of one window share their span with those of its neighbours.
const SPAN_SHARE: usize = 3;
const SPAN_SPARE: usize = 1_000;

impl Books {
    /// What to ask. A lane that is `at_end` has no row beyond what was read, so
    /// its range is open.
    pub fn asks(&mut self, at_end: impl Fn(Topic, i32) -> bool) -> Asks {
        // Of a step that failed.
        self.carried.iter_mut().for_each(|carried| carried.again = false);
        let ranges: Vec<_> = self
            .lanes
            .iter()
            .map(|((topic, partition), lane)| {
                let to = if at_end(*topic, *partition) { i64::MAX } else { lane.folded };
                Range { topic: *topic, partition: *partition, from: lane.judged, to }
            })
            .collect();
        let dead_letters = ranges.iter().map(|range| self.back_to_unsent(*range)).collect();
        let mut again = self.orders_again();
        let mut ids = Vec::new();
        let requests = &self.ledger.requests.items()[self.new.1..];
        ids.extend(requests.iter().map(|request| request.id));
        let targets: HashSet<_> = requests.iter().filter_map(Request::target).collect();
        for id in targets {
            match self.ledger.orders.find(id) {
                None => ids.push(id),
                // Its rows are in the ranges.
                Some(number) if number as usize >= self.new.0 => {}
                Some(number) => {
                    if !std::mem::replace(&mut self.carried[number as usize].again, true) {
                        again.push(id);
                    }
                }
            }
        }
        Asks { ranges, dead_letters, ids, again, span: self.span() }
    }

    /// Ids of new orders that are not among those found.
    pub fn not_found(&self, found: &HashSet<Uuid>) -> Vec<Uuid> {
        let new = self.ledger.orders.items()[self.new.0..].iter().map(|order| order.id);
        new.filter(|id| !found.contains(id)).collect()
    }

    /// The span of the new orders whose ids were made when they were written.
    fn span(&self) -> Span {
        let new = self.ledger.orders.items()[self.new.0..].iter();
        let near: Vec<_> = new.filter(|order| is_near(order)).map(|order| order.id).collect();
        let ends = near.iter().min().copied().zip(near.iter().max().copied());
        let rows_max = i64::try_from(near.len() * SPAN_SHARE + SPAN_SPARE).unwrap_or(i64::MAX);
        Span { ends, rows_max }
    }

    /// Orders under way whose rows are going to change.
    fn orders_again(&mut self) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for number in self.open.iter().filter(|number| (**number as usize) < self.new.0) {
            let order = self.ledger.orders.get(*number);
            if is_moving(order) {
                self.carried[*number as usize].again = true;
                ids.push(order.id);
            }
        }
        ids
    }

    fn back_to_unsent(&self, range: Range) -> Range {
        let unsent = self.ledger.unreadable.iter().filter(|(place, unreadable)| {
            (place.topic, place.partition) == (range.topic, range.partition) && !unreadable.marked
        });
        let first = unsent.map(|(place, _)| place.offset).min();
        Range { from: first.map_or(range.from, |first| first.min(range.from)), ..range }
    }
}

fn is_near(order: &Order) -> bool {
    let made = order.id.get_timestamp().filter(|_| order.id.get_version_num() == 7);
    made.is_some_and(|made| made.to_unix().0.abs_diff(u64::from(order.logged_s)) <= NEAR_S)
}

/// Whether its rows say that something is still to be done.
pub(super) fn is_moving(order: &Order) -> bool {
    let paying = order.payment.is_none_or(|payment| payment == Payment::RefundPending);
    order.status == Some(OrderStatus::Reserved) || needs_payment(order) && paying
}
