//! Lanes and what travels in them.
//!
//! A lane is one partition of an input topic. Everything that must keep its
//! order stays in one lane: the records of a key, the worker that applies them,
//! the outbox rows they cause and the events published from those.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use contract::inbound::Parts;
use contract::topic::Topics;
use uuid::Uuid;

/// Which input topic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Source {
    /// Orders and what is asked of them.
    Orders,
    /// Restocks and corrections.
    Stock,
}

/// One partition of an input topic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LaneId {
    /// The topic.
    pub source: Source,
    /// The partition.
    pub partition: i32,
}

impl LaneId {
    /// The name of its topic.
    pub fn topic(self, topics: &Topics) -> &str {
        match self.source {
            Source::Orders => &topics.orders,
            Source::Stock => &topics.stock,
        }
    }
}

impl Source {
    /// The input that a topic name stands for.
    pub fn of(topic: &str, topics: &Topics) -> Option<Self> {
        if topic == topics.orders {
            Some(Self::Orders)
        } else if topic == topics.stock {
            Some(Self::Stock)
        } else {
            None
        }
    }
}

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.source {
            Source::Orders => "orders",
            Source::Stock => "stock",
        };
        write!(f, "{name}/{}", self.partition)
    }
}

/// The right to change a lane's rows, as PostgreSQL granted it.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Of what.
    pub lane: LaneId,
    /// Every transaction of this owner carries it.
    pub epoch: i64,
    /// First offset without effects.
    pub next_offset: i64,
    /// No record below has work left over.
    pub resume_offset: i64,
    /// Number of commits so far.
    pub commit_seq: i64,
    /// What tells the log that was read from another one.
    pub witness: Option<Witness>,
    /// Shared by poll loop and worker while the claim lives.
    pub tenure: Arc<Tenure>,
}

/// A record that the log still has, if it is the one whose progress is known and goes
/// back so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Witness {
    /// Its place.
    pub offset: i64,
    /// The id of its event.
    pub event_id: Uuid,
}

/// What the commits that PostgreSQL has seen under a claim mean for its owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// As the owner knows it.
    Unchanged,
    /// A commit took place whose answer the owner does not have.
    Ahead,
    /// The lane has another owner.
    Lost,
}

impl Claim {
    /// Judges the number of commits under this epoch; `None` when there is a
    /// newer epoch.
    pub fn standing(&self, committed_seq: Option<i64>) -> Standing {
        match committed_seq {
            Some(seq) if seq > self.commit_seq => Standing::Ahead,
            Some(_) => Standing::Unchanged,
            None => Standing::Lost,
        }
    }
}

/// What the poll loop and the worker tell each other about a claim.
#[derive(Debug, Default)]
pub struct Tenure {
    ended: AtomicBool,
    knows_log: AtomicBool,
    committed: AtomicI64,
}

impl Tenure {
    /// The partition went elsewhere. The epoch protects the tables; this only
    /// spares work that would be refused.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Whether the partition went elsewhere.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The log is the one that was read before, or nothing was.
    pub fn set_knows_log(&self) {
        self.knows_log.store(true, Ordering::Release);
    }

    /// Whether the log is known. Until it is, no record of it may take the place of the
    /// witness: whoever claims the lane next would know another log by its own record.
    pub fn knows_log(&self) -> bool {
        self.knows_log.load(Ordering::Acquire)
    }

    /// Tells the first offset that is not committed to PostgreSQL.
    pub fn set_committed(&self, next_offset: i64) {
        self.committed.store(next_offset, Ordering::Release);
    }

    /// The first offset that is not committed; 0 until the first commit.
    pub fn committed(&self) -> i64 {
        self.committed.load(Ordering::Acquire)
    }
}

/// A record, copied out of librdkafka in one piece.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it was read.
    pub lane: LaneId,
    /// At which offset.
    pub offset: i64,
    bytes: Box<[u8]>,
    key: Option<Span>,
    value: Option<Span>,
    version: Option<Span>,
    id: Option<Span>,
    kind: Option<Span>,
    time: Option<Span>,
    /// Every header, name and value, for a dead letter.
    headers: Box<[(Span, Option<Span>)]>,
}

/// A part of a record's bytes. Its end is told by one more than that, never 0, so that an
/// absent part takes no more room: records are moved from hand to hand.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: u32,
    beyond: NonZeroU32,
}

/// Builds a [`Record`]: appends each part to one buffer.
pub struct RecordBuilder {
    bytes: Vec<u8>,
    record: Record,
    headers: Vec<(Span, Option<Span>)>,
}

impl RecordBuilder {
    /// Starts a record; `capacity` is the expected sum of its parts.
    pub fn new(lane: LaneId, offset: i64, capacity: usize) -> Self {
        let record = Record {
            lane,
            offset,
            bytes: Box::default(),
            key: None,
            value: None,
            version: None,
            id: None,
            kind: None,
            time: None,
            headers: Box::default(),
        };
        Self { bytes: Vec::with_capacity(capacity), record, headers: Vec::with_capacity(8) }
    }

    /// Sets key and value.
    pub fn content(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.record.key = key.map(|bytes| self.append(bytes));
        self.record.value = value.map(|bytes| self.append(bytes));
    }

    /// Adds a header. Of several with one name the first counts.
    pub fn header(&mut self, name: &str, value: Option<&[u8]>) {
        let name_span = self.append(name.as_bytes());
        let value_span = value.map(|bytes| self.append(bytes));
        self.headers.push((name_span, value_span));
        let slot = match name {
            contract::header::SPEC_VERSION => &mut self.record.version,
            contract::header::ID => &mut self.record.id,
            contract::header::TYPE => &mut self.record.kind,
            contract::header::TIME => &mut self.record.time,
            _ => return,
        };
        *slot = slot.or(value_span);
    }

    /// The finished record.
    pub fn build(mut self) -> Record {
        self.record.bytes = self.bytes.into_boxed_slice();
        self.record.headers = self.headers.into_boxed_slice();
        self.record
    }

    fn append(&mut self, part: &[u8]) -> Span {
        // Kafka limits a record to i32 bytes, so these fit.
        let from = self.bytes.len() as u32;
        self.bytes.extend_from_slice(part);
        Span { from, beyond: NonZeroU32::MIN.saturating_add(self.bytes.len() as u32) }
    }
}

impl Record {
    /// The parts that decide what it says.
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            key: self.key(),
            value: self.value(),
            version: self.version.map(|span| self.slice(span)),
            id: self.id.map(|span| self.slice(span)),
            kind: self.kind.map(|span| self.slice(span)),
            time: self.time.map(|span| self.slice(span)),
        }
    }

    /// The key.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.map(|span| self.slice(span))
    }

    /// The value.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.map(|span| self.slice(span))
    }

    /// Every readable header.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.headers.iter().map(|(name, value)| (self.slice(*name), value.map(|v| self.slice(v))))
    }

    /// Memory it holds, roughly.
    pub fn size(&self) -> usize {
        self.bytes.len()
            + self.headers.len() * size_of::<(Span, Option<Span>)>()
            + size_of::<Self>()
    }

    fn slice(&self, span: Span) -> &[u8] {
        &self.bytes[span.from as usize..span.beyond.get() as usize - 1]
    }
}
