//! The rows of one step, judged by the same code as in an audit at rest, and
//! counted into the sums. Pure.

use contract::OrderStatus;
use uuid::Uuid;

use super::books::Books;
use crate::fold::causes::Rejection;
use crate::fold::ledger::Repeat;
use crate::fold::told::Told;
use crate::fold::{orders, payments, processed, refused};
use crate::place::BodyHash;
use crate::read::window::Found;

impl Books {
    /// Before the rows: forgets what is asked again.
    pub fn begin(&mut self) {
        for (carried, number) in self.carried.iter_mut().zip(0..) {
            if !carried.again {
                continue;
            }
            let order = self.ledger.orders.get_mut(number);
            (order.status, order.reason, order.payment) = (None, None, None);
        }
    }

    /// A row found by the place of its record.
    pub fn row(&mut self, found: &Found<'_>) {
        let Self { ledger, causes, findings, epochs, .. } = self;
        if let Some(row) = &found.order {
            let known = ledger.orders.find(row.order_id).map(|number| ledger.orders.get(number));
            let judged = known.filter(|order| order.status.is_some());
            // One whose copy was read first was judged before its own record was.
            if judged.is_some_and(|order| order.place() == row.source) {
                return;
            }
            let doubled = judged.is_some();
            orders::judge(ledger, causes, row, findings);
            if doubled {
                return;
            }
        }
        if ledger.orders.find(found.id).is_none() && ledger.requests.find(found.id).is_none() {
            return;
        }
        if let Some(row) = &found.payment {
            payments::judge(ledger, row, findings);
        }
        if let Some(row) = &found.processed {
            epochs.note(row.place, row.epoch);
            processed::judge(ledger, causes, row, findings);
        }
    }

    /// A payment or processed event from a span of ids, in which those of other
    /// orders lie too.
    pub fn row_of_span(&mut self, found: &Found<'_>) {
        let number = self.ledger.orders.find(found.id).filter(|n| *n as usize >= self.new.0);
        let Some(number) = number else { return };
        let order = self.ledger.orders.get(number);
        let known = match found.payment {
            Some(_) => order.payment.is_some(),
            None => order.processed,
        };
        // One whose row was not found by its place is asked for by its id, with all it has.
        if order.status.is_some() && !known {
            self.row(found);
        }
    }

    /// A row of `refused_events`.
    pub fn refused(&mut self, row: &refused::Row<'_>) {
        refused::judge(&mut self.ledger, row, &mut self.findings);
    }

    /// What was found by an id.
    pub fn row_by_id(&mut self, found: &Found<'_>) {
        if let Some(number) = self.ledger.orders.find(found.id) {
            self.recall_repeated(number, found);
        } else if let Some(number) = self.ledger.requests.find(found.id) {
            self.pass_repeated(number, found);
        } else if let Some(row) = &found.order {
            // What the log was not read up to yet is judged with its record.
            if !self.is_past(row.source) {
                return;
            }
            self.recall_target(row, found.processed.as_ref().map(|processed| processed.body));
        }
        self.row(found);
    }

    /// A record may repeat an order that was proved and forgotten: then the
    /// tables have the place and body of the first record, judged long ago. After the
    /// retention they have its place alone.
    fn recall_repeated(&mut self, number: u32, found: &Found<'_>) {
        let Some(row) = &found.order else { return };
        let order = self.ledger.orders.get(number);
        let (place, body, logged_s) = (order.place(), order.body, order.logged_s);
        let past = self.is_past(row.source);
        let first_body = match &found.processed {
            Some(processed) if processed.place == row.source => processed.body,
            None if past => body,
            _ => return,
        };
        if place == row.source || self.ledger.has_rival(found.id, row.source) {
            return;
        }
        let Some(first) = orders::recall(&mut self.ledger, row, first_body) else { return };
        self.ledger.orders.replace(number, first);
        let repeat = Repeat { id: found.id, body, logged_s, flagged: false };
        self.ledger.repeats.insert(place, repeat);
        if past {
            let carried = &mut self.carried[number as usize];
            carried.recalled = true;
            carried.counted = OrderStatus::parse(row.status).map(|status| (status, None));
        }
    }

    /// The same for a request. What came of one that was judged long ago is known no
    /// more; one that the log was not read up to yet is judged when it is.
    fn pass_repeated(&mut self, number: u32, found: &Found<'_>) {
        let Some(processed) = &found.processed else { return };
        let request = self.ledger.requests.get_mut(number);
        if request.place == processed.place {
            return;
        }
        if self.ledger.has_rival(found.id, processed.place) {
            return;
        }
        let request = self.ledger.requests.get_mut(number);
        let (place, body, logged_s) = (request.place, request.body, request.logged_s);
        (request.place, request.body) = (processed.place, processed.body);
        let target = request.target().and_then(|id| self.ledger.orders.find(id));
        self.repeated.push(number);
        if !self.is_past(processed.place) {
            self.ahead.push(number);
        } else if let Some(order) = target {
            self.carried[order as usize].partial = true;
        }
        let repeat = Repeat { id: found.id, body, logged_s, flagged: false };
        self.ledger.repeats.insert(place, repeat);
    }

