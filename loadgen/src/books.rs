//! Where an acknowledged order is noted: in the receipts, and among the orders
//! whose settlement is awaited.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::answer::Place;
use crate::receipts::{self, Receipt, ReceiptSink};
use crate::settlements::Settlements;

/// Orders that a cancellation or shipment may still be sent for.
const RECENT_MAX: usize = 1024;

/// Settlements shared between load threads and the follower.
#[derive(Clone, Debug, Default)]
pub struct SharedSettlements(Arc<Mutex<Settlements>>);

impl SharedSettlements {
    /// The settlements; hold them briefly.
    pub fn lock(&self) -> MutexGuard<'_, Settlements> {
        // Each change is one insert or remove, whole even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of acknowledgements.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// The receipts file, when one is asked for.
    pub receipts: Option<ReceiptSink>,
    /// Orders being followed, when that is asked for.
    pub settlements: Option<SharedSettlements>,
}

impl Books {
    /// The hash for the receipt, when there will be one.
    pub fn hash(&self, body: &[u8]) -> Option<[u8; 16]> {
        self.receipts.as_ref().map(|_| receipts::body_hash(body))
    }

    /// Writes the receipt of what was acknowledged of an order.
    pub fn receipt(&self, order_id: Uuid, place: Place, body_hash: [u8; 16]) {
        if let Some(receipts) = &self.receipts {
            let Place { partition, offset } = place;
            receipts.write(Receipt { order_id, partition, offset, body_hash });
        }
    }

    /// Awaits the settlement of an acknowledged order.
    pub fn follow(&self, order_id: Uuid, intended_ns: u64) {
        if let Some(settlements) = &self.settlements {
            settlements.lock().acknowledged(order_id, intended_ns);
        }
    }
}

/// Orders acknowledged a moment ago, for cancellations and shipments.
#[derive(Debug, Default)]
pub struct Recent(VecDeque<Uuid>);

impl Recent {
    /// Adds one, forgetting the oldest when there are many.
    pub fn add(&mut self, order_id: Uuid) {
        if self.0.len() >= RECENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(order_id);
    }

    /// The newest: its payment is probably under way.
    pub fn newest(&mut self) -> Option<Uuid> {
        self.0.pop_back()
    }

    /// The oldest: it is probably paid.
    pub fn oldest(&mut self) -> Option<Uuid> {
        self.0.pop_front()
    }
}
