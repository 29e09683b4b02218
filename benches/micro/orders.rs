//! A batch as a worker meets it: loadgen's orders, decoded, with goods for all.

use std::collections::HashMap;

use contract::event::EventType;
use contract::order::Scratch;
use contract::{OrderId, Sku, header};
use foldhash::fast::FixedState;
use loadgen::order_mix::Mix;
use loadgen::orders::Generator;
use processor::decide::{Books, Certainty, Decided, OrderState, Outcome, Shelf, StockView, decide};
use processor::lane::{LaneId, Record, RecordBuilder, Source};
use processor::work::read::read;

/// The time that events of a batch carry.
pub(crate) const NOW: &str = "2026-11-21T08:46:00.000Z";
/// Records of a full batch.
pub(crate) const BATCH: usize = 1000;
const LANE: LaneId = LaneId { source: Source::Orders, partition: 0 };
const PIECES: i64 = 1_000_000_000;

/// A batch of records.
pub(crate) fn records() -> Vec<Record> {
    let generator = Generator::new(1, Mix::default());
    (0..BATCH as u64).map(|n| record(n, &generator.order(n))).collect()
}

fn record(n: u64, body: &[u8]) -> Record {
    let id = OrderId::mint().to_string();
    let mut builder = RecordBuilder::new(LANE, n as i64, body.len() + 256);
    builder.content(Some(id.as_bytes()), Some(body));
    builder.header(header::SPEC_VERSION, Some(header::SPEC_VERSION_VALUE.as_bytes()));
    builder.header(header::ID, Some(id.as_bytes()));
    builder.header(header::TYPE, Some(EventType::OrderCreated.as_str().as_bytes()));
    builder.header(header::TIME, Some(NOW.as_bytes()));
    builder.build()
}

/// The same batch, decoded.
pub(crate) fn decided() -> Vec<Decided> {
    let records = records();
    let batch = read(records.iter(), &mut Scratch::default());
    batch.records.into_iter().map(|(record, _)| record).collect()
}

/// Goods for every product, and these orders.
pub(crate) fn books(orders: HashMap<OrderId, OrderState, FixedState>) -> Books {
    let skus = Generator::new(1, Mix::default()).skus();
    let shelves = skus.filter_map(|sku| Some((Sku::parse(&sku)?, Shelf { available: PIECES })));
    Books { orders, stock: StockView::new(shelves.collect(), Certainty::LastSeen) }
}

/// What an earlier batch left: its orders, and the provider's answers to them.
pub(crate) fn settled() -> (HashMap<OrderId, OrderState, FixedState>, Vec<Outcome>) {
    let batch = decided();
    let records: Vec<&Decided> = batch.iter().collect();
    let Ok(effects) = decide(&records, &[], books(HashMap::default()), NOW) else {
        return (HashMap::default(), Vec::new());
    };
    let states: HashMap<_, _, FixedState> =
        effects.taken.into_iter().map(|taken| (taken.order_id, taken.state)).collect();
    let outcomes = states.keys().map(|order_id| Outcome::Captured(*order_id)).collect();
    (states, outcomes)
}
