//! What the watch knows between two steps: everything that is under way, a
//! little of the past, and sums of the rest. Pure.

use std::collections::{BTreeMap, HashMap};

use contract::OrderStatus;
use uuid::Uuid;

use crate::findings::Findings;
use crate::fold::causes::{Causes, Rejection};
use crate::fold::events::Alerts;
use crate::fold::ledger::Ledger;
use crate::fold::processed::Epochs;
use crate::fold::totals::Totals;
use crate::place::{Place, Topic};
use crate::rules::Record;

/// A partition of an input topic.
pub type LaneId = (Topic, i32);

/// The state of a watch.
#[derive(Debug)]
pub struct Books {
    /// Orders and requests under way, and those of late.
    pub(super) ledger: Ledger,
    /// What the ledger does not know, by number of order.
    pub(super) carried: Vec<Carried>,
    /// Orders that are not proved yet.
    pub(super) open: Vec<u32>,
    /// The first order and the first request of which no rows were asked yet.
    pub(super) new: (usize, usize),
    pub(super) lanes: BTreeMap<LaneId, Lane>,
    pub(super) totals: Totals,
    pub(super) causes: Causes,
    pub(super) rejections: Vec<Rejection>,
    pub(super) arrivals: HashMap<u32, (Vec<(i64, i128)>, i128)>,
    pub(super) epochs: Epochs,
    pub(super) alerts: Alerts,
    /// Repetitions of requests that were judged long ago, by number.
    pub(super) repeated: Vec<u32>,
    /// Those of them that the log was not read up to yet: their copies were read first.
    pub(super) ahead: Vec<u32>,
    /// The first request that was not judged yet.
    pub(super) unjudged: usize,
    /// Since when an unreadable record is not on the dead letter topic.
    pub(super) unsent: BTreeMap<Place, u32>,
    /// Whether there were orders, alerts or dead letters that are known no more.
    pub(super) forgetful: bool,
    /// Orders that were in the tables when the watch began, and of which the log is read.
    pub(super) base: HashMap<Uuid, OrderStatus>,
    /// What was found, each place once.
    pub findings: Findings,
    /// Orders that are proved.
    pub proved_orders: u64,
    /// How long something may be under way, in seconds.
    pub(super) patience_s: u32,
    /// How many proved orders are remembered all the same.
    pub(super) kept: usize,
}

/// Repetitions and requests mostly come soon.
const KEPT: usize = 25_000;

/// One order between two steps.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Carried {
    /// The status, and the number of its reason, with which it is in the sums.
    pub(super) counted: Option<(OrderStatus, Option<u8>)>,
    /// When it was first seen under way, by the watch's clock.
    pub(super) since_s: Option<u32>,
    /// It was proved and forgotten before.
    pub(super) recalled: bool,
    /// What was asked of it before is not known.
    pub(super) partial: bool,
    /// Whether it is among the open ones.
    pub(super) open: bool,
    /// It was late too long, which is a finding, and no longer waited for.
    pub(super) reported: bool,
    /// Whether its rows are asked for in this step though they were read before.
    pub(super) again: bool,
}

/// A partition of an input topic.
#[derive(Clone, Copy, Default, Debug)]
pub struct Lane {
    /// Where the watch began.
    pub from: i64,
    /// The first offset that was not read from the log.
    pub folded: i64,
    /// The first offset whose rows were not judged.
    pub judged: i64,
    /// Everything below is proved.
    pub watermark: i64,
    /// When the last record that was read had been written, in seconds since 1970.
    pub logged_s: u32,
    /// What is before was in the tables when the watch began.
    pub base: i64,
    /// Of its row of `partition_progress`.
    pub next_offset: i64,
    /// Of its row of `partition_progress`.
    pub epoch: i64,
}

impl Lane {
    /// One of which nothing was read, from this offset on.
    fn from(at: i64) -> Self {
        Self { from: at, folded: at, judged: at, watermark: at, ..Self::default() }
    }
}

