//! What is asked for other than an order: what its first record said, and what became
//! of it.

use uuid::Uuid;

use super::by_id::Identified;
use crate::place::{BodyHash, Place};

/// Something that is asked for, other than an order.
#[derive(Clone, Debug)]
pub struct Request {
    /// The event.
    pub id: Uuid,
    /// Where it lies.
    pub place: Place,
    /// Of its value.
    pub body: BodyHash,
    /// What is asked for.
    pub ask: Ask,
    /// When it was written, by the log's clock.
    pub logged_s: u32,
    /// Whether it is in `processed_events`, and since when (µs since 1970).
    pub processed_us: Option<i64>,
    /// The reason for which it was refused.
    pub refused: Option<Refusal>,
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// To cancel this order; with the fingerprint of the reason.
    Cancel(Uuid, u64),
    /// To ship this order; with the fingerprint of how.
    Ship(Uuid, u64),
    /// To add or remove pieces of this product.
    Adjust(u32, i64),
}

/// Why a readable event had no effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// `unknown_order`
    UnknownOrder,
    /// `illegal_step`
    IllegalStep,
    /// `below_zero`
    BelowZero,
}

impl Request {
    /// The order that is to be cancelled or shipped.
    pub fn target(&self) -> Option<Uuid> {
        match self.ask {
            Ask::Cancel(order, _) | Ask::Ship(order, _) => Some(order),
            Ask::Adjust(..) => None,
        }
    }
}

impl Identified for Request {
    fn id(&self) -> Uuid {
        self.id
    }
}
