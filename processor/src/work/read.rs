//! Records to what they say: decodes a batch and sets aside what cannot be read.

use contract::inbound::{decode_order_record, decode_stock_record};
use contract::order::Scratch;
use sha2::{Digest, Sha256};

use crate::decide::Decided;
use crate::lane::{Record, Source};
use crate::store::{BodyHash, DeadLetter};

/// A decoded batch.
#[derive(Debug, Default)]
pub struct ReadBatch<'a> {
    /// What could be read, with the hash of its value.
    pub records: Vec<(Decided, BodyHash)>,
    /// What could not.
    pub dead: Vec<DeadLetter<'a>>,
}

/// Decodes records in their order.
pub fn read<'a>(records: impl Iterator<Item = &'a Record>, scratch: &mut Scratch) -> ReadBatch<'a> {
    let mut batch = ReadBatch::default();
    for record in records {
        let inbound = match record.lane.source {
            Source::Orders => decode_order_record(record.parts(), scratch),
            Source::Stock => decode_stock_record(record.parts()),
        };
        match inbound {
            Ok(inbound) => {
                let decided = Decided { lane: record.lane, offset: record.offset, inbound };
                batch.records.push((decided, body_hash(record.value().unwrap_or_default())));
            }
            Err(rejection) => batch.dead.push(DeadLetter {
                record,
                code: rejection.code(),
                message: shortened(rejection.to_string()),
            }),
        }
    }
    batch
}

fn body_hash(value: &[u8]) -> BodyHash {
    let digest = Sha256::digest(value);
    let mut hash = BodyHash::default();
    hash.copy_from_slice(&digest[..16]);
    hash
}

/// Messages travel in headers and table rows: at most 1 KiB.
pub(super) fn shortened(mut message: String) -> String {
    if message.len() > 1024 {
        let mut end = 1021;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message.push('…');
    }
    message
}
