//! One sink's lane: gather, commit, tell. Runs on a thread of its own, for the
//! Kafka client blocks; it polls at least every few seconds in every state, so
//! the group never takes it for dead.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use service::backoff::Backoff;
use service::health::Health;
use service::kafka::Silence;
use tokio_util::sync::CancellationToken;

use crate::chunk::Chunk;
use crate::consumer::{Change, Membership, Reader, Source};
use crate::metrics::LaneMetrics;
use crate::sink::Sink;

mod read;

use self::read::{Partition, apply, is_loss, read};

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
    sink: Sink,
    health: Health,
    /// Readiness conditions of this lane: whether Kafka answers, and takes progress.
    condition: String,
    progress: String,
    metrics: LaneMetrics,
    window: usize,
    partitions: HashMap<i32, Partition>,
    chunk: Chunk,
    backoff: Backoff,
    reading: Reading,
    committed: Committed,
}

/// What the committed progress says of the chunk in hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Committed {
    /// No more than was told.
    Told,
    /// All of it: the group counts as told what is not. To be taken back.
    All,
    /// All of it, and its partitions may be another's: nobody but this lane tells it.
    Owed,
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
            sink,
            health,
            condition,
            progress: format!("progress of {name}"),
            metrics: LaneMetrics::new(name),
            window,
            partitions: HashMap::new(),
            chunk: Chunk::default(),
            backoff: Backoff::new(RETRY_FIRST, RETRY_LONGEST),
            reading: Reading::On,
            committed: Committed::Told,
        })
    }

    /// Tells until `stop`. Whenever the lane polls, the committed progress is
    /// exactly what was told, so it may lose a partition or end there; where it could
    /// not be taken back, the lane keeps what it owes and tells it.
    ///
    /// # Errors
    /// The Kafka client or the sink failed for good.
    pub fn run(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        while !stop.is_cancelled() {
            self.look_for_kafka()?;
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
        if self.committed == Committed::All {
            self.take_back(None)?;
        }
        let events = self.chunk.pending.len();
        ensure!(
            self.committed == Committed::Told,
            "{events} events count as told and are not; this sink will not get them"
        );
        tracing::info!(sink = self.name, "lane stopped");
        Ok(())
    }

    /// Whether a broker answers and has the topic, when it was away or nothing has
    /// come for long. The client tells of the loss only.
    fn look_for_kafka(&mut self) -> anyhow::Result<()> {
        let silent = self.silence.is_long(Instant::now());
        if !silent && !self.health.is_failing(&self.condition) {
            return Ok(());
        }
        match self.reader.find_topic() {
            Ok(()) => self.health.pass(&self.condition),
            Err(error) => {
                self.health.fail(&self.condition, format!("{error:#}"));
                if silent && self.reader.join_anew_if_lost()? == Membership::Anew {
                    self.begin_anew();
                }
            }
        }
        Ok(())
    }

    /// Forgets what was read: a new member reads from the committed progress. What
    /// that counts as told stays.
    fn begin_anew(&mut self) {
        tracing::warn!(
            sink = self.name,
            "Kafka answers others and not our consumer: joined the group anew"
        );
        self.partitions.clear();
        if self.committed != Committed::Told {
            self.committed = Committed::Owed;
            return;
        }
        self.chunk = Chunk::default();
        self.reading = Reading::On;
        self.metrics.up.set(1.0);
    }

    /// Commits the chunk, tells it, and takes the progress back where it was
    /// not taken.
    fn turn(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        if self.committed == Committed::Told {
            if let Err(error) = self.reader.commit(&self.chunk.end()) {
                self.health.fail(&self.progress, error.to_string());
                return self.hold(&format!("cannot commit progress: {error}"));
            }
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

    /// Lets a backoff delay pass without leaving the group.
    fn wait(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let end = Instant::now() + self.backoff.next_delay();
        while !stop.is_cancelled() && Instant::now() < end {
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
            _ => {}
        }
        let changes = reader.changes();
        if changes.is_empty() {
            return read(polled, partitions, chunk, metrics);
        }
        // A rebalance comes without a record; should one come along, it is from
        // after the rebalance, and its partition must be known first.
        for change in changes {
            match (&change, self.committed) {
                (Change::Revoked(partition), Committed::Told) => chunk.forget(*partition),
                (Change::Revoked(_), _) => self.committed = Committed::Owed,
                // What could be taken back after all comes again from the log.
                (Change::Assigned(partition, inherited), Committed::Owed) => {
                    chunk.pending.retain(|event| {
                        event.partition != *partition || inherited.covers(event.offset)
                    });
                }
                _ => {}
            }
            apply(change, partitions, self.window)?;
        }
        read(polled, partitions, chunk, metrics)?;
        if self.reading == Reading::Paused {
            self.reader.pause().context("cannot pause new partitions")?;
        }
        Ok(())
    }
}
