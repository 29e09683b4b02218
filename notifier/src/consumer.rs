//! The Kafka edge of a lane: a consumer whose partitions start one window before
//! their progress, and which tells the lane what came and went.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use service::backoff::Backoff;
use service::kafka::{has_lost_kafka, let_go};

use crate::progress::{Finding, Progress, Start, start};

const LOOK_TIMEOUT: Duration = Duration::from_millis(500);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a commit may take. The client gives a request up after a session (10 s)
/// and asks again once; across a broker's pause one was seen to wait for ever.
const COMMIT_MAX: Duration = Duration::from_secs(25);
/// How long the lane tries to learn the progress of new partitions; brokers that
/// were just started do not know yet which partitions they lead. Well below
/// `max.poll.interval.ms`, for nothing else happens meanwhile.
const ASSIGN_PATIENCE: Duration = Duration::from_secs(60);
const ASSIGN_RETRY_FIRST: Duration = Duration::from_millis(50);
const ASSIGN_RETRY_LONGEST: Duration = Duration::from_secs(2);

/// What a rebalance did.
#[derive(Debug)]
pub enum Change {
    /// A partition is ours from here on.
    Assigned(i32, Progress),
    /// A partition is another's, or nobody's.
    Revoked(i32),
    /// The progress of new partitions could not be learned.
    Failed(KafkaError),
}

/// Whether a reader is the member of its group that it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Member {
    /// It is.
    Same,
    /// It is a new one, without partitions yet.
    New,
}

/// Where a lane reads.
#[derive(Clone, Debug)]
pub struct Source {
    /// Bootstrap servers.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// The consumer group of this lane.
    pub group: String,
    /// How many records before its progress a partition is read from.
    pub window: usize,
}

/// A consumer of one lane.
pub struct Reader {
    consumer: Arc<BaseConsumer<Edge>>,
    source: Source,
    /// Goes with this lane's progress and with nobody else's: it tells whose is the last.
    mark: String,
    changes: Arc<Mutex<Vec<Change>>>,
}

/// What runs inside the client's callbacks, on the lane's own thread.
struct Edge {
    source: Source,
    changes: Arc<Mutex<Vec<Change>>>,
}

impl Reader {
    /// Joins the group.
    ///
    /// # Errors
    /// The client refuses its settings.
    pub fn join(source: Source) -> anyhow::Result<Self> {
        Self::join_with(service::clock::mint().to_string(), source)
    }

    fn join_with(mark: String, source: Source) -> anyhow::Result<Self> {
        let changes = Arc::default();
        let mut config = service::kafka::consumer(&source.brokers, "notifier", &source.group);
        // A lane takes some thousand records at a time and keeps what waits in the log.
        config
            // A place that the log does not have is looked into, not passed over.
            .set("auto.offset.reset", "error")
            .set("queued.min.messages", "5000")
            .set("queued.max.messages.kbytes", "4096")
            // Nobody feels a tenth of a second here, and the broker is spared ninety
            // of a hundred fetches.
            .set("fetch.wait.max.ms", "100");
        let edge = Edge { source: source.clone(), changes: Arc::clone(&changes) };
        let consumer: BaseConsumer<Edge> =
            config.create_with_context(edge).context("cannot make a Kafka consumer")?;
        let topic = source.topic.as_str();
        consumer.subscribe(&[topic]).with_context(|| format!("cannot subscribe to {topic}"))?;
        Ok(Self { consumer: Arc::new(consumer), source, mark, changes })
    }

    /// Joins the group anew when this client has lost Kafka: all partitions are gone
    /// then. Blocks for some seconds.
    ///
    /// # Errors
    /// The client refuses its settings.
    pub fn join_anew_if_lost(&mut self) -> anyhow::Result<Member> {
        if !has_lost_kafka(self.consumer.client(), &self.source.brokers) {
            return Ok(Member::Same);
        }
        self.join_anew()?;
        Ok(Member::New)
    }

    /// Joins the group as a new member, without partitions yet.
    ///
    /// # Errors
    /// The client refuses its settings.
    pub fn join_anew(&mut self) -> anyhow::Result<()> {
        let anew = Self::join_with(self.mark.clone(), self.source.clone())?;
        let_go(std::mem::replace(self, anew));
        Ok(())
    }

