//! `audit --watch`: the same proof in steps, while the system runs.
//!
//! Progress through the log is a row in the same transaction as the effects. So
//! in any snapshot the tables are exactly the fold of the log up to the progress
//! that the same snapshot shows: nothing has to stand still to be compared. A step
//! (`step.rs`) reads the log up to there (`reach.rs`), the rows of just that part and
//! of what was under way before, and compares (`books.rs`, `rows.rs`, `close.rs`,
//! `sums.rs`). What may only be late is a finding after a deadline; what the snapshot
//! rules out is one at once.
//!
//! Kept are running sums by product, minute and partition, what is under way, and
//! the last few thousand orders. An order that was proved is forgotten; when
//! something is asked of it later, it is taken from its row again.
//!
//! Not judged: rows that were altered after they were proved, unless something is
//! asked of them again or a sum shows it; payments and processed events of ids
//! that are nowhere in the log. That is left to the audit at rest.

mod asks;
mod base;
mod books;
mod close;
mod follow;
pub mod metrics;
mod reach;
mod rows;
mod standing;
mod step;
mod sums;
mod told;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use service::kafka::let_go;
use sqlx::postgres::PgConnection;

pub use books::Books;
pub use follow::run;
pub use standing::{Standing, Watermark};

use crate::config::{Begin, Config, Settle};
use crate::error::{CannotJudge, Trouble};
use crate::fold::progress::Extent;
use crate::invariants::Invariant;
use crate::place::Topic;
use crate::read::log::Log;
use crate::read::tail::Tail;
use crate::read::{snapshot, window};
use crate::report::{Counts, Report, Times};
use crate::rules::OwnedRecord;

/// Comparing the sums takes at most one part in so many of the time.
const SUMS_SHARE: u32 = 50;
/// Many times what a step takes on a slow server.
const STEP_MAX: Duration = Duration::from_secs(120);

/// True only when no row is of an id that is nowhere in the log: the watch sees none of
/// those, so it says nothing of them but what it finds beside.
const NEED_A_SCAN: [Invariant; 2] =
    [Invariant::ProcessedEventUnexpected, Invariant::PaymentWithoutOrder];

/// A watch in progress.
pub struct Watch {
    config: Config,
    books: Books,
    tail: Option<Tail>,
    database: Option<PgConnection>,
    /// Events of orders that were forgotten, to be looked up.
    strangers: Vec<OwnedRecord>,
    sums_due: Instant,
    standing: Standing,
    /// When its lag was so long.
    stood_at: Instant,
    read: Counts,
}

impl Watch {
    /// Looks where the log begins; nothing is read yet.
    pub async fn open(config: &Config, from: Begin) -> Result<Self, Trouble> {
        let log = Log::new(&config.brokers, &config.topics, config.progress);
        let extents = tokio::task::spawn_blocking(move || log.extents(&Topic::ALL)).await;
        let extents = extents
            .unwrap_or_else(|error| Err(CannotJudge::because(format!("asking failed: {error}"))))
            .map_err(|why| again(&why))?;
        if from == Begin::Earliest {
            let hint = "; --from latest begins with the tables as they are";
            crate::quiescence::whole_log(config, &extents).map_err(|mut why| {
                why.missing.iter_mut().for_each(|missing| missing.push_str(hint));
                Trouble::ForGood(why)
            })?;
        }
        let inputs = extents.iter().filter(|e| matches!(e.topic, Topic::Orders | Topic::Stock));
        let lanes = inputs.map(|extent| ((extent.topic, extent.partition), extent.low));
        let mut watch = Self {
            config: config.clone(),
            books: Books::new(lanes, kept_since_s(config), seconds(patience(config))),
            tail: None,
            database: None,
            strangers: Vec::new(),
            sums_due: Instant::now(),
            standing: Standing::default(),
            stood_at: Instant::now(),
            read: Counts::default(),
        };
        let mut database = watch.connect().await.map_err(|why| again(&why))?;
        let extents = match from {
            Begin::Earliest => extents,
            Begin::Latest => watch.believe(&mut database, extents).await?,
        };
        watch.database = Some(database);
        watch.read_on(&extents)?;
        Ok(watch)
    }

    /// How many proved orders are remembered all the same.
    pub fn keep(&mut self, orders: usize) {
        self.books.kept = orders;
    }