impl Books {
    /// Empty books of these partitions, from these offsets on. The processor may
    /// have forgotten what was written before `kept_since_s`.
    pub fn new(
        lanes: impl Iterator<Item = (LaneId, i64)>,
        kept_since_s: u32,
        patience_s: u32,
    ) -> Self {
        Self {
            ledger: Ledger::new(0, kept_since_s),
            carried: Vec::new(),
            open: Vec::new(),
            new: (0, 0),
            lanes: lanes.map(|(id, at)| (id, Lane::from(at))).collect(),
            totals: Totals::default(),
            causes: Causes::default(),
            rejections: Vec::new(),
            arrivals: HashMap::new(),
            epochs: Epochs::default(),
            alerts: Alerts::default(),
            repeated: Vec::new(),
            ahead: Vec::new(),
            unjudged: 0,
            unsent: BTreeMap::new(),
            forgetful: false,
            base: HashMap::new(),
            findings: Findings::once(),
            proved_orders: 0,
            patience_s,
            kept: KEPT,
        }
    }

    /// A partition that came to be while the watch went on.
    pub(super) fn add_lane(&mut self, id: LaneId) {
        self.lanes.entry(id).or_insert(Lane::from(0));
    }

    /// Time went on: what was written before then may be forgotten by the processor.
    pub fn remember_since(&mut self, kept_since_s: u32) {
        self.ledger.remember_since(kept_since_s);
    }

    /// The partitions of the inputs.
    pub fn lanes(&self) -> impl Iterator<Item = (LaneId, &Lane)> {
        self.lanes.iter().map(|(id, lane)| (*id, lane))
    }

    /// Takes the next record of an input topic.
    pub fn take(&mut self, record: &Record<'_>) {
        self.ledger.take(record);
        self.carry();
        let place = record.place;
        if self.is_base(place)
            && let Some(unreadable) = self.ledger.unreadable.get_mut(&place)
        {
            // Whether it was sent before the watch began is not known.
            unreadable.published = true;
        }
        if let Some(lane) = self.lanes.get_mut(&(place.topic, place.partition)) {
            lane.folded = place.offset + 1;
            lane.logged_s = record.logged_s;
        }
    }

    /// Opens the orders that the ledger has and the books do not carry yet.
    pub(super) fn carry(&mut self) {
        for number in self.carried.len()..self.ledger.orders.items().len() {
            self.carried.push(Carried { open: true, ..Carried::default() });
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            self.open.push(number);
            self.begin_order(number);
        }
    }

    /// Whether a place was judged in an earlier step.
    pub(super) fn is_past(&self, place: Place) -> bool {
        let lane = self.lanes.get(&(place.topic, place.partition));
        lane.is_some_and(|lane| place.offset < lane.judged)
    }

    /// Whether the log was read beyond a place.
    pub(super) fn is_folded(&self, place: Place) -> bool {
        let lane = self.lanes.get(&(place.topic, place.partition));
        lane.is_some_and(|lane| place.offset < lane.folded)
    }

    /// When the oldest order of a lane that is not proved was written, in seconds
    /// since 1970; of one that was taken from its row that is not known.
    pub(super) fn oldest_open_s(&self, lane: LaneId) -> Option<u32> {
        let open = self.open.iter().filter(|number| !self.carried[**number as usize].reported);
        let orders = open.map(|number| self.ledger.orders.get(*number));
        let of_lane = orders.filter(|order| (Topic::Orders, order.partition) == lane);
        of_lane.map(|order| order.logged_s).filter(|logged_s| *logged_s > 0).min()
    }

    /// How many things are kept: the measure of the memory it takes.
    pub fn retained(&self) -> usize {
        self.ledger.orders.items().len()
            + self.ledger.requests.items().len()
            + self.ledger.repeats.len()
            + self.rejections.len()
            + self.arrivals.values().map(|(by_time, _)| by_time.len()).sum::<usize>()
    }

    /// Orders that wait for something, longer than one step.
    pub fn late(&self) -> usize {
        let late = |number: &&u32| {
            let carried = self.carried[**number as usize];
            carried.since_s.is_some() && !carried.reported
        };
        self.open.iter().filter(late).count() + self.unsent.len()
    }
}
