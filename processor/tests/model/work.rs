//! One transaction, statement by statement: the order of `store::apply`, with
//! the real pure parts between the statements.

use std::collections::{BTreeMap, HashMap};

use contract::{OrderId, Sku};
use processor::decide::{
    Books, Certainty, Decided, OrdersById, Outcome, Refusal, Shelf, StockView,
};
use processor::lane::LaneId;
use processor::store::{Advance, Applied, LastSeen, Retired, view};
use processor::work::Desk;

use super::ledger::{Call, Deed, Ledger, Lock, Standing};
use super::log::Entry;
use super::mutation::Mutation;
use super::tables::{Progress, Tables, Write};

mod writes;

pub(crate) const NOW: &str = "2026-11-21T08:00:01Z";

/// The next statement of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    Fence,
    Dedupe,
    Decide,
    Write,
    Shelve,
    Commit,
}

/// What became of a statement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Went {
    On,
    /// Another transaction holds a row.
    Waits,
    /// The COMMIT is on its way.
    Sent,
    Fenced,
    /// The connection is broken, or the server ended the transaction.
    Broken,
    /// The processor must stop.
    Stop(String),
}

/// A batch, and its transaction.
#[derive(Debug)]
pub(crate) struct Work<'l> {
    pub(crate) records: Vec<&'l Entry>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) retired: BTreeMap<LaneId, Retired>,
    pub(crate) advances: BTreeMap<LaneId, Advance>,
    pub(crate) unsettled: OrdersById,
    pub(crate) next: Statement,
    pub(crate) transaction: usize,
    pub(crate) applied: Option<Applied<'l>>,
    /// Outbox rows that a mutation leaves for later.
    pub(crate) late: Vec<Write>,
    certainty: Certainty,
    new: Vec<&'l Decided>,
    conflicts: Vec<Refusal>,
    books: Books,
    shelved: Vec<(Sku, Shelf)>,
}

impl<'l> Work<'l> {
    pub(crate) fn new(
        records: Vec<&'l Entry>,
        outcomes: Vec<Outcome>,
        retired: BTreeMap<LaneId, Retired>,
    ) -> Self {
        Self {
            records,
            outcomes,
            retired,
            advances: BTreeMap::new(),
            unsettled: HashMap::default(),
            next: Statement::Fence,
            transaction: 0,
            applied: None,
            late: Vec::new(),
            certainty: Certainty::LastSeen,
            new: Vec::new(),
            conflicts: Vec::new(),
            books: Books::default(),
            shelved: Vec::new(),
        }
    }

    /// Leaves out what went elsewhere, and learns how far each lane advances.
    pub(crate) fn prepare(&mut self, desk: &Desk, mutation: Mutation) {
        self.records.retain(|entry| desk.owns(entry.lane));
        let places = self.records.iter().map(|entry| (entry.lane, entry.offset, None));
        self.advances = desk.advances(places, &self.outcomes, self.retired.keys().copied());
        if mutation == Mutation::ResumeTooFar {
            self.advances.values_mut().for_each(|advance| advance.resume = advance.next);
        }
        self.unsettled = desk.unsettled.states_of(&self.outcomes);
    }

    /// Begins the transaction, or begins it again.
    pub(crate) fn begin(&mut self, ledger: &mut Ledger, certainty: Certainty) {
        self.transaction = ledger.begin();
        self.next = Statement::Fence;
        self.certainty = certainty;
        self.applied = None;
        self.late.clear();
    }

    /// Runs the next statement.
    pub(crate) fn run(&mut self, ledger: &mut Ledger, seen: &mut LastSeen) -> Went {
        if ledger.standing(self.transaction) == Standing::Aborted {
            return Went::Broken;
        }
        let (went, next) = match self.next {
            Statement::Fence => (self.fence(ledger), Statement::Dedupe),
            Statement::Dedupe => (self.dedupe(ledger), Statement::Decide),
            Statement::Decide => (self.look(ledger, seen), Statement::Write),
            Statement::Write => (self.write(ledger), Statement::Shelve),
            Statement::Shelve => (self.shelve(ledger), Statement::Commit),
            Statement::Commit => {
                ledger.send_commit(self.transaction, self.deed());
                return Went::Sent;
            }
        };
        match went {
            Ok(true) => self.next = next,
            Ok(false) => return Went::Waits,
            Err(Failed::NotSure) if self.certainty == Certainty::LastSeen => {
                ledger.abort(self.transaction);
                self.begin(ledger, Certainty::Locked);
            }
            Err(Failed::NotSure) => return Went::Stop("locked rows changed".to_owned()),
            Err(Failed::Fenced) => {
                ledger.abort(self.transaction);
                ledger.note(|| Call::Fenced(self.deed()));
                return Went::Fenced;
            }
        }
        Went::On
    }

    /// After the commit was answered: what the update told of the shelves.
    pub(crate) fn learn(&mut self, seen: &mut LastSeen) {
        seen.learn(self.shelved.drain(..));
        if let (Certainty::Locked, Some(applied)) = (self.certainty, &self.applied) {
            seen.set_mood(&applied.effects);
        }
    }

    fn fence(&self, ledger: &mut Ledger) -> Result<bool, Failed> {
        let rows = self.advances.keys().map(|lane| Lock::Progress(*lane)).collect();
        if !ledger.lock(self.transaction, rows) {
            return Ok(false);
        }
        for (lane, Advance { claim, first, next, resume, .. }) in &self.advances {
            let row = ledger.tables.progress.get(lane).copied().unwrap_or_default();
            let ours =
                row.epoch == claim.epoch && row.seq == claim.commit_seq && row.next <= *first;
            if !ours && ledger.mutation != Mutation::FenceUnchecked {
                return Err(Failed::Fenced);
            }
            let (epoch, seq) = (claim.epoch, claim.commit_seq + 1);
            let row = Progress { epoch, next: *next, resume: *resume, seq };
            if ledger.mutation == Mutation::ProgressFirst {
                ledger.tables.progress.insert(*lane, row);
            } else {
                ledger.write(self.transaction, Write::Progress(*lane, row));
            }
        }
        Ok(true)
    }

