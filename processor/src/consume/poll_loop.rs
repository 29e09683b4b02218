//! The poll loop: copies records out of librdkafka and hands each to the worker
//! of its lane. It never waits for a worker: a full queue fills the lane's
//! stash, a full stash pauses the partition, and polling goes on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use contract::topic::Topics;
use foldhash::fast::FixedState;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Message, TopicPartitionList};
use service::health::Health;
use service::kafka::Silence;
use service::kafka::membership::Membership;
use tokio_util::sync::CancellationToken;

use super::Claims;
use super::assignment::{Assignment, Change};
use super::copy::copy;
use super::doubts::Doubts;
use super::lag::STATISTICS_INTERVAL_MS;
use super::stash::{Flow, Stash};
use super::watchdog::Watchdog;
use crate::lane::{Claim, LaneId, Record, Source};
use crate::metrics::PollMetrics;
use crate::store::Database;
use crate::work::{QueueFull, Read, Task, WorkQueue};

mod another_log;
mod hint;
mod looks;
mod standstill;

use another_log::Question;

/// How long one poll waits for a record.
const POLL_WAIT: Duration = Duration::from_millis(50);
/// The same while some lane holds records back.
const POLL_WAIT_STASHED: Duration = Duration::from_millis(2);
/// Records between two looks at everything else.
const BURST: usize = 500;

/// What the poll loop needs.
pub struct PollConfig {
    /// Kafka.
    pub brokers: String,
    /// The consumer group.
    pub group: String,
    /// The topics.
    pub topics: Topics,
    /// Whether Kafka answers.
    pub health: Health,
}

/// The loop.
pub struct PollLoop {
    consumer: BaseConsumer<Assignment>,
    config: PollConfig,
    workers: Vec<WorkQueue>,
    lanes: HashMap<LaneId, LaneFeed, FixedState>,
    metrics: PollMetrics,
    hinted_at: Instant,
    silence: Silence,
    membership: Membership,
    /// When to ask again whether the inputs are there.
    topics_at: Instant,
    doubts: Doubts,
    question: Option<Question>,
}

struct LaneFeed {
    claim: Claim,
    /// The next offset to hand over; anything below was handed over already.
    expected: i64,
    stash: Stash,
    hinted: i64,
    /// Since when another process owns the lane, as far as we noticed.
    lost_at: Option<Instant>,
    watchdog: Watchdog,
    /// Why it stands still, as it was told last.
    trouble: Option<String>,
}

impl LaneFeed {
    /// The first offset that is not committed; where it was claimed until something is.
    fn committed(&self) -> i64 {
        self.claim.tenure.committed().max(self.claim.next_offset)
    }
}

impl PollLoop {
    /// Joins the group. Must be called inside a runtime, which serves the claims.
    ///
    /// # Errors
    /// librdkafka refuses the configuration.
    pub fn new(
        config: PollConfig,
        database: Database,
        claims: Claims,
        workers: Vec<WorkQueue>,
    ) -> anyhow::Result<Self> {
        config.health.fail("kafka", "not reached yet");
        let context = Assignment::new(tokio::runtime::Handle::current(), database, claims);
        Ok(Self {
            consumer: join(&config, context)?,
            config,
            workers,
            lanes: HashMap::default(),
            metrics: PollMetrics::new(),
            hinted_at: Instant::now(),
            silence: Silence::from(Instant::now()),
            membership: Membership::default(),
            topics_at: Instant::now(),
            doubts: Doubts::new(Instant::now()),
            question: None,
        })
    }

    /// Polls until `stop`, then keeps its membership until `drained`, leaves the
    /// group and returns.
    ///
    /// # Errors
    /// A partition cannot be claimed, records are gone from the log, or the
    /// consumer met a fatal error.
    pub fn run(
        mut self,
        stop: &CancellationToken,
        drained: &CancellationToken,
    ) -> anyhow::Result<()> {
        self.find_topics(stop)?;
        while !stop.is_cancelled() {
            self.burst(stop)?;
            self.feed_workers();
            self.pause_and_resume()?;
            self.hint(false);
            self.look_for_kafka()?;
            self.look_for_topics();
            self.look_for_membership()?;
            self.look_for_another_log()?;
            self.look_for_lost_lanes()?;
            self.look_for_standstill()?;
        }
        self.pause_all();
        while !drained.is_cancelled() {
            // Membership needs polling; nothing new is fetched while paused.
            if let Some(Ok(_late)) = self.consumer.poll(POLL_WAIT) {}
            self.take_changes()?;
        }
        self.leave();
        Ok(())
    }

    fn burst(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let stashed = self.lanes.values().any(|feed| !feed.stash.is_empty());
        let mut wait = if stashed { POLL_WAIT_STASHED } else { POLL_WAIT };
        let mut heard = false;
        for _ in 0..BURST {
            let polled = match self.consumer.poll(wait) {
                None => None,
                Some(Ok(message)) => {
                    let source = Source::of(message.topic(), &self.config.topics);
                    source.map(|source| {
                        copy(&message, LaneId { source, partition: message.partition() })
                    })
                }
                Some(Err(error)) => {
                    self.judge(&error)?;
                    None
                }
            };
            // A rebalance inside poll comes before the record after it.
            self.take_changes()?;
            let Some(record) = polled else { break };
            self.hand_over(record);
            heard = true;
            if stop.is_cancelled() {
                break;
            }
            wait = Duration::ZERO;
        }
        if heard {
            self.silence = Silence::from(Instant::now());
        }
        for worker in &self.workers {
            worker.wake();
        }
        Ok(())
    }

