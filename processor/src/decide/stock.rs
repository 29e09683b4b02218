//! Reservation arithmetic over a view of the shelves.

use std::collections::HashMap;

use contract::{RejectReason, Sku};
use foldhash::fast::FixedState;

/// How sure the view is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Certainty {
    /// As last seen; another worker may have changed it. An order that fits is
    /// verified by the final update; one that does not must be decided again on
    /// locked rows.
    #[default]
    LastSeen,
    /// The rows are locked by this transaction.
    Locked,
}

/// Available pieces of one product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shelf {
    /// Pieces that may be reserved.
    pub available: i64,
}

/// Available pieces by product. A product that was never stocked is absent.
#[derive(Clone, Default, Debug)]
pub struct StockView {
    shelves: HashMap<Sku, Shelf, FixedState>,
    certainty: Certainty,
}

/// Why an order cannot be reserved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shortage {
    /// The closed word.
    pub reason: RejectReason,
    /// The first product that is short.
    pub sku: Sku,
    /// How many were ordered.
    pub requested: i64,
    /// How many there are.
    pub available: i64,
}

impl StockView {
    /// A view of these shelves.
    pub fn new(shelves: HashMap<Sku, Shelf, FixedState>, certainty: Certainty) -> Self {
        Self { shelves, certainty }
    }

    /// How sure it is.
    pub fn certainty(&self) -> Certainty {
        self.certainty
    }

    /// Available pieces; `None` for a product never stocked.
    pub fn available(&self, sku: &Sku) -> Option<i64> {
        self.shelves.get(sku).map(|shelf| shelf.available)
    }

    /// Takes all pieces or none.
    pub fn reserve(&mut self, pieces: &[(Sku, i64)]) -> Result<(), Shortage> {
        if let Some(shortage) =
            pieces.iter().find_map(|(sku, quantity)| self.shortage(sku, *quantity))
        {
            return Err(shortage);
        }
        for (sku, quantity) in pieces {
            self.add(sku, -quantity);
        }
        Ok(())
    }

    /// Puts pieces back.
    pub fn release(&mut self, pieces: &[(Sku, i64)]) {
        for (sku, quantity) in pieces {
            self.add(sku, *quantity);
        }
    }

    /// Adds or removes pieces; `false` when fewer than none would be left.
    pub fn adjust(&mut self, sku: &Sku, quantity: i64) -> bool {
        let available = self.available(sku).unwrap_or(0);
        let allowed = available.checked_add(quantity).is_some_and(|left| left >= 0);
        if allowed {
            self.shelves.entry(sku.clone()).or_insert(Shelf { available: 0 }).available += quantity;
        }
        allowed
    }

    fn shortage(&self, sku: &Sku, requested: i64) -> Option<Shortage> {
        let (reason, available) = match self.available(sku) {
            Some(available) if available >= requested => return None,
            Some(available) => (RejectReason::InsufficientStock, available),
            None => (RejectReason::UnknownProduct, 0),
        };
        Some(Shortage { reason, sku: sku.clone(), requested, available })
    }

    fn add(&mut self, sku: &Sku, quantity: i64) {
        if let Some(shelf) = self.shelves.get_mut(sku) {
            shelf.available += quantity;
        }
    }
}
