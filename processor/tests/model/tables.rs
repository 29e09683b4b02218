//! The tables as plain maps, and the writes of one transaction. Committing
//! checks what the schema's constraints, triggers and the audit would: a breach
//! is a finding, never something to work around.

use std::collections::BTreeMap;

use contract::{OrderId, OrderStatus, Sku};
use processor::decide::{EventOut, OrderState, PaymentRow, StockDelta};
use processor::lane::LaneId;
use processor::store::BodyHash;
use uuid::Uuid;

/// `partition_progress`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) epoch: i64,
    pub(crate) next: i64,
    pub(crate) resume: i64,
    pub(crate) seq: i64,
}

/// `stock`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shelf4 {
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) sold: i64,
    pub(crate) received: i64,
}

/// `orders`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OrderRow {
    pub(crate) state: OrderState,
    pub(crate) reason: Option<String>,
    pub(crate) shipment: Option<String>,
}

pub(crate) type Place = (LaneId, i64);

/// Everything that is committed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) progress: BTreeMap<LaneId, Progress>,
    pub(crate) processed: BTreeMap<Uuid, (Place, i64, BodyHash)>,
    pub(crate) orders: BTreeMap<OrderId, OrderRow>,
    pub(crate) stock: BTreeMap<Sku, Shelf4>,
    pub(crate) payments: BTreeMap<OrderId, PaymentRow>,
    pub(crate) outbox: BTreeMap<i64, (LaneId, Vec<EventOut>)>,
    pub(crate) refused: BTreeMap<Place, (Uuid, &'static str)>,
    /// Whether the copy is acknowledged.
    pub(crate) dead: BTreeMap<Place, bool>,
    pub(crate) metrics: BTreeMap<(&'static str, String, i32), i128>,
}

/// One change, in the order in which the transaction makes them.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Progress(LaneId, Progress),
    Processed(Uuid, Place, i64, BodyHash),
    Order(OrderId, OrderRow),
    Step(OrderId, OrderStatus, OrderStatus, Option<String>, Option<String>),
    Payment(OrderId, PaymentRow),
    Metric(&'static str, String, i32, i128),
    Refused(Place, Uuid, &'static str),
    Dead(Place),
    Published(Place),
    Retired(i64),
    Outbox(i64, LaneId, Vec<EventOut>),
    Shelf(Sku),
    Stock(Sku, StockDelta),
}

impl Tables {
    /// Makes one change.
    pub(crate) fn write(&mut self, write: Write) -> Result<(), String> {
        match write {
            Write::Progress(lane, next) => self.advance(lane, next),
            Write::Processed(id, place, epoch, hash) => {
                fresh(self.processed.insert(id, (place, epoch, hash)).is_none(), "event id", &id)
            }
            Write::Order(id, row) => fresh(self.orders.insert(id, row).is_none(), "order id", &id),
            Write::Step(id, from, to, reason, shipment) => {
                let row = self
                    .orders
                    .get_mut(&id)
                    .ok_or_else(|| format!("{id} is stepped, not there"))?;
                if row.state.status != from || !from.may_become(to) {
                    return Err(format!(
                        "{id} goes from {} by way of {from} to {to}",
                        row.state.status
                    ));
                }
                row.state.status = to;
                row.reason = reason.or(row.reason.take());
                row.shipment = shipment.or(row.shipment.take());
                Ok(())
            }
            Write::Payment(id, payment) if matches!(payment.status, "CAPTURED" | "DECLINED") => {
                fresh(self.payments.insert(id, payment).is_none(), "payment", &id)
            }
            Write::Payment(id, payment) => {
                self.payments
                    .entry(id)
                    .and_modify(|row| row.status = payment.status)
                    .or_insert(payment);
                Ok(())
            }
            Write::Metric(name, dimension, shard, delta) => {
                *self.metrics.entry((name, dimension, shard)).or_default() += delta;
                Ok(())
            }
            Write::Refused(place, id, reason) => {
                fresh(self.refused.insert(place, (id, reason)).is_none(), "refusal", &place)
            }
            Write::Dead(place) => fresh(self.dead.insert(place, false).is_none(), "letter", &place),
            Write::Published(place) => {
                self.dead.entry(place).and_modify(|published| *published = true);
                Ok(())
            }
            Write::Retired(id) => {
                self.outbox.remove(&id);
                Ok(())
            }
            Write::Outbox(id, lane, events) => {
                fresh(self.outbox.insert(id, (lane, events)).is_none(), "outbox id", &id)
            }
            Write::Shelf(sku) => {
                self.stock.entry(sku).or_default();
                Ok(())
            }
            Write::Stock(sku, delta) => self.move_stock(&sku, delta),
        }
    }

    fn advance(&mut self, lane: LaneId, next: Progress) -> Result<(), String> {
        let before = self.progress.insert(lane, next).unwrap_or_default();
        if next.epoch < before.epoch {
            return Err(format!("{lane}: epoch {} commits after {}", next.epoch, before.epoch));
        }
        if next.next < before.next || next.seq != before.seq + 1 {
            return Err(format!("{lane}: progress goes from {before:?} to {next:?}"));
        }
        if next.resume > next.next {
            return Err(format!("{lane}: resumes beyond its progress: {next:?}"));
        }
        Ok(())
    }

    fn move_stock(&mut self, sku: &Sku, delta: StockDelta) -> Result<(), String> {
        let shelf = self.stock.get_mut(sku).ok_or_else(|| format!("{sku} has no shelf"))?;
        shelf.available += delta.available;
        shelf.reserved += delta.reserved;
        shelf.sold += delta.sold;
        shelf.received += delta.received;
        let balanced = shelf.available + shelf.reserved + shelf.sold == shelf.received;
        if shelf.available < 0 || shelf.reserved < 0 || shelf.sold < 0 || !balanced {
            return Err(format!("{sku} does not add up: {shelf:?}"));
        }
        Ok(())
    }
}

fn fresh(fresh: bool, what: &str, which: &impl std::fmt::Debug) -> Result<(), String> {
    if fresh { Ok(()) } else { Err(format!("{what} {which:?} is written twice")) }
}
