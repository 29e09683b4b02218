//! What a batch has to see before it is decided, and what its worker last saw
//! of the shelves. Pure.

use std::collections::{BTreeMap, HashMap};

use contract::Sku;
use contract::inbound::Body;
use foldhash::fast::FixedState;
use uuid::Uuid;

use crate::decide::{Certainty, Decided, Effects, OrdersById, Shelf, StockView};

/// What this worker last saw of the shelves.
#[derive(Debug, Default)]
pub struct LastSeen {
    shelves: HashMap<Sku, Shelf, FixedState>,
    /// `Locked` while orders are being refused for want of stock: deciding on
    /// what was last seen would only be work done twice.
    mood: Certainty,
}

impl LastSeen {
    /// How to try the next batch first.
    pub fn mood(&self) -> Certainty {
        self.mood
    }

    /// Draws the lesson of a batch that was decided on locked rows.
    pub fn set_mood(&mut self, effects: &Effects<'_>) {
        let short = effects.taken.iter().any(|taken| taken.reason.is_some());
        self.mood = if short { Certainty::Locked } else { Certainty::LastSeen };
    }

    /// The products among these of which nothing was seen.
    pub fn unseen<'a>(&self, skus: &BTreeMap<&'a str, &Sku>) -> Vec<&'a str> {
        let unseen = skus.iter().filter(|(_, sku)| !self.shelves.contains_key(**sku));
        unseen.map(|(name, _)| *name).collect()
    }

    /// Notes what shelves hold.
    pub fn learn(&mut self, shelves: impl Iterator<Item = (Sku, Shelf)>) {
        self.shelves.extend(shelves);
    }

    /// These products as last seen.
    pub fn view(&self, skus: &BTreeMap<&str, &Sku>) -> StockView {
        let shelf = |sku: &&Sku| self.shelves.get(*sku).map(|shelf| ((*sku).clone(), *shelf));
        StockView::new(skus.values().filter_map(shelf).collect(), Certainty::LastSeen)
    }
}

/// Orders whose state the records need: those that they cancel or ship.
pub fn orders_named(new: &[&Decided]) -> Vec<Uuid> {
    let named = new.iter().filter_map(|record| match &record.inbound.body {
        Body::CancelRequested(order_id, _) | Body::Shipped(order_id, _) => Some(order_id.0),
        Body::Created(..) | Body::StockAdjusted(..) => None,
    });
    named.collect()
}

/// Every product that the records name, in the order in which rows are locked.
pub fn skus<'a>(new: &[&'a Decided]) -> BTreeMap<&'a str, &'a Sku> {
    let mut skus = BTreeMap::new();
    for record in new {
        match &record.inbound.body {
            Body::Created(_, order) => {
                skus.extend(order.lines.iter().map(|line| (line.sku.as_str(), &line.sku)));
            }
            Body::StockAdjusted(sku, _) => {
                skus.insert(sku.as_str(), sku);
            }
            Body::CancelRequested(..) | Body::Shipped(..) => {}
        }
    }
    skus
}

/// Every product whose shelf may move, in the order in which rows are locked: those that
/// the records name, and the pieces of all orders that records and payments name.
pub fn movable<'a>(new: &[&'a Decided], orders: &'a OrdersById) -> BTreeMap<&'a str, &'a Sku> {
    let mut movable = skus(new);
    let pieces = orders.values().flat_map(|order| order.pieces.iter());
    movable.extend(pieces.map(|(sku, _)| (sku.as_str(), sku)));
    movable
}

/// Products that an adjustment may stock for the first time.
pub fn new_shelves<'a>(new: &[&'a Decided], stock: &StockView) -> Vec<&'a str> {
    let mut skus: Vec<&str> = new
        .iter()
        .filter_map(|record| match &record.inbound.body {
            Body::StockAdjusted(sku, adjustment) if adjustment.quantity > 0 => Some(sku),
            _ => None,
        })
        .filter(|sku| stock.available(sku).is_none())
        .map(Sku::as_str)
        .collect();
    skus.sort_unstable();
    skus.dedup();
    skus
}
