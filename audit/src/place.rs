//! Where a record lies, and fingerprints of what it says.

use std::hash::{BuildHasher, Hasher};

use contract::topic::Topics;
use foldhash::quality::FixedState;
use sha2::{Digest, Sha256};

/// One of the four topics.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Topic {
    /// Orders and what is asked of them.
    Orders,
    /// Restocks and corrections.
    Stock,
    /// What became of orders.
    Events,
    /// Records that nobody could read.
    DeadLetters,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 4] = [Self::Orders, Self::Stock, Self::Events, Self::DeadLetters];

    /// Its configured name.
    pub fn name(self, topics: &Topics) -> &str {
        match self {
            Self::Orders => &topics.orders,
            Self::Stock => &topics.stock,
            Self::Events => &topics.order_events,
            Self::DeadLetters => &topics.dlq,
        }
    }

    /// The input topic of that name.
    pub fn input(name: &str, topics: &Topics) -> Option<Self> {
        [Self::Orders, Self::Stock].into_iter().find(|topic| topic.name(topics) == name)
    }
}

/// Where a record lies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Place {
    /// In which topic.
    pub topic: Topic,
    /// In which partition.
    pub partition: i32,
    /// At which offset.
    pub offset: i64,
}

/// First 16 bytes of SHA-256 over a record's value.
pub type BodyHash = [u8; 16];

/// Hashes a record's value as the receipts and `processed_events` do.
pub fn body_hash(value: &[u8]) -> BodyHash {
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(value)[..16]);
    hash
}

/// A fingerprint of several texts and numbers: equal when all parts are. It
/// stands for the parts where millions of them would not fit in memory.
#[derive(Clone)]
pub struct Fingerprint(<FixedState as BuildHasher>::Hasher);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(FixedState::with_seed(0x6175_6469).build_hasher())
    }
}

impl Fingerprint {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more part; its length is part of it.
    pub fn bytes(mut self, part: &[u8]) -> Self {
        self.0.write_u64(part.len() as u64);
        self.0.write(part);
        self
    }

    /// With a part that may be absent.
    pub fn optional(self, part: Option<&[u8]>) -> Self {
        match part {
            Some(part) => self.number(1).bytes(part),
            None => self.number(0),
        }
    }

    /// With a number.
    pub fn number(mut self, part: i64) -> Self {
        self.0.write_i64(part);
        self
    }

    /// The fingerprint.
    pub fn finish(self) -> u64 {
        self.0.finish()
    }
}

/// The fingerprint of one text.
pub fn of_text(text: &str) -> u64 {
    Fingerprint::new().bytes(text.as_bytes()).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_flow_into_each_other() {
        let of = |a: &[u8], b: &[u8]| Fingerprint::new().bytes(a).bytes(b).finish();
        assert_ne!(of(b"ab", b"c"), of(b"a", b"bc"));
        let absent = Fingerprint::new().optional(None).finish();
        assert_ne!(absent, Fingerprint::new().optional(Some(b"")).finish());
        assert_eq!(of_text("a"), of_text("a"));
    }
}
