//! What is proved, what is late, and what has been late too long. Pure.

use std::collections::{BTreeMap, HashSet};

use contract::OrderStatus;

use super::asks::is_moving;
use super::books::Books;
use crate::fold::causes::Arrivals;
use crate::fold::request::{Ask, Request};
use crate::fold::{dead_letters, events, orders, payments, processed, refused, requests};
use crate::invariants::Invariant;

/// Alerts are forgotten when there are more.
const ALERTS_KEPT: usize = 100_000;
/// Arrivals of stock are remembered one by one for so long: longer than a transaction
/// may take.
const ARRIVALS_KEPT_US: i64 = 240_000_000;

impl Books {
    /// Notes an accepted adjustment.
    pub(super) fn note_arrival(&mut self, number: u32) {
        let request = self.ledger.requests.get(number);
        let Ask::Adjust(sku, pieces) = request.ask else { return };
        if request.refused.is_some() {
            return;
        }
        let (by_time, out) = self.arrivals.entry(sku).or_default();
        match (pieces, request.processed_us) {
            (..=0, _) => *out += i128::from(pieces),
            (1.., Some(at_us)) => by_time.push((at_us, i128::from(pieces))),
            // Without its time it stands for the last one to come.
            (1.., None) => by_time.push((i64::MAX / 2, i128::from(pieces))),
        }
    }

    /// Judges what needs all that was processed until the snapshot, in every lane.
    pub fn judge_level(&mut self) {
        let Self { ledger, carried, findings, .. } = self;
        let whole = |number: u32| {
            let carried = carried[number as usize];
            !carried.recalled && !carried.partial
        };
        requests::judge_where(ledger, whole, findings);
        for (number, request) in (0..).zip(ledger.requests.items()).skip(self.unjudged) {
            let order = request.target().and_then(|id| ledger.orders.find(id));
            let alone = order.filter(|order| !whole(*order) && !self.repeated.contains(&number));
            if let Some(order) = alone {
                requests::judge_alone(ledger, ledger.orders.get(order), request, findings);
            }
        }
        self.unjudged = self.ledger.requests.items().len();
        self.judge_rejections();
    }

    fn judge_rejections(&mut self) {
        for rejection in std::mem::take(&mut self.rejections) {
            let arrived = self.arrivals.get(&rejection.sku);
            let arrived = arrived.map(|(by_time, out)| Arrivals::new(by_time.clone(), *out));
            let Self { ledger, totals, findings, .. } = self;
            rejection.judge(&ledger.skus, arrived.as_ref(), totals, findings);
        }
    }

    /// Judges repetitions and unreadable records, after their rows.
    pub fn judge_aside(&mut self, now_s: u32) {
        let Self { ledger, findings, unsent, .. } = self;
        refused::judge_unflagged(ledger, findings);
        for (place, unreadable) in &ledger.unreadable {
            if unreadable.row.is_none() && !ledger.may_be_forgotten(unreadable.logged_s) {
                findings
                    .add(Invariant::DeadLetterMissing, || dead_letters::sample(*place, unreadable));
            }
            if !(unreadable.marked && unreadable.published) {
                unsent.entry(*place).or_insert(now_s);
            }
        }
    }

    /// Closes what is proved, and reports what is too late. Only at the level of
    /// the tables everything that is waited for had to be there.
    pub fn close(&mut self, now_s: u32, level: bool) {
        for number in std::mem::take(&mut self.open) {
            if !self.close_order(number, now_s, level) {
                self.open.push(number);
            }
        }
        self.close_unsent(now_s);
        self.set_watermarks();
    }

    fn close_order(&mut self, number: u32, now_s: u32, level: bool) -> bool {
        let Self { ledger, carried, findings, .. } = self;
        let (order, carried) = (ledger.orders.get(number), &mut carried[number as usize]);
        if !order.processed && !ledger.may_be_forgotten(order.logged_s) {
            processed::add_missing(order.id, order.place(), findings);
        }
        if order.status.is_none() {
            orders::judge_end(order, findings);
            carried.open = false;
            return true;
        }
        let explained =
            level || !matches!(order.status, Some(OrderStatus::Cancelled | OrderStatus::Shipped));
        if !is_moving(order) && events::all_told(order) {
            if explained {
                events::judge_told(order, findings);
                self.proved_orders += 1;
                carried.open = false;
            }
            return explained;
        }
        let since_s = if level { *carried.since_s.get_or_insert(now_s) } else { now_s };
        if now_s.saturating_sub(since_s) >= self.patience_s && level {
            orders::judge_end(order, findings);
            payments::judge_end(order, findings);
            events::judge_told(order, findings);
            carried.reported = true;
            // What still moves is counted anew when it has moved.
            carried.open = is_moving(order);
            return !carried.open;
        }
        false
    }

