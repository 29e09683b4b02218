//! The orders of a leg in memory, as the poll loop hands them to the workers:
//! the same bodies and headers as on the topic.

use benches::goods::SEED;
use contract::OrderId;
use contract::event::EventType;
use contract::header;
use loadgen::order_mix::Mix;
use loadgen::orders::Generator;
use processor::lane::{LaneId, Record, RecordBuilder, Source};

use crate::leg::Extent;

/// Partitions of the orders topic that the stack makes.
pub(crate) const PARTITIONS: i32 = 4;
/// Bytes of one record, about.
const RECORD_BYTES: usize = 512;

/// Records by worker, in the order of their arrival.
pub(crate) fn records(extent: Extent) -> Vec<Vec<Record>> {
    let generator = Generator::new(SEED, Mix::default());
    let share = extent.orders as usize / extent.workers + 1;
    let mut by_worker: Vec<Vec<Record>> =
        (0..extent.workers).map(|_| Vec::with_capacity(share)).collect();
    let mut next_offsets = [0_i64; PARTITIONS as usize];
    for n in 0..extent.orders {
        let order_id = OrderId::mint();
        // Spread like hashed keys, not in turn.
        let partition =
            (order_id.0.as_u64_pair().1 % u64::from(PARTITIONS.unsigned_abs())) as usize;
        let lane = LaneId { source: Source::Orders, partition: partition as i32 };
        let record = record(lane, next_offsets[partition], order_id, &generator.order(n));
        next_offsets[partition] += 1;
        by_worker[partition % extent.workers].push(record);
    }
    by_worker
}

fn record(lane: LaneId, offset: i64, order_id: OrderId, body: &[u8]) -> Record {
    let (id, time) = (order_id.to_string(), format!("{:.3}", jiff::Timestamp::now()));
    let mut builder = RecordBuilder::new(lane, offset, RECORD_BYTES);
    builder.content(Some(id.as_bytes()), Some(body));
    for (name, value) in [
        (header::SPEC_VERSION, header::SPEC_VERSION_VALUE),
        (header::ID, &id),
        (header::SOURCE, "/ingest"),
        (header::TYPE, EventType::OrderCreated.as_str()),
        (header::TIME, &time),
        (header::SUBJECT, &id),
        (header::CONTENT_TYPE, header::JSON),
    ] {
        builder.header(name, Some(value.as_bytes()));
    }
    builder.build()
}
