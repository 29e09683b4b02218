//! What goes into one transaction.

use std::collections::BTreeMap;

use crate::decide::{Decided, OrdersById, Outcome};
use crate::lane::{Claim, LaneId, Record, Witness};

/// A batch: records read from the log, outcomes of payments, and outbox rows
/// that the broker has acknowledged. Any of them may be empty.
pub struct Batch<'a> {
    /// Lanes that the batch touches, with how far each advances.
    pub advances: &'a BTreeMap<LaneId, Advance>,
    /// Records that were read, in offset order per lane.
    pub records: &'a [(Decided, BodyHash)],
    /// Records that were not.
    pub dead: &'a [DeadLetter<'a>],
    /// What the payment provider said since the last commit.
    pub outcomes: &'a [Outcome],
    /// States of the orders that the outcomes settle.
    pub unsettled: &'a OrdersById,
    /// What the broker acknowledged.
    pub retired: &'a Retired,
}

/// First 16 bytes of SHA-256 over a record's value.
pub type BodyHash = [u8; 16];

/// How far a lane advances in one transaction.
#[derive(Clone, Debug)]
pub struct Advance {
    /// Under which claim.
    pub claim: Claim,
    /// The first offset of the batch; where the lane stands when it has none.
    pub first: i64,
    /// One past the last offset of the batch.
    pub next: i64,
    /// The new resume offset.
    pub resume: i64,
    /// Its newest record that could be read, of a log that is known.
    pub newest: Option<Witness>,
}

/// A record nobody can read, or that PostgreSQL refuses.
#[derive(Debug)]
pub struct DeadLetter<'a> {
    /// The record.
    pub record: &'a Record,
    /// Why, as a closed word.
    pub code: &'static str,
    /// Why, in words.
    pub message: String,
}

/// Outbox rows and dead letters that the broker has acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Retired {
    /// Ids of outbox rows.
    pub outbox: Vec<i64>,
    /// Places of dead letters.
    pub dead: Vec<(LaneId, i64)>,
}
