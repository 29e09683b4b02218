//! One sink's lane: gather, commit, tell. Runs on a thread of its own, for the
//! Kafka client blocks; it polls at least every few seconds in every state, so
//! the group never takes it for dead.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use rdkafka::error::KafkaResult;
use service::backoff::Backoff;
use service::health::Health;
use service::kafka::Silence;
use service::kafka::membership::Membership;
use tokio_util::sync::CancellationToken;

use crate::chunk::Chunk;
use crate::consumer::{Change, Reader, Source};
use crate::metrics::LaneMetrics;
use crate::sink::Sink;

mod committed;
mod looks;
mod read;
mod rejoin;

use self::committed::Committed;
use self::read::{Partition, apply, is_loss, is_out_of_log, read};
use self::rejoin::Rejoin;

/// The longest that an event waits for company; also how often an idle lane
/// looks up.
const GATHER: Duration = Duration::from_millis(100);
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LONGEST: Duration = Duration::from_secs(15);

/// A lane and what it has in hand.
pub struct Lane {
    name: String,
    reader: Reader,
    silence: Silence,
    membership: Membership,
    sink: Sink,
    health: Health,
    /// Readiness conditions of this lane: whether Kafka answers, and takes progress, and
    /// whether the sink takes events.
    condition: String,
    progress: String,
    telling: String,
    metrics: LaneMetrics,
    window: usize,
    partitions: HashMap<i32, Partition>,
    chunk: Chunk,
    backoff: Backoff,
    reading: Reading,
    committed: Committed,
    rejoin: Rejoin,
}

/// Whether the lane fetches records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    On,
    /// The sink or the broker is down; the log keeps the rest.
    Paused,
}

impl Lane {
    /// Joins the group of this lane.
    ///
    /// # Errors
    /// The Kafka client refuses its settings.
    pub fn new(name: &str, source: Source, sink: Sink, health: Health) -> anyhow::Result<Self> {
        let window = source.window;
        let condition = format!("kafka for {name}");
        health.fail(&condition, "not reached yet");
        Ok(Self {
            name: name.to_owned(),
            reader: Reader::join(source)?,
            silence: Silence::from(Instant::now()),
            membership: Membership::default(),
            sink,
            health,
            condition,
            progress: format!("progress of {name}"),
            telling: format!("sink {name}"),
            metrics: LaneMetrics::new(name),
            window,
            partitions: HashMap::new(),
            chunk: Chunk::default(),
            backoff: Backoff::new(RETRY_FIRST, RETRY_LONGEST),
            reading: Reading::On,
            committed: Committed::Told,
            rejoin: Rejoin::default(),
        })
    }

    /// Tells until `stop`. Whenever the lane polls, the committed progress is
    /// exactly what was told, so it may lose a partition or end there; where it could
    /// not be taken back, the lane keeps what it owes and tells it, and where nobody
    /// knows it asks.
    ///
    /// # Errors
    /// The Kafka client or the sink failed for good.
    pub fn run(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        while !stop.is_cancelled() {
            self.look_for_kafka()?;
            self.look_for_membership()?;
            match self.reading {
                Reading::On => self.gather()?,
                Reading::Paused => self.wait(stop)?,
            }
            if stop.is_cancelled() {
                break;
            }
            if self.chunk.is_empty() {
                // What it waited for may be another's by now.
                self.finish()?;
            } else {
                self.turn(stop)?;
            }
        }
        self.leave(stop)?;
        tracing::info!(sink = self.name, "lane stopped");
        Ok(())
    }

    /// Leaves nothing that counts as told and is not.
    fn leave(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        match self.committed {
            Committed::All => self.take_back(None)?,
            // Learns what counts as told; what does, it tells or takes back.
            Committed::Unanswered => self.turn(stop)?,
            Committed::Told | Committed::Owed => {}
        }
        self.committed.end(self.chunk.pending.len())
    }

    /// Commits the chunk, tells it, and takes the progress back where it was
    /// not taken.
    fn turn(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        if matches!(self.committed, Committed::Told | Committed::Unanswered) {
            self.committed = Committed::Unanswered;
            if !self.chunk.doubtful().is_empty() && self.rejoin.is_under_way(Instant::now()) {
                return self.hold("waits for its partitions to know what counts as told");
            }
            if let Err(error) = self.count_as_told() {
                self.health.fail(&self.progress, error.to_string());
                return self.hold(&format!("cannot commit progress: {error}"));
            }
            self.committed = Committed::all_of(&self.chunk);
            self.health.pass(&self.progress);
        }
        let chunk = std::mem::take(&mut self.chunk.pending);
        let records = chunk.len();
        if records > 0 {
            let report = self.sink.tell(chunk, stop).context("a sink failed for good")?;
            self.metrics.told.increment((records - report.left.len()) as u64);
            self.metrics.chunk.record(records as f64);
            let problem = report.problem.clone();
            self.chunk.settle(report);
            if !self.chunk.pending.is_empty() {
                return self.take_back(problem);
            }
        }
        self.finish()
    }

