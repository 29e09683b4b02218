//! Records out of librdkafka, whose memory is not kept.

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers};
use service::quiet;

use crate::lane::{LaneId, Record, RecordBuilder};

/// Copies a record, with its headers that can be read.
pub(super) fn copy(message: &BorrowedMessage<'_>, lane: LaneId) -> Record {
    let (key, value) = (message.key(), message.payload());
    let size = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + 256;
    let mut builder = RecordBuilder::new(lane, message.offset(), size);
    builder.content(key, value);
    for header in message.headers().into_iter().flat_map(readable) {
        builder.header(header.key, header.value);
    }
    builder.build()
}

/// Header names that are not UTF-8 make the client library panic; such a header is left
/// out, and its record judged by the rest.
pub(super) fn readable<H: Headers>(headers: &H) -> impl Iterator<Item = Header<'_, &[u8]>> {
    (0..headers.count()).filter_map(|n| quiet::catch(|| headers.try_get(n)).flatten())
}
