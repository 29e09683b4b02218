//! Everything the input topics say, each event once.
//!
//! The first record of an event id counts; further ones are repetitions, with
//! the same body or another. Which one is first is plain within a partition.
//! When hostile records put one id into several partitions, whichever was
//! processed first may stand (`rivals.rs`).

use std::collections::HashMap;

use uuid::Uuid;

use super::by_id::{ById, Names};
use super::lines::{Lines, print_line};
use super::order::Order;
use super::request::{Ask, Request};
use super::settled::Settled;
use super::told::Told;
use crate::place::{BodyHash, Fingerprint, Place, body_hash, of_text};
use crate::rules::{self, Defects, Meaning, Record, id_of};

/// The log, folded.
#[derive(Debug)]
pub struct Ledger {
    /// Distinct valid orders.
    pub orders: ById<Order>,
    /// Distinct cancellations, shipments and adjustments.
    pub requests: ById<Request>,
    /// Readable records whose event id was known.
    pub repeats: HashMap<Place, Repeat>,
    /// Records that nobody can read.
    pub unreadable: HashMap<Place, Unreadable>,
    /// Products.
    pub skus: Names,
    /// Lines of all orders.
    pub lines: Lines,
    /// When the payments of orders were decided of which something is asked.
    pub settled: Settled,
    kept_since_s: u32,
    /// By id: a log that was written twice has as many as it has orders.
    pub(super) rival_orders: HashMap<Uuid, Vec<Order>>,
    pub(super) rival_requests: HashMap<Uuid, Vec<Request>>,
}

/// A record with a known event id.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// The event.
    pub id: Uuid,
    /// Of its value.
    pub body: BodyHash,
    /// When it was written, by the log's clock.
    pub logged_s: u32,
    /// Whether `refused_events` has it as a mismatch.
    pub flagged: bool,
}

/// A record that nobody can read.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// Everything that is wrong.
    pub defects: Defects,
    /// Its key, when that is an order id.
    pub key: Option<Uuid>,
    /// Of its value.
    pub body: BodyHash,
    /// Fingerprint of key, value and headers.
    pub content: u64,
    /// Bytes of key, value and headers.
    pub size: usize,
    /// When it was written, by the log's clock.
    pub logged_s: u32,
    /// Fingerprint of the code in `dead_letters`, once seen.
    pub row: Option<u64>,
    /// Whether `dead_letters` says that it was published.
    pub marked: bool,
    /// Whether it is on the dead letter topic.
    pub published: bool,
}

impl Ledger {
    /// Room for so many records; each is an order, a request or neither. The
    /// processor may have forgotten what was written before `kept_since_s`.
    pub fn new(records: usize, kept_since_s: u32) -> Self {
        Self {
            kept_since_s,
            orders: ById::with_capacity(records),
            requests: ById::with_capacity(records),
            repeats: HashMap::new(),
            unreadable: HashMap::new(),
            skus: Names::default(),
            lines: Lines::default(),
            settled: Settled::default(),
            rival_orders: HashMap::new(),
            rival_requests: HashMap::new(),
        }
    }

    /// The processor may have forgotten more meanwhile: what was written before then.
    pub fn remember_since(&mut self, kept_since_s: u32) {
        // A clock that is put back brings no row back.
        self.kept_since_s = self.kept_since_s.max(kept_since_s);
    }

    /// Whether rows about a record of that age may be gone: all but orders,
    /// payments and stock are removed when they are old.
    pub fn may_be_forgotten(&self, logged_s: u32) -> bool {
        logged_s < self.kept_since_s
    }

    /// Whether the record there repeats an order whose trace may be gone: only the order's
    /// row knows it then, and refuses the copy.
    pub fn is_late_repeat(&self, place: Place) -> bool {
        let order = self.repeats.get(&place).and_then(|repeat| self.orders.find(repeat.id));
        order.is_some_and(|number| self.may_be_forgotten(self.orders.get(number).logged_s))
    }

    /// Takes one record of an input topic, in the order of its partition.
    pub fn take(&mut self, record: &Record<'_>) {
        let body = record.value.map_or([0; 16], body_hash);
        let place = record.place;
        let (id, ask) = match rules::read(record) {
            Meaning::Created { id, at_us, order } => {
                let order = self.order(id, at_us, &order);
                let Place { partition, offset, .. } = place;
                let logged_s = record.logged_s;
                let order = Order { partition, offset, logged_s, body, ..order };
                return self.take_order(order);
            }
            Meaning::Unreadable(defects) => return self.take_unreadable(record, defects, body),
            Meaning::Cancel { event, order, reason } => {
                (event, Ask::Cancel(order, print_texts(&[reason.as_deref()])))
            }
            Meaning::Ship { event, order, carrier, tracking } => {
                (event, Ask::Ship(order, print_texts(&[carrier.as_deref(), tracking.as_deref()])))
            }
            Meaning::Adjust { event, sku, pieces } => {
                (event, Ask::Adjust(self.skus.number(&sku), pieces))
            }
        };
        let logged_s = record.logged_s;
        let request = Request { id, place, body, ask, logged_s, processed_us: None, refused: None };
        self.take_request(request);
    }

