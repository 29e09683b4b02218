//! Identifiers. An order id is a UUID minted by the gateway; customer ids and
//! SKUs come from clients and obey one ASCII grammar, so that no two spellings
//! of one product (case folds, look-alikes, trailing space) meet in a table.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The most characters a customer id or SKU may have.
pub const ID_CHARS_MAX: usize = 64;

/// Whether `text` is 1..=64 characters of `A-Z a-z 0-9 . _ : -`.
pub(crate) fn follows_grammar(text: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}

macro_rules! client_id {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
        pub struct $name(CompactString);

        impl $name {
            /// Accepts text that follows the grammar of ids.
            pub fn parse(text: &str) -> Option<Self> {
                follows_grammar(text).then(|| Self(CompactString::new(text)))
            }

            pub(crate) fn from_compact(text: CompactString) -> Option<Self> {
                follows_grammar(&text).then_some(Self(text))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

client_id!(CustomerId, "Who ordered.");
client_id!(Sku, "What is sold: `productId` in JSON, `sku` in SQL.");

/// Identity of an order: Kafka key, dedupe identity and payment key in one.
/// UUIDv7 (RFC 9562), or UUIDv8 when the client sent an `Idempotency-Key`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub Uuid);

impl OrderId {
    /// A fresh, time-ordered id.
    pub fn mint() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id that every gateway gives to this customer's use of this key, so a
    /// retry through any instance is the same order.
    pub fn for_idempotency_key(customer: &CustomerId, key: &str) -> Self {
        Self(event_id_for_key("order", customer.as_str(), key))
    }

    /// Reads the canonical hyphenated form only: one spelling, one Kafka key.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok()?;
        let canonical = text.len() == 36 && !text.bytes().any(|b| b.is_ascii_uppercase());
        canonical.then_some(Self(id))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// UUIDv8 from SHA-256 over kind, scope and key; each part is preceded by its
/// length, so no two different triples hash the same bytes.
pub fn event_id_for_key(kind: &str, scope: &str, key: &str) -> Uuid {
    let mut hash = Sha256::new();
    for part in [kind, scope, key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::new_v8(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_admits_what_it_states_and_nothing_else() {
        for good in ["a", "sku-1", "A.b_c:d-9", &"x".repeat(64)] {
            assert!(Sku::parse(good).is_some(), "{good}");
        }
        for bad in ["", "a b", "a\0", "é", "а", "a\u{200b}", "a/b", "a\n", &"x".repeat(65)] {
            assert!(Sku::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_gives_one_order_per_customer() {
        let (ann, bob) = (CustomerId::parse("ann").unwrap(), CustomerId::parse("bob").unwrap());
        let first = OrderId::for_idempotency_key(&ann, "k1");
        assert_eq!(first, OrderId::for_idempotency_key(&ann, "k1"));
        assert_ne!(first, OrderId::for_idempotency_key(&bob, "k1"));
        assert_ne!(first, OrderId::for_idempotency_key(&ann, "k2"));
        assert_eq!(first.0.get_version_num(), 8);
        assert_ne!(event_id_for_key("a", "bc", "d"), event_id_for_key("a", "b", "cd"));
    }

    #[test]
    fn only_the_canonical_spelling_of_an_order_id_is_read() {
        let id = OrderId::mint();
        assert_eq!(OrderId::parse(&id.to_string()), Some(id));
        assert_eq!(OrderId::parse(&id.to_string().to_uppercase()), None);
        assert_eq!(OrderId::parse(&id.0.simple().to_string()), None);
        assert_eq!(OrderId::parse(&format!("{{{id}}}")), None);
    }
}