    fn close_unsent(&mut self, now_s: u32) {
        let Self { ledger, findings, unsent, patience_s, .. } = self;
        unsent.retain(|place, since_s| {
            let Some(unreadable) = ledger.unreadable.get_mut(place) else { return false };
            let sent = unreadable.marked && unreadable.published;
            if !sent && now_s.saturating_sub(*since_s) >= *patience_s {
                dead_letters::judge_sent(*place, unreadable, findings);
            }
            !sent
        });
    }

    /// What is open holds its lane back. An old order of which something new is
    /// asked holds it where it is: what was proved stays proved.
    fn set_watermarks(&mut self) {
        let lanes = self.lanes.iter().map(|(id, lane)| (*id, lane.judged));
        let mut proved: BTreeMap<_, _> = lanes.collect();
        let waited = self.open.iter().filter(|number| !self.carried[**number as usize].reported);
        let orders = waited.map(|number| self.ledger.orders.get(*number).place());
        for place in orders.chain(self.unsent.keys().copied()) {
            if let Some(offset) = proved.get_mut(&(place.topic, place.partition)) {
                *offset = place.offset.min(*offset);
            }
        }
        for (id, lane) in &mut self.lanes {
            lane.watermark = lane.watermark.max(proved[id]);
        }
    }

    /// Forgets what is proved and not of late, when that is the larger part. A request
    /// that was not judged yet keeps its order, and a copy what the log was not read up to.
    pub fn compact(&mut self, now_us: i64) {
        self.forget_unreadable();
        let (orders, requests) = (self.ledger.orders.items().len(), self.ledger.requests.items());
        let held = orders + requests.len() + self.ledger.repeats.len();
        if held <= 2 * (self.open.len() + self.kept) {
            return;
        }
        let (carried, unjudged, kept) = (&self.carried, self.unjudged, self.kept);
        let asked = requests[unjudged..].iter().filter_map(Request::target);
        let asked = asked.filter_map(|id| self.ledger.orders.find(id));
        let unread = |n: &u32| !self.is_folded(self.ledger.orders.get(*n).place());
        let wanted: HashSet<_> = asked.chain((0..).take(orders).filter(unread)).collect();
        let late = |n: u32| n as usize + kept >= orders;
        let keep = |n: u32| carried[n as usize].open || late(n) || wanted.contains(&n);
        let (kept, requests) = self.ledger.compact(keep, |number| number as usize >= unjudged);
        self.carried = kept.iter().map(|number| self.carried[*number as usize]).collect();
        let numbers = (0..).zip(&self.carried).filter(|(_, carried)| carried.open);
        self.open = numbers.map(|(number, _)| number).collect();
        self.unjudged = requests.iter().filter(|number| (**number as usize) < unjudged).count();
        self.new = (self.carried.len(), requests.len());
        for numbers in [&mut self.repeated, &mut self.ahead] {
            let renumbered = (0..).zip(&requests).filter(|(_, former)| numbers.contains(former));
            *numbers = renumbered.map(|(number, _)| number).collect();
        }
        for (by_time, _) in self.arrivals.values_mut() {
            forget_times(by_time, now_us - ARRIVALS_KEPT_US);
        }
    }

    fn forget_unreadable(&mut self) {
        if self.ledger.forget_unreadable() || self.alerts.len() > ALERTS_KEPT {
            self.alerts = events::Alerts::default();
            self.forgetful = true;
        }
    }
}

/// Makes one arrival of all before that time.
fn forget_times(by_time: &mut Vec<(i64, i128)>, before_us: i64) {
    let (old, new): (Vec<_>, Vec<_>) = by_time.iter().partition(|(at_us, _)| *at_us < before_us);
    let last = old.iter().map(|(at_us, _)| *at_us).max();
    let sum = old.iter().map(|(_, pieces)| pieces).sum();
    *by_time = last.into_iter().map(|at_us| (at_us, sum)).chain(new).collect();
}
