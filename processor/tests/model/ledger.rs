//! The database: transactions that see what is committed, hold row locks until
//! they end, and end when the server says so, whether or not anybody still
//! listens.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::{OrderId, Sku};
use processor::decide::{EventOut, OrderState, OrdersById, Outcome, Refund};
use processor::lane::{Claim, LaneId, Source, Tenure};
use processor::store::{Advance, Pending, Recovered, Retired};
use uuid::Uuid;

use super::log::{PRODUCTS, STOCKED, sku};
use super::mutation::Mutation;
use super::tables::{Place, Progress, Shelf4, Tables, Write};

/// What a transaction may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    Progress(LaneId),
    Event(Uuid),
    Order(OrderId),
    Shelf(Sku),
}

/// Where a transaction stands at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Open,
    /// The COMMIT is on its way.
    Sent,
    Committed,
    Aborted,
}

/// What a commit did, for the reference and the real database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deed {
    pub(crate) advances: BTreeMap<LaneId, Advance>,
    /// In the order of the batch.
    pub(crate) records: Vec<Place>,
    pub(crate) dead: Vec<Place>,
    pub(crate) outcomes: Vec<Outcome>,
    /// Orders taken, and whether they were rejected.
    pub(crate) taken: BTreeMap<OrderId, bool>,
    /// Records refused, and why.
    pub(crate) refused: BTreeMap<Place, &'static str>,
    /// How many commits there were before the transaction began.
    pub(crate) begun: usize,
    pub(crate) unsettled: OrdersById,
    pub(crate) retired: Retired,
    /// Pieces that were seen when it was decided.
    pub(crate) seen: Vec<(Sku, Option<i64>)>,
    pub(crate) outbox: Vec<(LaneId, i64, Vec<EventOut>)>,
    /// Whether a shelf came into being after it was looked for.
    pub(crate) missed_a_shelf: bool,
}

/// What the database was asked, in the order of its answers.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Claim(Claim),
    Recover(Claim, Found),
    /// Beside these outbox rows.
    Sweep(Claim, Vec<i64>, Found),
    Commit(Deed),
    Fenced(Deed),
}

/// What a claim found, as far as it can be compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) outbox: Vec<(i64, Vec<EventOut>)>,
    pub(crate) dead: Vec<i64>,
    pub(crate) reserved: BTreeMap<OrderId, OrderState>,
    pub(crate) refunds: BTreeMap<OrderId, Refund>,
    pub(crate) lost: Vec<LaneId>,
}

impl From<&Recovered> for Found {
    fn from(recovered: &Recovered) -> Self {
        Self {
            dead: recovered.dead.iter().map(|(record, ..)| record.offset).collect(),
            reserved: recovered.reserved.clone().into_iter().collect(),
            ..Self::from(&recovered.pending)
        }
    }
}

impl From<&Pending> for Found {
    fn from(pending: &Pending) -> Self {
        let row = |(_, id, events): &(_, i64, Vec<EventOut>)| (*id, events.clone());
        let refund = |refund: &Refund| (refund.order_id, refund.clone());
        Self {
            outbox: pending.outbox.iter().map(row).collect(),
            refunds: pending.refunds.iter().map(refund).collect(),
            lost: pending.lost.clone(),
            ..Self::default()
        }
    }
}

#[derive(Debug)]
struct Transaction {
    standing: Standing,
    writes: Vec<Write>,
    deed: Deed,
    begun: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) tables: Tables,
    /// Every commit, in order.
    pub(crate) deeds: Vec<Deed>,
    /// The same among all else, when it is to be kept.
    pub(crate) calls: Option<Vec<Call>>,
    transactions: Vec<Transaction>,
    locks: Vec<(Lock, usize)>,
    outbox_ids: i64,
    pub(crate) mutation: Mutation,
}

impl Ledger {
    pub(crate) fn new(mutation: Mutation) -> Self {
        let mut ledger = Self { mutation, ..Self::default() };
        for n in 0..PRODUCTS - 1 {
            let shelf = Shelf4 { available: STOCKED, received: STOCKED, ..Shelf4::default() };
            ledger.tables.stock.insert(sku(n), shelf);
        }
        ledger
    }

    pub(crate) fn begin(&mut self) -> usize {
        let (writes, deed, begun) = (Vec::new(), Deed::default(), self.deeds.len());
        self.transactions.push(Transaction { standing: Standing::Open, writes, deed, begun });
        self.transactions.len() - 1
    }

    pub(crate) fn standing(&self, transaction: usize) -> Standing {
        self.transactions[transaction].standing
    }

