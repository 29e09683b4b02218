//! What a record says, read by rules of the audit's own: written from the
//! description of the formats, not from the code that the gateway and the
//! processor share. Where both were wrong in the same way nobody would notice.

mod defects;
mod id;
pub mod json;
pub mod money;
pub mod order;
pub mod record;
mod request;

pub use defects::{Defect, Defects};
pub use id::{id_of, is_id};
pub use record::{Headers, Meaning, OwnedRecord, Record, read};