    fn hand_over(&mut self, record: Record) {
        self.metrics.polled.increment(1);
        let lane = record.lane;
        let Some(feed) = self.lanes.get_mut(&lane) else { return };
        if record.offset < feed.expected {
            return;
        }
        // Offsets may be missing from a log (compaction, transaction markers),
        // so a step of more than one is no loss; retention is caught by the
        // consumer itself, which finds its offset gone.
        feed.expected = record.offset + 1;
        let size = record.size();
        let task = Task::Record(Read { epoch: feed.claim.epoch, record });
        if !feed.stash.is_empty() {
            return feed.stash.push(task, size);
        }
        if let Err(QueueFull(task)) = worker_of(&self.workers, lane).try_put(task) {
            feed.stash.push(task, size);
        }
    }

    fn take_changes(&mut self) -> anyhow::Result<()> {
        while let Some(change) = self.consumer.context().next_change() {
            match change {
                Change::Assigned(claim) => self.assigned(claim),
                Change::Revoked(lane) => self.revoked(lane),
                Change::Failed(error) => return Err(error),
            }
            self.metrics.rebalances.increment(1);
            self.metrics.assigned.set(self.lanes.len() as f64);
        }
        Ok(())
    }

    fn assigned(&mut self, claim: Claim) {
        let lane = claim.lane;
        let mut stash = Stash::default();
        let expected = claim.next_offset;
        if let Err(QueueFull(task)) =
            worker_of(&self.workers, lane).try_put(Task::Claimed(claim.clone()))
        {
            stash.push(task, 0);
        }
        let watchdog = Watchdog::new(Instant::now());
        match claim.witness {
            Some(witness) => self.doubts.raise(lane, witness),
            None => claim.tenure.set_knows_log(),
        }
        let feed =
            LaneFeed { claim, expected, stash, hinted: -1, lost_at: None, watchdog, trouble: None };
        self.lanes.insert(lane, feed);
        // A partition that was paused when it left is still paused when it
        // comes back.
        if let Err(error) = self.consumer.resume(&self.list(lane)) {
            tracing::warn!(%lane, %error, "cannot resume");
        }
    }

    fn revoked(&mut self, lane: LaneId) {
        let Some(feed) = self.lanes.remove(&lane) else { return };
        self.doubts.forget(lane);
        feed.claim.tenure.end();
        crate::metrics::show_lag(lane.topic(&self.config.topics), lane.partition, 0);
        tracing::info!(%lane, "partition revoked");
    }

    fn feed_workers(&mut self) {
        for (lane, feed) in &mut self.lanes {
            let worker = worker_of(&self.workers, *lane);
            feed.stash.drain(|task| worker.try_put(task).map_err(|QueueFull(task)| task));
        }
    }

    fn pause_and_resume(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let flows: Vec<_> =
            self.lanes.iter_mut().map(|(lane, feed)| (*lane, feed.stash.flow(now))).collect();
        for (lane, flow) in flows {
            let list = self.list(lane);
            match flow {
                Flow::Keep => continue,
                Flow::Pause => self.consumer.pause(&list),
                Flow::Resume => self.consumer.resume(&list),
            }
            .with_context(|| format!("cannot pause or resume {lane}"))?;
        }
        self.metrics
            .paused
            .set(self.lanes.values().filter(|feed| feed.stash.is_paused()).count() as f64);
        Ok(())
    }

    fn pause_all(&self) {
        for lane in self.lanes.keys() {
            // A partition that cannot be paused is read in vain, not wrongly.
            let _harmless = self.consumer.pause(&self.list(*lane));
        }
    }

    /// Closing the consumer, which dropping it does, gives the partitions back and
    /// leaves the group. To unsubscribe first would give them back without leaving:
    /// the others would wait for the session to time out.
    fn leave(mut self) {
        self.hint(true);
    }

    /// Errors of librdkafka are news, not orders: it mends most by itself.
    fn judge(&self, error: &KafkaError) -> anyhow::Result<()> {
        self.metrics.errors.increment(1);
        if let Some((code, reason)) = self.consumer.client().fatal_error() {
            bail!("the Kafka consumer met a fatal error ({code}): {reason}");
        }
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
            bail!("{}", self.name_the_gap());
        }
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.config.health.fail("kafka", error.to_string());
        }
        tracing::warn!(%error, "kafka");
        Ok(())
    }

    fn list(&self, lane: LaneId) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition(lane.topic(&self.config.topics), lane.partition);
        list
    }
}

/// Subscribes a new consumer, which joins the group while it is polled.
fn join(config: &PollConfig, context: Assignment) -> anyhow::Result<BaseConsumer<Assignment>> {
    let mut settings =
        service::kafka::consumer(&config.brokers, "ordermill-processor", &config.group);
    // We always say where to read; a place that is gone must stop us, not move us.
    settings.set("auto.offset.reset", "error");
    settings.set("statistics.interval.ms", STATISTICS_INTERVAL_MS);
    let consumer: BaseConsumer<Assignment> =
        settings.create_with_context(context).context("cannot make a Kafka consumer")?;
    consumer
        .subscribe(&[&config.topics.orders, &config.topics.stock])
        .context("cannot subscribe to the input topics")?;
    Ok(consumer)
}

/// A lane stays with one worker, so its records keep their order.
fn worker_of(workers: &[WorkQueue], lane: LaneId) -> &WorkQueue {
    &workers[lane.partition.unsigned_abs() as usize % workers.len()]
}