    /// Takes all of these locks or, when another transaction holds one, none.
    pub(crate) fn lock(&mut self, transaction: usize, wanted: Vec<Lock>) -> bool {
        let free = wanted
            .iter()
            .all(|lock| self.locks.iter().all(|(held, by)| *by == transaction || held != lock));
        if free {
            self.locks.extend(wanted.into_iter().map(|lock| (lock, transaction)));
        }
        free
    }

    pub(crate) fn write(&mut self, transaction: usize, write: Write) {
        self.transactions[transaction].writes.push(write);
    }

    pub(crate) fn next_outbox_id(&mut self) -> i64 {
        self.outbox_ids += 1;
        self.outbox_ids
    }

    /// The client has sent its COMMIT.
    pub(crate) fn send_commit(&mut self, transaction: usize, deed: Deed) {
        let sent = &mut self.transactions[transaction];
        sent.standing = Standing::Sent;
        sent.deed = Deed { begun: sent.begun, ..deed };
    }

    /// The server commits.
    pub(crate) fn commit(&mut self, transaction: usize) -> Result<(), String> {
        let Transaction { standing, writes, deed, .. } = &mut self.transactions[transaction];
        *standing = Standing::Committed;
        let (writes, mut deed) = (std::mem::take(writes), std::mem::take(deed));
        let missed = |(sku, seen): &(Sku, Option<i64>)| {
            seen.is_none() && self.tables.stock.contains_key(sku)
        };
        deed.missed_a_shelf = deed.seen.iter().any(missed);
        self.locks.retain(|(_, by)| *by != transaction);
        writes.into_iter().try_for_each(|write| self.tables.write(write))?;
        self.note(|| Call::Commit(deed.clone()));
        self.deeds.push(deed);
        Ok(())
    }

    /// Notes a call, when calls are kept.
    pub(crate) fn note(&mut self, call: impl FnOnce() -> Call) {
        if let Some(calls) = &mut self.calls {
            calls.push(call());
        }
    }

    /// The server rolls back.
    pub(crate) fn abort(&mut self, transaction: usize) {
        self.transactions[transaction].standing = Standing::Aborted;
        self.locks.retain(|(_, by)| *by != transaction);
    }

    /// The server ends a transaction that has not ended.
    pub(crate) fn abort_unended(&mut self, transaction: usize) {
        if matches!(self.standing(transaction), Standing::Open | Standing::Sent) {
            self.abort(transaction);
        }
    }

    /// Transactions that have not ended.
    pub(crate) fn unended(&self) -> Vec<usize> {
        let ended =
            |n: &usize| matches!(self.standing(*n), Standing::Committed | Standing::Aborted);
        (0..self.transactions.len()).filter(|n| !ended(n)).collect()
    }

    /// Raises the epoch of a lane; `None` while a transaction holds its row.
    pub(crate) fn claim(&mut self, lane: LaneId) -> Option<Claim> {
        if self.holds_progress(lane) {
            return None;
        }
        let row = self.tables.progress.entry(lane).or_default();
        if self.mutation != Mutation::EpochKept || row.epoch == 0 {
            row.epoch += 1;
        }
        let Progress { epoch, next, resume, seq } = *row;
        let tenure = Arc::new(Tenure::default());
        let (next_offset, resume_offset, commit_seq) = (next, resume, seq);
        let witness = None;
        let claim = Claim { lane, epoch, next_offset, resume_offset, commit_seq, witness, tenure };
        self.note(|| Call::Claim(claim.clone()));
        Some(claim)
    }

    /// The commits seen under an epoch; waits (`Err`) for a transaction that
    /// holds the row.
    pub(crate) fn committed_seq(&self, lane: LaneId, epoch: i64) -> Result<Option<i64>, Waits> {
        if self.holds_progress(lane) && self.mutation != Mutation::AskedWithoutWaiting {
            return Err(Waits);
        }
        let row = self.tables.progress.get(&lane).filter(|row| row.epoch == epoch);
        Ok(row.map(|row| row.seq))
    }

    fn holds_progress(&self, lane: LaneId) -> bool {
        self.locks.iter().any(|(held, _)| *held == Lock::Progress(lane))
    }

    /// The shard of `sales_metric_shards` that a batch writes.
    pub(crate) fn shard(advances: &BTreeMap<LaneId, Advance>) -> Option<i32> {
        advances.keys().find(|lane| lane.source == Source::Orders).map(|lane| lane.partition)
    }
}

/// The answer has to wait for another transaction.
#[derive(Debug)]
pub(crate) struct Waits;
