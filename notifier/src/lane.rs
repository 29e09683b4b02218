//! One sink's lane: gather, commit, tell. Runs on a thread of its own, for the
//! Kafka client blocks; it polls at least every few seconds in every state, so
//! the group never takes it for dead.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use service::backoff::Backoff;
use service::health::Health;
use tokio_util::sync::CancellationToken;

use crate::chunk::Chunk;
use crate::consumer::{Change, Reader, Source};
use crate::metrics::LaneMetrics;
use crate::progress::Progress;
use crate::record::{Record, Skip};
use crate::sink::Sink;
use crate::window::Window;

/// The longest that an event waits for company; also how often an idle lane
/// looks up.
const GATHER: Duration = Duration::from_millis(100);
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LONGEST: Duration = Duration::from_secs(15);

/// The readiness condition of all lanes.
const KAFKA: &str = "kafka";

/// A lane and what it has in hand.
pub struct Lane {
    name: String,
    reader: Reader,
    sink: Sink,
    health: Health,
    metrics: LaneMetrics,
    window: usize,
    partitions: HashMap<i32, Partition>,
    chunk: Chunk,
    backoff: Backoff,
    reading: Reading,
}

/// What a lane knows of a partition it owns.
struct Partition {
    /// As it was when the partition came.
    inherited: Progress,
    seen: Window,
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
        health.fail(KAFKA, "not reached yet");
        Ok(Self {
            name: name.to_owned(),
            reader: Reader::join(source)?,
            sink,
            health,
            metrics: LaneMetrics::new(name),
            window,
            partitions: HashMap::new(),
            chunk: Chunk::default(),
            backoff: Backoff::new(RETRY_FIRST, RETRY_LONGEST),
            reading: Reading::On,
        })
    }

    /// Tells until `stop`. Whenever the lane polls, the committed progress is
    /// exactly what was told, so it may lose a partition or end there.
    ///
    /// # Errors
    /// The Kafka client or the sink failed for good.
    pub fn run(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        while !stop.is_cancelled() {
            self.look_for_kafka();
            match self.reading {
                Reading::On => self.gather()?,
                Reading::Paused => self.wait(stop)?,
            }
            if !self.chunk.is_empty() && !stop.is_cancelled() {
                self.turn(stop)?;
            }
        }
        tracing::info!(sink = self.name, "lane stopped");
        Ok(())
    }

    /// Whether a broker that was away answers, and has the topic. The client tells
    /// of the loss only.
    fn look_for_kafka(&self) {
        if !self.health.is_failing(KAFKA) {
            return;
        }
        match self.reader.find_topic() {
            Ok(()) => self.health.pass(KAFKA),
            Err(error) => self.health.fail(KAFKA, format!("{error:#}")),
        }
    }

    /// Commits the chunk, tells it, and takes the progress back where it was
    /// not taken.
    fn turn(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        if let Err(error) = self.reader.commit(&self.chunk.end()) {
            self.health.fail(KAFKA, format!("cannot commit progress: {error}"));
            return self.hold(&format!("cannot commit progress: {error}"));
        }
        self.health.pass(KAFKA);
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
        self.chunk = Chunk::default();
        self.resume()
    }

    fn take_back(&mut self, problem: Option<String>) -> anyhow::Result<()> {
        if let Err(error) = self.reader.commit(&self.chunk.progress()) {
            let events = self.chunk.pending.len();
            tracing::error!(sink = self.name, events, %error,
                "cannot take progress back; a crash now would lose these events");
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
        if matches!(&polled, Some(Err(error)) if is_loss(error)) {
            self.health.fail(KAFKA, "all brokers are away");
        }
        let changes = reader.changes();
        if changes.is_empty() {
            return read(polled, partitions, chunk, metrics);
        }
        // A rebalance comes without a record; should one come along, it is from
        // after the rebalance, and its partition must be known first.
        for change in changes {
            apply(change, partitions, chunk, self.window)?;
        }
        read(polled, partitions, chunk, metrics)?;
        if self.reading == Reading::Paused {
            self.reader.pause().context("cannot pause new partitions")?;
        }
        Ok(())
    }
}

fn apply(
    change: Change,
    partitions: &mut HashMap<i32, Partition>,
    chunk: &mut Chunk,
    window: usize,
) -> anyhow::Result<()> {
    match change {
        Change::Assigned(partition, inherited) => {
            partitions.insert(partition, Partition { inherited, seen: Window::new(window) });
        }
        Change::Revoked(partition) => {
            partitions.remove(&partition);
            chunk.forget(partition);
        }
        Change::Failed(error) => {
            return Err(error).context("cannot learn how far new partitions are told");
        }
    }
    Ok(())
}

fn is_loss(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown)
}

fn read(
    polled: Option<KafkaResult<BorrowedMessage<'_>>>,
    partitions: &mut HashMap<i32, Partition>,
    chunk: &mut Chunk,
    metrics: &LaneMetrics,
) -> anyhow::Result<()> {
    let message = match polled {
        None => return Ok(()),
        Some(Ok(message)) => message,
        Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
            bail!("the Kafka consumer failed for good: {code}")
        }
        Some(Err(error)) => {
            // The client has logged it already.
            tracing::debug!(%error, "Kafka consumer");
            return Ok(());
        }
    };
    let record = Record::of(&message);
    let (number, offset) =
        (rdkafka::Message::partition(&message), rdkafka::Message::offset(&message));
    let Some(partition) = partitions.get_mut(&number) else {
        tracing::warn!(partition = number, "record of a partition that is not ours");
        return Ok(());
    };
    let event = record.and_then(|record| record.read());
    let fresh = event.as_ref().is_ok_and(|event| partition.seen.insert(event.id.as_bytes()));
    if partition.inherited.covers(offset) {
        if offset >= partition.inherited.next {
            chunk.pass_told(number, offset);
        }
        return Ok(());
    }
    match event {
        Ok(event) if fresh => chunk.push(event),
        Ok(_) => {
            metrics.duplicates.increment(1);
            chunk.pass(number, offset);
        }
        Err(why) => {
            skip(why, number, offset, metrics);
            chunk.pass(number, offset);
        }
    }
    Ok(())
}

fn skip(why: Skip, partition: i32, offset: i64, metrics: &LaneMetrics) {
    tracing::debug!(reason = why.as_str(), partition, offset, "record skipped");
    metrics.skipped(why);
}
