//! The reference: one thing at a time, in the order in which the database
//! committed. It shares no code with the processor but ids and the log.

use std::collections::BTreeMap;

use contract::inbound::Body;
use contract::{OrderId, Sku};
use processor::decide::Outcome;
use processor::lane::LaneId;
use processor::store::BodyHash;
use uuid::Uuid;

use super::ledger::{Deed, Ledger};
use super::log::Log;
use super::mutation::Mutation;
use super::tables::Place;

/// An order as plain words.
#[derive(Debug)]
pub(crate) struct PlainOrder {
    pub(crate) status: &'static str,
    pub(crate) payment: Option<&'static str>,
    pub(crate) pieces: Vec<(Sku, i64)>,
    pub(crate) total: i64,
    /// By which commit.
    taken: usize,
    /// Every step it took, as event names.
    pub(crate) steps: Vec<&'static str>,
}

/// A step of an order.
struct PlainStep {
    from: &'static [&'static str],
    to: &'static str,
    event: &'static str,
    payment: Option<&'static str>,
}

const PAY: PlainStep = PlainStep {
    from: &["RESERVED"],
    to: "PAID",
    event: "payment.completed",
    payment: Some("CAPTURED"),
};
const DECLINE: PlainStep = PlainStep {
    from: &["RESERVED"],
    to: "PAYMENT_FAILED",
    event: "payment.failed",
    payment: Some("DECLINED"),
};
const CANCEL: PlainStep = PlainStep {
    from: &["RESERVED", "PAID"],
    to: "CANCELLED",
    event: "order.cancelled",
    payment: Some("REFUND_PENDING"),
};
const SHIP: PlainStep =
    PlainStep { from: &["PAID"], to: "SHIPPED", event: "order.shipped", payment: None };

/// Available and received pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlainShelf {
    pub(crate) available: i64,
    pub(crate) received: i64,
}

/// Plain books.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    pub(crate) orders: BTreeMap<OrderId, PlainOrder>,
    pub(crate) shelves: BTreeMap<Sku, PlainShelf>,
    pub(crate) refused: BTreeMap<Place, &'static str>,
    pub(crate) dead: Vec<Place>,
    next: BTreeMap<LaneId, i64>,
    seen: BTreeMap<Uuid, BodyHash>,
    /// Which commit made a shelf; and how many there were.
    made: BTreeMap<Sku, usize>,
    deeds: usize,
}

impl Plain {
    /// Books as they are before the first commit.
    pub(crate) fn new() -> Self {
        let mut plain = Self::default();
        for (sku, shelf) in Ledger::new(Mutation::None).tables.stock {
            let shelf = PlainShelf { available: shelf.available, received: shelf.received };
            plain.shelves.insert(sku, shelf);
        }
        plain
    }

    /// Follows a commit.
    pub(crate) fn follow(&mut self, log: &Log, deed: &Deed) -> Result<(), String> {
        self.read_on(deed)?;
        for outcome in &deed.outcomes {
            self.settle(outcome);
        }
        for place in &deed.records {
            self.record(log, *place, deed)?;
        }
        self.dead.extend(&deed.dead);
        self.deeds += 1;
        // An order may be taken from pieces that the same commit gives back:
        // what counts is that none is missing when it is done.
        match self.shelves.iter().find(|(_, shelf)| shelf.available < 0) {
            Some((sku, shelf)) => Err(format!("{sku}: {shelf:?}")),
            None => Ok(()),
        }
    }

    /// A commit takes every record from where the last one ended.
    fn read_on(&mut self, deed: &Deed) -> Result<(), String> {
        for (lane, advance) in &deed.advances {
            let next = self.next.entry(*lane).or_default();
            let places = deed.records.iter().chain(&deed.dead).filter(|(of, _)| of == lane);
            let mut offsets: Vec<i64> = places.map(|(_, offset)| *offset).collect();
            offsets.sort_unstable();
            if !offsets.into_iter().eq(*next..advance.next) {
                return Err(format!("{lane} goes from {next} to {}: {deed:?}", advance.next));
            }
            *next = advance.next;
        }
        Ok(())
    }