    /// The next record, if one comes within `timeout`. Look at
    /// [`Self::changes`] before using it.
    pub fn poll(&self, timeout: Duration) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        // With no time at all the client would hand out a record in the same
        // call in which it rebalanced.
        self.consumer.poll(timeout.max(Duration::from_millis(1)))
    }

    /// Asks the broker for the topic.
    ///
    /// # Errors
    /// No broker answers within half a second, or it has no such topic.
    pub fn find_topic(&self) -> anyhow::Result<()> {
        let metadata = self.consumer.fetch_metadata(Some(&self.source.topic), LOOK_TIMEOUT)?;
        let found = metadata.topics().iter().any(|topic| topic.error().is_none());
        anyhow::ensure!(found, "topic {} does not exist", self.source.topic);
        Ok(())
    }

    /// What rebalances did since the last call.
    pub fn changes(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Commits progress and waits for the broker's word. The client has no bound for
    /// that, so a thread of its own waits; one that waits for ever keeps its client until
    /// the process ends.
    ///
    /// # Errors
    /// The broker is away, or the partitions are another's now.
    pub fn commit(&self, progress: &[(i32, Progress)]) -> KafkaResult<()> {
        let mut offsets = TopicPartitionList::with_capacity(progress.len());
        for (partition, progress) in progress {
            let mut element = offsets.add_partition(&self.source.topic, *partition);
            element.set_offset(Offset::Offset(progress.next))?;
            element.set_metadata(if progress.told.is_empty() {
                self.mark.clone()
            } else {
                progress.metadata()
            });
        }
        let (answer, answered) = mpsc::sync_channel(1);
        let consumer = Arc::clone(&self.consumer);
        let ask = move || {
            let outcome = consumer.commit(&offsets, CommitMode::Sync);
            // The lane is the one that closes the client and waits for it.
            drop(consumer);
            // Nobody listens any more when it took too long.
            let _late = answer.send(outcome);
        };
        let asking = std::thread::Builder::new().name("commit".to_owned()).spawn(ask);
        let silence = KafkaError::ConsumerCommit(RDKafkaErrorCode::OperationTimedOut);
        match asking {
            Ok(_waits_by_itself) => answered.recv_timeout(COMMIT_MAX).unwrap_or(Err(silence)),
            // Without a thread to spare nothing is asked: tried again like a silence.
            Err(_) => Err(silence),
        }
    }

    /// Those of the partitions whose progress is this one and was committed by this
    /// lane: a commit without an answer took place, and nobody went on from there.
    ///
    /// # Errors
    /// The broker is away.
    pub fn took(&self, progress: &[(i32, Progress)]) -> KafkaResult<Vec<i32>> {
        let mut asked = TopicPartitionList::with_capacity(progress.len());
        for (partition, _) in progress {
            asked.add_partition(&self.source.topic, *partition);
        }
        let committed = self.consumer.committed_offsets(asked, REQUEST_TIMEOUT)?;
        let mut taken = Vec::new();
        for (element, (partition, progress)) in committed.elements().iter().zip(progress) {
            element.error()?;
            let next = Offset::Offset(progress.next);
            if element.offset() == next && element.metadata() == self.mark {
                taken.push(*partition);
            }
        }
        Ok(taken)
    }

    /// Stops fetching all partitions; polling goes on and keeps the membership.
    ///
    /// # Errors
    /// The client is closing.
    pub fn pause(&self) -> KafkaResult<()> {
        self.consumer.pause(&self.consumer.assignment()?)
    }

    /// Fetches all partitions again.
    ///
    /// # Errors
    /// The client is closing.
    pub fn resume(&self) -> KafkaResult<()> {
        self.consumer.resume(&self.consumer.assignment()?)
    }
}

impl Edge {
    /// Sets where each new partition starts.
    fn place(&self, consumer: &BaseConsumer<Self>, new: &TopicPartitionList) -> KafkaResult<()> {
        let committed = consumer.committed_offsets(new.clone(), REQUEST_TIMEOUT)?;
        let mut changes = Vec::with_capacity(new.count());
        for (mut element, committed) in new.elements().into_iter().zip(committed.elements()) {
            committed.error()?;
            let partition = committed.partition();
            let (low, high) =
                consumer.fetch_watermarks(&self.source.topic, partition, REQUEST_TIMEOUT)?;
            let committed = match committed.offset() {
                Offset::Offset(next) => Some(Progress::read(next, committed.metadata())),
                _ => None,
            };
            let start = start(committed, low, high, self.source.window);
            self.say(partition, &start);
            element.set_offset(Offset::Offset(start.read_from))?;
            changes.push(Change::Assigned(partition, start.progress));
        }
        self.note(changes);
        Ok(())
    }

    fn say(&self, partition: i32, start: &Start) {
        let (group, next) = (&self.source.group, start.progress.next);
        match start.finding {
            Finding::Expected => {
                tracing::info!(group, partition, next, read_from = start.read_from, "assigned");
            }
            Finding::Missed(records) => {
                tracing::error!(group, partition, records, "records expired before being told");
            }
            Finding::Replaced => {
                tracing::error!(group, partition, "topic was made anew, telling from its start");
            }
        }
    }

    fn note(&self, changes: impl IntoIterator<Item = Change>) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, new: &TopicPartitionList) {
        let end = Instant::now() + ASSIGN_PATIENCE;
        let mut backoff = Backoff::new(ASSIGN_RETRY_FIRST, ASSIGN_RETRY_LONGEST);
        while let Err(error) = self.place(consumer, new) {
            if Instant::now() > end {
                return self.note([Change::Failed(error)]);
            }
            tracing::warn!(%error, tries = backoff.tries() + 1, "cannot learn progress yet");
            std::thread::sleep(backoff.next_delay());
        }
    }
}

impl ClientContext for Edge {}

impl ConsumerContext for Edge {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(new) => self.assign(consumer, new),
            Rebalance::Revoke(old) => {
                // The client remembers a pause across assignments.
                if let Err(error) = consumer.resume(old) {
                    tracing::debug!(%error, "nothing to resume");
                }
                self.note(old.elements().iter().map(|old| Change::Revoked(old.partition())));
            }
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance failed"),
        }
    }
}