    /// Makes one step; says whether it reached the level of the tables.
    pub async fn step(&mut self) -> Result<bool, Trouble> {
        let began = Instant::now();
        let level = self.step_within(STEP_MAX).await;
        metrics::show(&self.standing, self.lag_seconds(), &self.books.findings);
        if level.is_ok() {
            metrics::step(began.elapsed().as_secs_f64(), self.books.retained());
        }
        level
    }

    /// A step that takes longer fails like any other: PostgreSQL may vanish without a word.
    pub async fn step_within(&mut self, longest: Duration) -> Result<bool, Trouble> {
        let began_us = now_us();
        let ends = self.ends()?;
        let late = || Trouble::Again(format!("PostgreSQL: no answer within {longest:?}"));
        let step = tokio::time::timeout(longest, self.step_once(&ends));
        let stepped = step.await.unwrap_or_else(|_elapsed| Err(late()))?;
        self.count_records();
        let standing = Standing::of(&self.books, &self.config.topics, &ends, began_us, now_us());
        if stepped.sums {
            (self.standing, self.stood_at) = (standing, Instant::now());
        } else {
            // Not proved further, but what was found was found.
            let Standing { proved_orders, late, findings, .. } = standing;
            let whole = self.standing.whole && stepped.level;
            let before = std::mem::take(&mut self.standing);
            self.standing = Standing { proved_orders, late, findings, whole, ..before };
        }
        Ok(stepped.level)
    }

    /// How far behind the head the books are proved, at most, now.
    pub fn lag_seconds(&self) -> f64 {
        self.standing.lag_seconds + self.stood_at.elapsed().as_secs_f64()
    }

    /// Where the topics end. A client that has lost Kafka is replaced before the next
    /// step.
    fn ends(&mut self) -> Result<Vec<Extent>, Trouble> {
        let tail = self.tail.as_ref().ok_or_else(not_open)?;
        let ends = tail.extents();
        if ends.is_err() && tail.has_lost_kafka(&self.config.brokers) {
            let from = tail.positions();
            self.read_on(&from)?;
        }
        ends
    }

    /// Takes a new client, which reads from there.
    fn read_on(&mut self, from: &[Extent]) -> Result<(), Trouble> {
        let fresh = Tail::open(&self.config.brokers, &self.config.topics, from)?;
        self.tail.replace(fresh).into_iter().for_each(let_go);
        Ok(())
    }

    fn count_records(&mut self) {
        let read = |of: Topic| {
            let lanes = self.books.lanes().filter(|((topic, _), _)| *topic == of);
            lanes.map(|(_, lane)| lane.folded.abs_diff(lane.from)).sum()
        };
        (self.read.orders, self.read.stock) = (read(Topic::Orders), read(Topic::Stock));
    }

    /// Has the next step compare the sums, however dear that is.
    pub fn compare_next(&mut self) {
        self.sums_due = Instant::now();
    }

    /// How far the books are proved.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What the watch knows.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// The verdict so far.
    pub fn report(&self, seconds: f64) -> Report {
        let times = Times { waited_seconds: 0.0, seconds };
        let (findings, topics) = (&self.books.findings, &self.config.topics);
        let judged = |invariant: Invariant| {
            let seen = findings.count(invariant) > 0 || !NEED_A_SCAN.contains(&invariant);
            seen && !invariant.needs_receipts()
        };
        let report = Report::judged_where(findings, self.read, times, topics, judged);
        report.watched(self.standing.clone())
    }

    fn patience(&self) -> Duration {
        patience(&self.config)
    }

    async fn database(&mut self) -> Result<PgConnection, Trouble> {
        match self.database.take() {
            Some(connection) => Ok(connection),
            None => self.connect().await.map_err(|why| again(&why)),
        }
    }

    async fn connect(&self) -> Result<PgConnection, CannotJudge> {
        let mut connection = snapshot::connect(&self.config.database_url).await?;
        window::prepare(&mut connection).await?;
        Ok(connection)
    }
}

fn patience(config: &Config) -> Duration {
    match config.settle {
        Settle::Within(patience) => patience,
        Settle::AsIs => Duration::ZERO,
    }
}

/// What was written before may be forgotten by the processor, now.
fn kept_since_s(config: &Config) -> u32 {
    now_s().saturating_sub(seconds(config.retention))
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

fn now_us() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}

fn now_s() -> u32 {
    u32::try_from(now_us() / 1_000_000).unwrap_or(u32::MAX)
}

fn not_open() -> Trouble {
    Trouble::Again("the log is not open".to_owned())
}

fn again(why: &CannotJudge) -> Trouble {
    Trouble::Again(why.to_string())
}