    fn settle(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Captured(id) => {
                self.step(*id, &PAY);
            }
            Outcome::Declined(id, _) => {
                if self.step(*id, &DECLINE) {
                    self.give_back(*id);
                }
            }
            Outcome::Refunded(refund) => {
                if let Some(order) = self.orders.get_mut(&refund.order_id) {
                    order.payment = Some("REFUNDED");
                }
            }
        }
    }

    fn record(&mut self, log: &Log, place: Place, deed: &Deed) -> Result<(), String> {
        let (decided, hash) = log.at(place.0, place.1).unwrap().says.as_ref().unwrap();
        let id = decided.inbound.event_id;
        match self.seen.get(&id) {
            Some(body) if body == hash => return Ok(()),
            Some(_) => {
                self.refused.insert(place, "body_mismatch");
                return Ok(());
            }
            None => self.seen.insert(id, *hash),
        };
        match &decided.inbound.body {
            Body::Created(id, order) => {
                let mut pieces: BTreeMap<Sku, i64> = BTreeMap::new();
                for line in &order.lines {
                    *pieces.entry(line.sku.clone()).or_default() += line.quantity;
                }
                let rejected = deed.taken.get(id).copied().ok_or("an order is not taken")?;
                let pieces = pieces.into_iter().collect::<Vec<_>>();
                let rejects = rejected.then_some(deed);
                self.take(*id, pieces, order.total.minor, rejects)
            }
            Body::CancelRequested(id, _) => {
                if self.obey(place, *id, &CANCEL, deed) {
                    self.give_back(*id);
                }
                Ok(())
            }
            Body::Shipped(id, _) => {
                self.obey(place, *id, &SHIP, deed);
                Ok(())
            }
            Body::StockAdjusted(sku, adjustment) => {
                self.adjust(place, sku, adjustment.quantity, deed)
            }
        }
    }

    fn take(
        &mut self,
        id: OrderId,
        pieces: Vec<(Sku, i64)>,
        total: i64,
        rejects: Option<&Deed>,
    ) -> Result<(), String> {
        let rejected = rejects.is_some();
        let available = |sku: &Sku| self.shelves.get(sku).map_or(-1, |shelf| shelf.available);
        let fits = pieces.iter().all(|(sku, quantity)| available(sku) >= *quantity);
        let unknown = |deed: &Deed| pieces.iter().any(|(sku, _)| self.was_unknown(sku, deed));
        if fits && rejects.is_some_and(|deed| !unknown(deed)) {
            return Err(format!("{id} is rejected although there is enough"));
        }
        let (status, step) = match rejected {
            true => ("REJECTED", "inventory.failed"),
            false => ("RESERVED", "inventory.reserved"),
        };
        if !rejected {
            for (sku, quantity) in &pieces {
                self.shelves.entry(sku.clone()).or_default().available -= quantity;
            }
        }
        let taken = self.deeds;
        let order = PlainOrder { status, payment: None, pieces, total, taken, steps: vec![step] };
        self.orders.insert(id, order);
        Ok(())
    }

    fn adjust(&mut self, place: Place, sku: &Sku, n: i64, deed: &Deed) -> Result<(), String> {
        let known = self.shelves.get(sku).copied().unwrap_or_default();
        let refused = deed.refused.contains_key(&place);
        if refused && known.available + n >= 0 && !self.was_unknown(sku, deed) {
            return Err(format!("{sku}: {n} is refused although there is enough"));
        }
        if refused {
            self.refused.insert(place, "below_zero");
            return Ok(());
        }
        self.made.entry(sku.clone()).or_insert(self.deeds);
        let shelf = self.shelves.entry(sku.clone()).or_default();
        shelf.available += n;
        shelf.received += n;
        Ok(())
    }

    /// Whether a transaction may have looked for a shelf before it was there: a
    /// row that is not there cannot be locked. Then it came before in truth.
    fn was_unknown(&self, sku: &Sku, deed: &Deed) -> bool {
        self.made.get(sku).is_some_and(|made| *made >= deed.begun)
    }

    fn obey(&mut self, place: Place, id: OrderId, step: &PlainStep, deed: &Deed) -> bool {
        // The same holds for an order that came while its request was decided.
        let meanwhile = |order: &PlainOrder| (deed.begun..self.deeds).contains(&order.taken);
        let unseen = deed.refused.get(&place) == Some(&"unknown_order");
        let known = self.orders.get(&id).is_some_and(|order| !(unseen && meanwhile(order)));
        let done = known && self.step(id, step);
        if !done {
            self.refused.insert(place, if known { "illegal_step" } else { "unknown_order" });
        }
        done
    }

    fn step(&mut self, id: OrderId, step: &PlainStep) -> bool {
        let order = self.orders.get_mut(&id);
        let Some(order) = order.filter(|order| step.from.contains(&order.status)) else {
            return false;
        };
        order.status = step.to;
        order.steps.push(step.event);
        order.payment = step.payment.or(order.payment);
        true
    }

    fn give_back(&mut self, id: OrderId) {
        for (sku, quantity) in &self.orders[&id].pieces {
            self.shelves.entry(sku.clone()).or_default().available += quantity;
        }
    }
}