    /// An order that was forgotten, and that something is asked of now. Its trace in
    /// `processed_events`, and with it its body, may be gone: orders stay longer.
    fn recall_target(&mut self, row: &orders::Row<'_>, body: Option<BodyHash>) {
        let body = body.unwrap_or_default();
        let Some(order) = orders::recall(&mut self.ledger, row, body) else { return };
        let number = self.ledger.orders.add(order);
        self.carry();
        let carried = &mut self.carried[number as usize];
        carried.recalled = true;
        carried.again = true;
        // Its status before is found out when the refusals are known.
        carried.counted = OrderStatus::parse(row.status).map(|status| (status, None));
    }

    /// After all rows: counts what changed, and notes what is missing.
    pub fn account(&mut self) {
        for number in 0..self.carried.len() {
            let again = std::mem::take(&mut self.carried[number].again);
            if again || number >= self.new.0 {
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                self.account_order(number);
            }
        }
        self.account_reached();
        for number in self.new.1..self.ledger.requests.items().len() {
            self.account_request(number);
        }
        self.rejections.extend(self.causes.take());
        self.new = (self.ledger.orders.items().len(), self.ledger.requests.items().len());
        for lane in self.lanes.values_mut() {
            lane.judged = lane.folded;
        }
    }

    fn account_order(&mut self, number: u32) {
        let before = self.counted_before(number);
        if let Some((status, _)) = before.filter(|_| number as usize >= self.new.0) {
            self.ledger.orders.get_mut(number).told = Told::all_of(status);
        }
        let order = self.ledger.orders.get(number);
        let now = order.status.map(|status| (status, order.reason));
        if before != now {
            if let Some((status, reason)) = before {
                self.totals.count(order, status, reason, -1);
                self.totals.hold(&self.ledger, order, status, -1);
            }
            match now {
                Some((status, reason)) if before.is_none() => {
                    self.totals.count(order, status, reason, 1);
                    self.totals.take(&self.ledger, order, status);
                }
                Some((status, reason)) => {
                    self.totals.count(order, status, reason, 1);
                    self.totals.hold(&self.ledger, order, status, 1);
                }
                None => {}
            }
        }
        let carried = &mut self.carried[number as usize];
        carried.counted = now;
        if !std::mem::replace(&mut carried.open, true) {
            self.open.push(number);
        }
    }

    /// With what an order is in the sums, before its rows of this step.
    fn counted_before(&self, number: u32) -> Option<(OrderStatus, Option<u8>)> {
        let (order, carried) = (self.ledger.orders.get(number), self.carried[number as usize]);
        match carried.counted {
            Some(_) if carried.recalled && self.took_effect(order.id) => {
                Some((OrderStatus::Paid, None))
            }
            Some(_) if carried.recalled => order.status.map(|status| (status, order.reason)),
            before => before,
        }
    }

    /// Whether a request of this step cancelled or shipped the order: until then
    /// it was paid, for what is recalled had been proved.
    fn took_effect(&self, order: Uuid) -> bool {
        let mut new = (0..).zip(self.ledger.requests.items()).skip(self.new.1);
        new.any(|(number, request)| {
            request.target() == Some(order)
                && request.refused.is_none()
                && !self.is_base(request.place)
                && !self.repeated.contains(&number)
        })
    }

    /// Requests whose copies were read before they were.
    fn account_reached(&mut self) {
        let ahead = std::mem::take(&mut self.ahead);
        let reached = |number: &u32| self.is_folded(self.ledger.requests.get(*number).place);
        let (reached, ahead): (Vec<_>, Vec<_>) = ahead.into_iter().partition(reached);
        self.ahead = ahead;
        self.repeated.retain(|number| !reached.contains(number));
        let new = self.new.1;
        for number in reached.into_iter().map(|number| number as usize).filter(|n| *n < new) {
            self.account_request(number);
        }
    }

    fn account_request(&mut self, number: usize) {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let request = self.ledger.requests.get(number);
        let forgettable = self.ledger.may_be_forgotten(request.logged_s);
        if request.processed_us.is_none() && !forgettable {
            processed::add_missing(request.id, request.place, &mut self.findings);
        }
        if self.repeated.contains(&number) {
            return;
        }
        self.totals.adjust(request, forgettable);
        self.rejections.extend(Rejection::of_correction(request));
        self.note_arrival(number);
    }
}