    fn dedupe(&mut self, ledger: &mut Ledger) -> Result<bool, Failed> {
        let skipped = ledger.mutation == Mutation::DedupeSkipped;
        let readable = || self.records.iter().filter_map(|entry| entry.says.as_ref().ok());
        let events = readable().map(|(decided, _)| decided.inbound.event_id);
        let unknown = events.filter(|id| skipped || !ledger.tables.processed.contains_key(id));
        let locks = unknown.map(Lock::Event).collect();
        if !ledger.lock(self.transaction, locks) {
            return Ok(false);
        }
        let mut first = BTreeMap::new();
        (self.new, self.conflicts) = (Vec::new(), Vec::new());
        for (decided, hash) in readable() {
            let id = decided.inbound.event_id;
            let known = ledger.tables.processed.get(&id).map(|(_, _, hash)| *hash);
            match known.or_else(|| first.get(&id).copied()).filter(|_| !skipped) {
                Some(body) if body == *hash => {}
                Some(_) if ledger.mutation != Mutation::BodyIgnored => {
                    self.conflicts.push(Refusal::body_mismatch(decided));
                }
                Some(_) => self.new.push(decided),
                None => {
                    first.insert(id, *hash);
                    self.new.push(decided);
                    let epoch = self.advances.get(&decided.lane).map_or(0, |a| a.claim.epoch);
                    let place = (decided.lane, decided.offset);
                    if !skipped {
                        let write = Write::Processed(id, place, epoch, *hash);
                        ledger.write(self.transaction, write);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Reads what the decision needs.
    fn look(&mut self, ledger: &mut Ledger, seen: &mut LastSeen) -> Result<bool, Failed> {
        let mut named: Vec<_> = view::orders_named(&self.new).into_iter().map(OrderId).collect();
        let mut orders = match self.certainty {
            Certainty::LastSeen => self.unsettled.clone(),
            Certainty::Locked => {
                named.extend(self.unsettled.keys());
                OrdersById::default()
            }
        };
        orders.extend(
            named.iter().filter_map(|id| Some((*id, ledger.tables.orders.get(id)?.state.clone()))),
        );
        let shelf = |tables: &Tables, sku: &Sku| {
            tables.stock.get(sku).map(|shelf| (sku.clone(), Shelf { available: shelf.available }))
        };
        let stock = if self.certainty == Certainty::Locked {
            let skus = view::movable(&self.new, &orders);
            let rows = skus.values().filter(|sku| ledger.tables.stock.contains_key(**sku));
            let rows = rows.map(|sku| Lock::Shelf((*sku).clone()));
            let rows = rows.chain(named.iter().map(|id| Lock::Order(*id))).collect();
            if !ledger.lock(self.transaction, rows) {
                return Ok(false);
            }
            let shelves: HashMap<_, _, _> =
                skus.values().filter_map(|sku| shelf(&ledger.tables, sku)).collect();
            seen.learn(shelves.iter().map(|(sku, shelf)| (sku.clone(), *shelf)));
            StockView::new(shelves, Certainty::Locked)
        } else {
            let skus = view::skus(&self.new);
            let unseen = seen.unseen(&skus);
            seen.learn(unseen.iter().filter_map(|name| shelf(&ledger.tables, skus[name])));
            seen.view(&skus)
        };
        self.books = Books { orders, stock };
        Ok(true)
    }

    pub(crate) fn dead(&self) -> impl Iterator<Item = &'l Entry> {
        self.records.iter().copied().filter(|entry| entry.says.is_err())
    }

    fn deed(&self) -> Deed {
        let readable = self.records.iter().filter(|entry| entry.says.is_ok());
        let taken = self.applied.iter().flat_map(|applied| &applied.effects.taken);
        let refusals = self.applied.iter().flat_map(|applied| &applied.effects.refusals);
        Deed {
            advances: self.advances.clone(),
            records: readable.map(|entry| (entry.lane, entry.offset)).collect(),
            dead: self.dead().map(|entry| (entry.lane, entry.offset)).collect(),
            outcomes: self.outcomes.clone(),
            taken: taken.map(|taken| (taken.order_id, taken.reason.is_some())).collect(),
            refused: refusals.map(|of| ((of.lane, of.offset), of.reason)).collect(),
            begun: 0,
            unsettled: self.unsettled.clone(),
            retired: self.all_retired(),
            seen: self.seen(),
            missed_a_shelf: false,
            outbox: self.applied.iter().flat_map(|applied| applied.outbox.clone()).collect(),
        }
    }
}

impl Work<'_> {
    fn all_retired(&self) -> Retired {
        let mut all = Retired::default();
        for retired in self.retired.values() {
            all.outbox.extend(&retired.outbox);
            all.dead.extend(&retired.dead);
        }
        all
    }

    /// The shelves that the decision saw; of locked ones nothing needs to be told.
    fn seen(&self) -> Vec<(Sku, Option<i64>)> {
        let skus = view::skus(&self.new).into_values();
        skus.map(|sku| (sku.clone(), self.books.stock.available(sku))).collect()
    }
}

enum Failed {
    /// What was last seen does not hold.
    NotSure,
    Fenced,
}
