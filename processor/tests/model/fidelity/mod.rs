//! The simulated database is the real one: every claim, recovery and commit of
//! some schedules once more, in the same order, through the real `store` and
//! claims on PostgreSQL. Each answer must be the same, and so must be all tables
//! at the end.

mod books;

use std::collections::{BTreeMap, HashMap};

use contract::topic::Topics;
use processor::consume::Claims;
use processor::decide::{Decided, Shelf};
use processor::lane::Claim;
use processor::store::{
    Applied, ApplyError, Batch, BodyHash, Database, DeadLetter, LastSeen, apply, pending, recover,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use service::health::Health;
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use super::ledger::{Call, Deed, Found};
use super::log::Log;
use super::mutation::Mutation;
use super::schedule::schedules;
use super::work::NOW;
use super::world::World;

const SCHEDULES: usize = 30;

#[tokio::test]
async fn postgresql_and_the_store_answer_as_the_simulated_ones_do() {
    let bed = testkit::bed("fidelity").await;
    let database = Database::new(&bed.database_url, Topics::default()).unwrap();
    let mut replay = Replay::new(database, bed.connect().await).await;
    let (strategy, mut runner) = (schedules(), TestRunner::deterministic());
    let mut counts = BTreeMap::new();
    while counts.get("schedules") < Some(&SCHEDULES) {
        let schedule = strategy.new_tree(&mut runner).unwrap().current();
        let log = Log::new(&schedule.items);
        let mut world = World::new(&log, schedule.processors, Mutation::None);
        world.ledger.calls = Some(Vec::new());
        schedule.choices.iter().try_for_each(|choice| world.step(*choice)).unwrap();
        let (midst, tables) =
            (world.ledger.calls.as_ref().unwrap().len(), world.ledger.tables.clone());
        world.heal(schedule.deaf).unwrap();
        let calls = world.ledger.calls.take().unwrap();
        // A shelf that came while a transaction looked for it: one after the
        // other it would have been found.
        if calls.iter().any(|call| matches!(call, Call::Commit(deed) if deed.missed_a_shelf)) {
            continue;
        }
        replay.start(&world.ledger.tables).await;
        for (n, call) in calls.iter().enumerate() {
            if n == midst {
                books::compare(&mut replay.connection, &tables, &replay.outbox).await;
            }
            let name = replay.follow(&log, call).await;
            *counts.entry(name).or_default() += 1;
        }
        books::compare(&mut replay.connection, &world.ledger.tables, &replay.outbox).await;
        *counts.entry("schedules").or_default() += 1;
    }
    println!("{counts:?}");
    assert_eq!(counts.len(), 6, "every kind of call is among them");
}

struct Replay {
    connection: PgConnection,
    database: Database,
    claims: Claims,
    /// Real outbox ids by simulated ones.
    outbox: HashMap<i64, i64>,
}

impl Replay {
    async fn new(database: Database, mut connection: PgConnection) -> Self {
        // Alerts of low stock are left out of the simulation.
        let quiet = "alter table stock alter column low_at set default 0";
        sqlx::query(quiet).execute(&mut connection).await.unwrap();
        let stop = CancellationToken::new();
        let claims = Claims::new(database.clone(), "model".to_owned(), Health::default(), stop);
        let connection = database.connect().await.unwrap();
        Self { connection, database, claims, outbox: HashMap::new() }
    }

    /// Empty tables, and the shelves as they are at the start of a schedule.
    async fn start(&mut self, tables: &super::tables::Tables) {
        books::empty(&mut self.connection).await;
        let stocked = super::ledger::Ledger::new(Mutation::None).tables.stock;
        assert!(stocked.keys().all(|sku| tables.stock.contains_key(sku)));
        books::stock(&mut self.connection, &stocked).await;
        self.outbox.clear();
    }

    async fn follow(&mut self, log: &Log, call: &Call) -> &'static str {
        match call {
            Call::Claim(expected) => {
                let claim = self.claims.claim(expected.lane, || Some(0)).await.unwrap().unwrap();
                assert_eq!(numbers(&claim), numbers(expected));
                "claimed"
            }
            Call::Recover(claim, expected) => {
                let found = recover(&mut self.connection, &self.database, claim).await.unwrap();
                assert_eq!(Found::from(&found), self.real(expected), "{claim:?}");
                "recovered"
            }
            Call::Sweep(claim, known, expected) => {
                let known: Vec<i64> = known.iter().map(|id| self.outbox[id]).collect();
                let claims = std::slice::from_ref(claim);
                let found = pending(&mut self.connection, &self.database, claims, &known).await;
                assert_eq!(Found::from(&found.unwrap()), self.real(expected), "{claim:?}");
                "swept"
            }
            Call::Commit(deed) => {
                self.commit(log, deed).await;
                "committed"
            }
            Call::Fenced(deed) => {
                let read = Read::new(log, deed);
                let (mut seen, batch) = (LastSeen::default(), read.batch(deed));
                let database = &self.database;
                let answer = apply(&mut self.connection, database, &batch, &mut seen, NOW).await;
                assert!(matches!(answer, Err(ApplyError::Fenced)), "{answer:?}");
                "fenced"
            }
        }
    }

    /// The same with the ids of the real database.
    fn real(&self, expected: &Found) -> Found {
        let mut expected = expected.clone();
        expected.outbox.iter_mut().for_each(|(id, _)| *id = self.outbox[id]);
        expected
    }

    async fn commit(&mut self, log: &Log, deed: &Deed) {
        let mut deed = deed.clone();
        deed.retired.outbox.iter_mut().for_each(|id| *id = self.outbox[id]);
        let (read, mut seen) = (Read::new(log, &deed), LastSeen::default());
        let shelf = |(sku, available): &(contract::Sku, Option<i64>)| {
            Some((sku.clone(), Shelf { available: (*available)? }))
        };
        seen.learn(deed.seen.iter().filter_map(shelf));
        let batch = read.batch(&deed);
        let answer = apply(&mut self.connection, &self.database, &batch, &mut seen, NOW).await;
        let Applied { effects, outbox, .. } = answer.unwrap();
        let taken: BTreeMap<_, _> =
            effects.taken.iter().map(|taken| (taken.order_id, taken.reason.is_some())).collect();
        assert_eq!(taken, deed.taken);
        for ((lane, id, events), expected) in outbox.iter().zip(&deed.outbox) {
            assert_eq!((lane, events), (&expected.0, &expected.2));
            self.outbox.insert(expected.1, *id);
        }
        assert_eq!(outbox.len(), deed.outbox.len());
    }
}

/// A batch's records, read from the log again.
struct Read<'l> {
    records: Vec<(Decided, BodyHash)>,
    dead: Vec<DeadLetter<'l>>,
}

impl<'l> Read<'l> {
    fn new(log: &'l Log, deed: &Deed) -> Self {
        let says = |(lane, offset): &(_, _)| log.at(*lane, *offset).unwrap();
        let readable = |place| says(place).says.as_ref().unwrap().clone();
        let letter = |place| {
            let entry = says(place);
            let (code, message) = entry.says.as_ref().unwrap_err();
            DeadLetter { record: &entry.record, code, message: message.clone() }
        };
        Self {
            records: deed.records.iter().map(readable).collect(),
            dead: deed.dead.iter().map(letter).collect(),
        }
    }

    fn batch<'a>(&'a self, deed: &'a Deed) -> Batch<'a> {
        Batch {
            advances: &deed.advances,
            records: &self.records,
            dead: &self.dead,
            outcomes: &deed.outcomes,
            unsettled: &deed.unsettled,
            retired: &deed.retired,
        }
    }
}

fn numbers(claim: &Claim) -> [i64; 4] {
    [claim.epoch, claim.next_offset, claim.resume_offset, claim.commit_seq]
}
