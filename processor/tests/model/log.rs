//! The input of a schedule: two lanes of orders and one of stock, made of
//! repeated, misplaced, contradicting and unreadable records among good ones.

use std::collections::BTreeMap;

use contract::order::Scratch;
use contract::{OrderId, Sku};
use processor::decide::Decided;
use processor::lane::{LaneId, Record, RecordBuilder, Source};
use processor::store::BodyHash;
use processor::work::read::read;
use proptest::prelude::*;
use uuid::Uuid;

/// Partitions of `orders`.
pub(crate) const ORDER_LANES: u8 = 2;
/// Products; the last one has no shelf at the start.
pub(crate) const PRODUCTS: u8 = 3;
/// Pieces on each other shelf at the start.
pub(crate) const STOCKED: i64 = 6;

pub(crate) const STOCK: LaneId = LaneId { source: Source::Stock, partition: 0 };

/// Every lane.
pub(crate) fn lanes() -> Vec<LaneId> {
    (0..ORDER_LANES).map(orders).chain([STOCK]).collect()
}

pub(crate) fn orders(n: u8) -> LaneId {
    LaneId { source: Source::Orders, partition: i32::from(n % ORDER_LANES) }
}

pub(crate) fn order_id(n: u8) -> OrderId {
    OrderId(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + u128::from(n)))
}

pub(crate) fn sku(n: u8) -> Sku {
    Sku::parse(&format!("p-{}", n % PRODUCTS)).unwrap()
}

/// A record to come. Orders are numbered as they come; other items name them by
/// number, whether or not they exist.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Order(Vec<(u8, u8)>),
    Cancel(u8),
    Ship(u8),
    Adjust(u8, i8),
    /// An earlier item once more.
    Again(u8, Twist),
    Unreadable(u8),
}

/// What is different about a repeated record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twist {
    Nothing,
    /// It lies in the other partition.
    Lane,
    /// It has another body under the same id.
    Body,
}

pub(crate) fn items() -> impl Strategy<Value = Vec<Item>> {
    let lines = prop::collection::vec((0..PRODUCTS, 1..4_u8), 1..3);
    let twist = prop_oneof![Just(Twist::Nothing), Just(Twist::Lane), Just(Twist::Body)];
    let item = prop_oneof![
        8 => lines.prop_map(Item::Order),
        3 => (0..6_u8).prop_map(Item::Cancel),
        2 => (0..6_u8).prop_map(Item::Ship),
        2 => (0..PRODUCTS, -3..5_i8).prop_map(|(sku, n)| Item::Adjust(sku, if n == 0 { 4 } else { n })),
        2 => (any::<u8>(), twist).prop_map(|(of, twist)| Item::Again(of, twist)),
        1 => (0..ORDER_LANES).prop_map(Item::Unreadable),
    ];
    prop::collection::vec(item, 2..10)
}

/// A record as the processor meets it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) lane: LaneId,
    pub(crate) offset: i64,
    pub(crate) record: Record,
    pub(crate) says: Result<(Decided, BodyHash), (&'static str, String)>,
}

/// All records by lane; an offset is an index.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lanes: BTreeMap<LaneId, Vec<Entry>>,
}

impl Log {
    pub(crate) fn at(&self, lane: LaneId, offset: i64) -> Option<&Entry> {
        self.lanes.get(&lane)?.get(usize::try_from(offset).ok()?)
    }

    pub(crate) fn end(&self, lane: LaneId) -> i64 {
        self.lanes.get(&lane).map_or(0, |entries| entries.len() as i64)
    }

    pub(crate) fn new(items: &[Item]) -> Self {
        let mut log = Self::default();
        let (mut drafts, mut taken): (Vec<Draft>, u8) = (Vec::new(), 0);
        for (n, item) in items.iter().enumerate() {
            let draft = match item {
                Item::Again(of, twist) => {
                    match drafts.get(usize::from(*of) % drafts.len().max(1)) {
                        Some(earlier) => earlier.again(*twist),
                        None => continue,
                    }
                }
                Item::Order(lines) => {
                    taken += 1;
                    Draft::order(taken - 1, lines)
                }
                other => Draft::of(other, n),
            };
            log.append(&draft);
            drafts.push(draft);
        }
        log
    }

    fn append(&mut self, draft: &Draft) {
        let entries = self.lanes.entry(draft.lane).or_default();
        let offset = entries.len() as i64;
        let mut builder = RecordBuilder::new(draft.lane, offset, 256);
        builder.content(Some(draft.key.as_bytes()), Some(draft.value.as_bytes()));
        builder.header("ce_specversion", Some(b"1.0"));
        builder.header("ce_id", Some(draft.event_id.to_string().as_bytes()));
        builder.header("ce_type", Some(draft.kind.as_bytes()));
        builder.header("ce_time", Some(b"2026-11-21T08:00:00.000Z"));
        let record = builder.build();
        let mut batch = read(std::iter::once(&record), &mut Scratch::default());
        let says = match batch.records.pop() {
            Some(readable) => Ok(readable),
            None => batch.dead.pop().map(|letter| Err((letter.code, letter.message))).unwrap(),
        };
        entries.push(Entry { lane: draft.lane, offset, record, says });
    }
}

#[derive(Clone)]
struct Draft {
    lane: LaneId,
    key: String,
    event_id: Uuid,
    kind: &'static str,
    value: String,
}

impl Draft {
    fn order(number: u8, lines: &[(u8, u8)]) -> Self {
        let line = |(product, quantity): &(u8, u8)| {
            format!(r#"{{"productId":"{}","quantity":{quantity},"price":1}}"#, sku(*product))
        };
        let lines: Vec<_> = lines.iter().map(line).collect();
        let id = order_id(number);
        Self {
            lane: orders(number),
            key: id.to_string(),
            event_id: id.0,
            kind: "order.created.v1",
            value: format!(r#"{{"customerId":"c-{number}","items":[{}]}}"#, lines.join(",")),
        }
    }

    fn of(item: &Item, n: usize) -> Self {
        let event_id = Uuid::from_u128(1000 + n as u128);
        let about = |order: u8, kind, value: &str| Self {
            lane: orders(order),
            key: order_id(order).to_string(),
            event_id,
            kind,
            value: value.to_owned(),
        };
        match item {
            Item::Cancel(order) => about(*order, "order.cancel_requested.v1", "{}"),
            Item::Ship(order) => about(*order, "order.shipped.v1", r#"{"carrier":"DHL"}"#),
            Item::Adjust(product, quantity) => Self {
                lane: STOCK,
                key: sku(*product).to_string(),
                event_id,
                kind: "stock.adjusted.v1",
                value: format!(r#"{{"quantity":{quantity},"reason":"correction"}}"#),
            },
            Item::Unreadable(lane) => about(*lane, "order.created.v1", "nonsense"),
            Item::Order(_) | Item::Again(..) => unreachable!("made by the log itself"),
        }
    }

    fn again(&self, twist: Twist) -> Self {
        let mut draft = self.clone();
        match twist {
            Twist::Nothing => {}
            Twist::Lane if draft.lane.source == Source::Orders => {
                draft.lane = orders(draft.lane.partition as u8 + 1);
            }
            Twist::Lane => {}
            // White space: another body that says the same.
            Twist::Body => draft.value.push(' '),
        }
        draft
    }
}