    fn order(&mut self, id: Uuid, at_us: i64, order: &rules::order::Order) -> Order {
        let print = order
            .lines
            .iter()
            .fold(Fingerprint::new(), |print, l| print_line(print, &l.sku, l.quantity, l.price));
        let pieces: Vec<_> =
            order.lines.iter().map(|line| (self.skus.number(&line.sku), line.quantity)).collect();
        Order {
            id,
            body: [0; 16],
            partition: 0,
            offset: 0,
            created_us: at_us,
            logged_s: 0,
            total: order.total,
            currency: order.currency,
            customer: of_text(&order.customer),
            lines: print.finish(),
            lines_at: self.lines.add(pieces.into_iter()),
            status: None,
            reason: None,
            detail: 0,
            payment: None,
            processed: false,
            told: Told::default(),
        }
    }

    fn take_order(&mut self, order: Order) {
        let known = self.orders.find(order.id);
        if known.is_none() && self.requests.find(order.id).is_none() {
            self.orders.add(order);
            return;
        }
        if known.is_some_and(|number| self.orders.get(number).place() == order.place()) {
            return;
        }
        self.repeat(order.id, order.place(), order.body, order.logged_s);
        if let Some(first) = known.map(|number| self.orders.get(number)) {
            let rivals = self.rival_orders.get(&order.id).into_iter().flatten();
            let mut before = rivals.map(|rival| rival.partition).chain([first.partition]);
            if before.all(|partition| partition != order.partition) {
                self.rival_orders.entry(order.id).or_default().push(order);
            }
        }
    }

    fn take_request(&mut self, request: Request) {
        if let Some(order) = request.target() {
            self.settled.ask(order);
        }
        let known = self.requests.find(request.id);
        if known.is_none() && self.orders.find(request.id).is_none() {
            self.requests.add(request);
            return;
        }
        if let Some(number) = known.filter(|n| self.requests.get(*n).place == request.place) {
            // Known by a copy that was read first, which may have said something else.
            let first = self.requests.get_mut(number);
            (first.ask, first.body, first.logged_s) = (request.ask, request.body, request.logged_s);
            return;
        }
        self.repeat(request.id, request.place, request.body, request.logged_s);
        if let Some(first) = known.map(|number| self.requests.get(number)) {
            let lane = |place: Place| (place.topic, place.partition);
            let rivals = self.rival_requests.get(&request.id).into_iter().flatten();
            let mut before = rivals.map(|rival| lane(rival.place)).chain([lane(first.place)]);
            if before.all(|other| other != lane(request.place)) {
                self.rival_requests.entry(request.id).or_default().push(request);
            }
        }
    }

    fn take_unreadable(&mut self, record: &Record<'_>, defects: Defects, body: BodyHash) {
        let unreadable = Unreadable {
            defects,
            key: record.key.and_then(id_of),
            body,
            content: print_content(record.key, record.value, record.headers.0.iter().copied()),
            size: size(record),
            logged_s: record.logged_s,
            row: None,
            marked: false,
            published: false,
        };
        self.unreadable.insert(record.place, unreadable);
    }

    pub(super) fn repeat(&mut self, id: Uuid, place: Place, body: BodyHash, logged_s: u32) {
        self.repeats.insert(place, Repeat { id, body, logged_s, flagged: false });
    }

    /// The body of the first record of that event.
    pub fn body_of(&self, id: Uuid) -> Option<BodyHash> {
        let of_order = self.orders.find(id).map(|n| self.orders.get(n).body);
        of_order.or_else(|| self.requests.find(id).map(|n| self.requests.get(n).body))
    }
}

/// Fingerprint of texts that may be absent.
pub fn print_texts(texts: &[Option<&str>]) -> u64 {
    let add = |print: Fingerprint, text: &Option<&str>| print.optional(text.map(str::as_bytes));
    texts.iter().fold(Fingerprint::new(), add).finish()
}

fn size(record: &Record<'_>) -> usize {
    let of = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    // What a header costs beside its bytes, at most.
    let headers = record.headers.0.iter().map(|(name, value)| 10 + name.len() + of(*value));
    of(record.key) + of(record.value) + headers.sum::<usize>()
}

/// Fingerprint of a record's bytes.
pub fn print_content<'a>(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
) -> u64 {
    let print = Fingerprint::new().optional(key).optional(value);
    headers.fold(print, |p, (name, value)| p.bytes(name.as_bytes()).optional(value)).finish()
}
