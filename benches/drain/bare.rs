//! The bare loop: the processor's own decode and its own transaction, from
//! memory, without Kafka, without publishing and without waiting for payments.
//! What batch N reserved is settled in the commit of batch N+1, and its outbox
//! row goes there too, as in the processor when nothing is slow.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, anyhow};
use benches::bed::Bed;
use benches::cost::{Meter, Reach};
use benches::goods::topics;
use contract::order::Scratch;
use contract::{DeclineReason, OrderId};
use foldhash::fast::FixedState;
use loadgen::latency::Latency;
use processor::consume::Claims;
use processor::decide::{OrderState, Outcome};
use processor::lane::{Claim, LaneId, Record, Source};
use processor::store::{self, Advance, Applied, Batch, Database, LastSeen, Retired};
use processor::work::read::read;
use service::health::Health;
use sqlx::PgConnection;
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

use crate::leg::{Extent, Kind, Leg, Quantiles};
use crate::memory::{PARTITIONS, records};

/// One order in so many is declined, as by the simulated provider.
const DECLINED_ONE_IN: u64 = 10;

/// Runs the loop once.
pub(crate) async fn leg(bed: &Bed, extent: Extent, number: u16) -> anyhow::Result<Leg> {
    let name = format!("bench_bare_{number}");
    let database = Database::new(&bed.fresh_database(&name).await?, topics())?;
    let work = records(extent);
    let gate = Arc::new(Barrier::new(extent.workers + 1));
    let mut threads = Vec::with_capacity(extent.workers);
    for records in work {
        let worker = Bare { database: database.clone(), gate: gate.clone(), extent };
        let (done, commits) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("bare".into())
            .spawn(move || done.send(worker.run(&records)))
            .context("cannot start a thread")?;
        threads.push(commits);
    }
    let mut meter = Meter::of_servers(&bed.stack);
    meter.add("loop", Some(std::process::id()), Reach::Process);

    gate.wait().await;
    let (begin, before) = (Instant::now(), meter.read());
    let mut commits = Latency::new();
    for thread in threads {
        commits.absorb(&thread.await.context("a bare worker panicked")??);
    }
    let (seconds, after) = (begin.elapsed().as_secs_f64(), meter.read());
    bed.drop_database(&name).await?;
    let at = |quantile| commits.quantile_ms(quantile);
    Ok(Leg {
        kind: Kind::Bare,
        orders: extent.orders,
        seconds,
        orders_per_s: extent.orders as f64 / seconds,
        cpu_us_per_order: after.costs_since(&before, extent.orders),
        commit_ms: Quantiles { p50: at(0.5), p95: at(0.95), p99: at(0.99) },
    })
}

struct Bare {
    database: Database,
    gate: Arc<Barrier>,
    extent: Extent,
}

/// What a batch leaves to the next commit.
#[derive(Default)]
struct Rest {
    outcomes: Vec<Outcome>,
    unsettled: HashMap<OrderId, OrderState, FixedState>,
    retired: Retired,
}

impl Bare {
    fn run(self, records: &[Record]) -> anyhow::Result<Latency> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.work(records))
    }

    async fn work(self, records: &[Record]) -> anyhow::Result<Latency> {
        let ready = self.prepare(records).await;
        // Also of one that is not ready: everybody waits for everybody.
        self.gate.wait().await;
        let (mut connection, mut lanes) = ready?;
        let (mut seen, mut rest) = (LastSeen::default(), Rest::default());
        let (mut scratch, mut commits) = (Scratch::default(), Latency::new());
        // Two more commits settle the last batch and retire its outbox row.
        let end: [&[Record]; 2] = [&[], &[]];
        for chunk in records.chunks(self.extent.batch_max).chain(end) {
            let begun = Instant::now();
            let left = std::mem::take(&mut rest);
            let commit = Commit { records: chunk, rest: &left, lanes: &mut lanes };
            rest = commit.run((&mut connection, &self.database), &mut seen, &mut scratch).await?;
            commits.record_ns(u64::try_from(begun.elapsed().as_nanos())?);
        }
        Ok(commits)
    }

    async fn prepare(
        &self,
        records: &[Record],
    ) -> anyhow::Result<(PgConnection, BTreeMap<LaneId, Claim>)> {
        Ok((self.database.connect().await?, self.claim(records).await?))
    }

    async fn claim(&self, records: &[Record]) -> anyhow::Result<BTreeMap<LaneId, Claim>> {
        let (health, never) = (Health::default(), CancellationToken::new());
        let mut claims = Claims::new(self.database.clone(), "bare".into(), health, never);
        let mut lanes = BTreeMap::new();
        for partition in 0..PARTITIONS {
            let lane = LaneId { source: Source::Orders, partition };
            if records.iter().any(|record| record.lane == lane) {
                let claim = claims.claim(lane, || Some(0)).await?.context("nothing stops it")?;
                lanes.insert(lane, claim);
            }
        }
        Ok(lanes)
    }
}

/// One transaction.
struct Commit<'a> {
    records: &'a [Record],
    rest: &'a Rest,
    lanes: &'a mut BTreeMap<LaneId, Claim>,
}

impl Commit<'_> {
    async fn run(
        mut self,
        (connection, database): (&mut PgConnection, &Database),
        seen: &mut LastSeen,
        scratch: &mut Scratch,
    ) -> anyhow::Result<Rest> {
        let read = read(self.records.iter(), scratch);
        let advances = self.advances();
        let now = jiff::Timestamp::now().to_string();
        let batch = Batch {
            advances: &advances,
            records: &read.records,
            dead: &read.dead,
            outcomes: &self.rest.outcomes,
            unsettled: &self.rest.unsettled,
            retired: &self.rest.retired,
        };
        let applied = store::apply(connection, database, &batch, seen, &now).await;
        let applied = applied.map_err(|error| anyhow!("the bare loop failed: {error:?}"))?;
        for (lane, advance) in &advances {
            self.moved(*lane, advance);
        }
        Ok(rest(applied))
    }

    /// Every lane of the worker takes part in every commit, as in a busy
    /// processor.
    fn advances(&self) -> BTreeMap<LaneId, Advance> {
        let advance = |(lane, claim): (&LaneId, &Claim)| {
            let offsets = || self.records.iter().filter(|r| r.lane == *lane).map(|r| r.offset);
            let first = offsets().next().unwrap_or(claim.next_offset);
            let next = offsets().next_back().map_or(first, |last| last + 1);
            (*lane, Advance { claim: claim.clone(), first, next, resume: first, newest: None })
        };
        self.lanes.iter().map(advance).collect()
    }

    fn moved(&mut self, lane: LaneId, advance: &Advance) {
        if let Some(claim) = self.lanes.get_mut(&lane) {
            claim.next_offset = advance.next;
            claim.commit_seq += 1;
        }
    }
}

fn rest(applied: Applied<'_>) -> Rest {
    let outcome = |order_id: OrderId| match order_id.0.as_u64_pair().1 % DECLINED_ONE_IN {
        0 => Outcome::Declined(order_id, DeclineReason::Declined),
        _ => Outcome::Captured(order_id),
    };
    let effects = applied.effects;
    Rest {
        outcomes: effects.charges.iter().map(|charge| outcome(charge.order_id)).collect(),
        unsettled: effects.taken.into_iter().map(|taken| (taken.order_id, taken.state)).collect(),
        retired: Retired {
            outbox: applied.outbox.iter().map(|(_, id, _)| *id).collect(),
            dead: Vec::new(),
        },
    }
}