    /// Has the group count the chunk as told; of partitions that may be another's by
    /// now, only what counts already stays in hand.
    fn count_as_told(&mut self) -> KafkaResult<()> {
        let doubtful = self.chunk.doubtful();
        if !doubtful.is_empty() {
            let counted = self.reader.took(&doubtful)?;
            tracing::warn!(
                sink = self.name,
                doubtful = doubtful.len(),
                counted = counted.len(),
                "partitions left before a commit was answered; telling those that it reached"
            );
            self.chunk.keep(&counted);
        }
        let end = self.chunk.end();
        if end.is_empty() { Ok(()) } else { self.reader.commit(&end) }
    }

    /// Nothing is in hand, and nothing owed.
    fn finish(&mut self) -> anyhow::Result<()> {
        self.chunk = Chunk::default();
        self.committed = Committed::Told;
        self.resume()
    }

    fn take_back(&mut self, problem: Option<String>) -> anyhow::Result<()> {
        if self.committed != Committed::Owed {
            self.committed = match self.reader.commit(&self.chunk.progress()) {
                Ok(()) => Committed::Told,
                Err(error) => {
                    let events = self.chunk.pending.len();
                    tracing::error!(sink = self.name, events, %error,
                        "cannot take progress back; a crash now would lose these events");
                    Committed::All
                }
            };
        }
        match problem {
            Some(problem) => {
                self.health.fail(&self.telling, problem.as_str());
                self.metrics.up.set(0.0);
                self.metrics.retries.increment(1);
                self.hold(&problem)
            }
            None => Ok(()),
        }
    }

    /// Stops reading until the chunk in hand is through.
    fn hold(&mut self, problem: &str) -> anyhow::Result<()> {
        if self.reading == Reading::On {
            let events = self.chunk.pending.len();
            tracing::warn!(
                sink = self.name,
                problem,
                events,
                "lane waits, the log keeps what comes"
            );
            self.reader.pause().context("cannot pause")?;
            self.reading = Reading::Paused;
        }
        Ok(())
    }

    fn resume(&mut self) -> anyhow::Result<()> {
        if self.reading == Reading::Paused {
            tracing::info!(sink = self.name, tries = self.backoff.tries(), "lane goes on");
            self.reader.resume().context("cannot resume")?;
            self.reading = Reading::On;
            self.health.pass(&self.progress);
            self.health.pass(&self.telling);
            self.metrics.up.set(1.0);
            self.backoff.reset();
        }
        Ok(())
    }

    /// Reads until the chunk is full or its time is over.
    fn gather(&mut self) -> anyhow::Result<()> {
        let (limit, end) = (self.sink.chunk_max(), Instant::now() + GATHER);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.chunk.pending.len() >= limit {
                return Ok(());
            }
            self.poll(left)?;
        }
    }

    /// Lets a backoff delay pass without leaving the group; it ends when nothing is left
    /// to wait for.
    fn wait(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let end = Instant::now() + self.backoff.next_delay();
        while self.reading == Reading::Paused && !stop.is_cancelled() && Instant::now() < end {
            self.poll(GATHER)?;
        }
        Ok(())
    }

    fn poll(&mut self, timeout: Duration) -> anyhow::Result<()> {
        let Self { reader, partitions, chunk, metrics, .. } = self;
        let polled = reader.poll(timeout);
        match &polled {
            Some(Ok(_)) => self.silence = Silence::from(Instant::now()),
            Some(Err(error)) if is_loss(error) => {
                self.health.fail(&self.condition, "all brokers are away");
            }
            Some(Err(error)) if is_out_of_log(error) => {
                drop(polled);
                return self.find_place();
            }
            _ => {}
        }
        let changes = reader.changes();
        if changes.is_empty() {
            return read(polled, partitions, chunk, metrics);
        }
        // A rebalance comes without a record; should one come along, it is from
        // after the rebalance, and its partition must be known first.
        for change in changes {
            if matches!(change, Change::Assigned(..)) {
                self.rejoin.end();
            }
            self.committed = self.committed.follow(&change, chunk);
            apply(change, partitions, self.window)?;
        }
        read(polled, partitions, chunk, metrics)?;
        if self.reading == Reading::Paused {
            self.reader.pause().context("cannot pause new partitions")?;
        }
        Ok(())
    }
}
