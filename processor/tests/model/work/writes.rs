//! The statements that write: decide, tables, outbox, stock last.

use std::collections::HashMap;

use contract::{OrderId, OrderStatus, Sku};
use processor::decide::{Effects, Shelf, decide};
use processor::store::{Applied, view};

use super::{Failed, NOW, Work};
use crate::ledger::{Ledger, Lock};
use crate::mutation::Mutation;
use crate::tables::{OrderRow, Write};

impl Work<'_> {
    pub(super) fn write(&mut self, ledger: &mut Ledger) -> Result<bool, Failed> {
        let books = self.books.clone();
        let mut effects =
            decide(&self.new, &self.outcomes, books, NOW).map_err(|_| Failed::NotSure)?;
        effects.refusals.append(&mut self.conflicts.clone());
        if ledger.mutation == Mutation::StockReleasedTwice {
            release_twice(&mut effects);
        }
        let rows = effects.changes.iter().map(|change| Lock::Order(change.order_id)).collect();
        if !ledger.lock(self.transaction, rows) {
            return Ok(false);
        }
        if ledger.mutation != Mutation::StepsUnverified {
            self.check_steps(ledger, &effects)?;
        }
        for write in self.writes(&effects) {
            ledger.write(self.transaction, write);
        }
        let mut outbox = Vec::new();
        for (lane, events) in std::mem::take(&mut effects.events) {
            let id = ledger.next_outbox_id();
            let write = Write::Outbox(id, lane, events.clone());
            if ledger.mutation == Mutation::OutboxAfterCommit {
                self.late.push(write);
            } else {
                ledger.write(self.transaction, write);
            }
            outbox.push((lane, id, events));
        }
        self.applied = Some(Applied { effects, outbox, duplicates: 0 });
        Ok(true)
    }

    /// Steps match rows only where they start from.
    fn check_steps(&self, ledger: &Ledger, effects: &Effects<'_>) -> Result<(), Failed> {
        let mut now: HashMap<OrderId, OrderStatus> = HashMap::new();
        for taken in &effects.taken {
            now.insert(taken.order_id, taken.state.status);
        }
        for change in &effects.changes {
            let row = ledger.tables.orders.get(&change.order_id).map(|row| row.state.status);
            let status = now.insert(change.order_id, change.to).or(row);
            if status != Some(change.from) {
                return Err(Failed::NotSure);
            }
        }
        Ok(())
    }

    fn writes(&self, effects: &Effects<'_>) -> Vec<Write> {
        let mut writes = Vec::new();
        for taken in &effects.taken {
            let (state, reason) = (taken.state.clone(), taken.reason.clone());
            writes.push(Write::Order(taken.order_id, OrderRow { state, reason, shipment: None }));
        }
        for change in &effects.changes {
            let (reason, shipment) = (change.reason.clone(), change.shipment.clone());
            writes.push(Write::Step(change.order_id, change.from, change.to, reason, shipment));
        }
        for (order_id, payment) in &effects.payments {
            writes.push(Write::Payment(*order_id, payment.clone()));
        }
        if let Some(shard) = Ledger::shard(&self.advances) {
            for (metric, dimension, delta) in effects.rollup.rows() {
                writes.push(Write::Metric(metric.name(), dimension.to_string(), shard, delta));
            }
        }
        for refusal in &effects.refusals {
            let place = (refusal.lane, refusal.offset);
            writes.push(Write::Refused(place, refusal.event_id, refusal.reason));
        }
        writes.extend(self.dead().map(|entry| Write::Dead((entry.lane, entry.offset))));
        for retired in self.retired.values() {
            writes.extend(retired.dead.iter().map(|place| Write::Published(*place)));
            writes.extend(retired.outbox.iter().map(|id| Write::Retired(*id)));
        }
        writes
    }

    pub(super) fn shelve(&mut self, ledger: &mut Ledger) -> Result<bool, Failed> {
        let Some(applied) = &self.applied else { return Ok(true) };
        let movements = &applied.effects.stock;
        let rows = movements.keys().map(|sku| Lock::Shelf(sku.clone())).collect();
        if !ledger.lock(self.transaction, rows) {
            return Ok(false);
        }
        let stocked = view::new_shelves(&self.new, &self.books.stock);
        let mut writes: Vec<_> =
            stocked.iter().filter_map(|sku| Sku::parse(sku)).map(Write::Shelf).collect();
        self.shelved.clear();
        for (sku, delta) in movements {
            let created = stocked.contains(&sku.as_str()).then(Default::default);
            let shelf = ledger.tables.stock.get(sku).copied().or(created);
            let shelf = shelf.ok_or(Failed::NotSure)?;
            let available = shelf.available + delta.available;
            if available < 0 && ledger.mutation != Mutation::StockUnverified {
                return Err(Failed::NotSure);
            }
            self.shelved.push((sku.clone(), Shelf { available }));
            writes.push(Write::Stock(sku.clone(), *delta));
        }
        writes.into_iter().for_each(|write| ledger.write(self.transaction, write));
        Ok(true)
    }
}

fn release_twice(effects: &mut Effects<'_>) {
    if effects.changes.iter().any(|change| change.to == OrderStatus::Cancelled) {
        for delta in effects.stock.values_mut().filter(|delta| delta.available > 0) {
            delta.available *= 2;
        }
    }
}
