//! One step: where does the log end → a short snapshot, the log up to its
//! progress, its rows → judge → what was told until then → close.
//!
//! The end of the outgoing topics is asked before the snapshot begins. Whatever
//! lies before it was published after its commit, so the snapshot explains it:
//! an event that does not fit is certainly wrong, not early.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::Watch;
use super::told::{Known, stranger};
use crate::error::Trouble;
use crate::fold::progress::{Extent, next_offset};
use crate::place::Topic;
use crate::read::tail::{Go, Until};
use crate::read::window::{self, found};
use crate::read::{snapshot, tables};

/// So many events of forgotten orders are looked up in one step.
const STRANGERS_MAX: usize = 5_000;
/// How long the events before the snapshot may take to arrive.
const TOLD_WAIT: Duration = Duration::from_millis(1500);

/// What a snapshot said.
struct Reading {
    orders: Vec<PgRow>,
    payments: Vec<PgRow>,
    processed: Vec<PgRow>,
    again: Vec<PgRow>,
    by_id: Vec<PgRow>,
    beside: Vec<PgRow>,
    refused: Vec<PgRow>,
    dead_letters: Vec<PgRow>,
    overdue: Vec<(i64, String, i32)>,
    sums: Option<Sums>,
    /// Whether the log was read as far as it had been processed.
    level: bool,
}

struct Sums {
    stock: Vec<(String, [i64; 4])>,
    metrics: Vec<[String; 3]>,
}

/// What a step came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stepped {
    /// All that was processed until the snapshot was judged.
    pub(super) level: bool,
    /// And the sums were compared.
    pub(super) sums: bool,
}

impl Watch {
    pub(super) async fn step_once(&mut self, ends: &[Extent]) -> Result<Stepped, Trouble> {
        let mut database = self.database().await?;
        snapshot::begin(&mut database).await?;
        let reading = self.read(&mut database).await;
        // A snapshot that could not be ended ends with its connection.
        snapshot::end(&mut database).await?;
        self.database = Some(database);
        let reading = reading?;
        self.count_rows(&reading);
        let now_s = super::now_s();
        // Asked after the snapshot, which lacks what was removed until then.
        self.books.remember_since(super::kept_since_s(&self.config));
        self.judge(&reading, now_s)?;
        self.read_told(ends, reading.level).await?;
        self.books.close(now_s, reading.level);
        self.books.compact(super::now_us());
        Ok(Stepped { level: reading.level, sums: reading.sums.is_some() })
    }

    async fn read(&mut self, snapshot: &mut PgConnection) -> Result<Reading, Trouble> {
        let topics = self.config.topics.clone();
        let progress = tables::progress(snapshot, &topics).await?;
        // After the snapshot began: it shows nothing of a partition that comes later.
        self.grow()?;
        self.books.note_progress(&progress);
        let level = self.fold(&progress).await?;
        let end = |topic, partition| next_offset(&progress, topic, partition);
        let folded: Vec<_> = self.books.lanes().map(|(id, lane)| (id, lane.folded)).collect();
        let at_end = |topic: Topic, partition: i32| {
            let lane = folded.iter().find(|(id, _)| *id == (topic, partition));
            lane.is_some_and(|(_, folded)| *folded >= end(topic, partition))
        };
        let asks = self.books.asks(at_end);
        let orders = window::orders(snapshot, &asks.ranges).await?;
        let ids = orders.iter().map(|row| row.try_get(0));
        let ids: HashSet<Uuid> = ids.collect::<Result<_, _>>()?;
        let mut payments = window::payments(snapshot, &asks.span).await?;
        let apart = asks.span.lacking(ids.iter(), &payments)?;
        payments.extend(window::payments_of(snapshot, &apart).await?);
        let mut processed = window::processed_events(snapshot, &asks.span).await?;
        let apart = asks.span.lacking(ids.iter(), &processed)?;
        processed.extend(window::processed_of(snapshot, &apart).await?);
        let mut by_id = window::by_id(snapshot, &asks.ids).await?;
        by_id.extend(window::by_id(snapshot, &self.books.not_found(&ids)).await?);
        let partitions = self.books.lanes().filter(|((topic, _), _)| *topic == Topic::Orders);
        let partitions = i32::try_from(partitions.count()).unwrap_or(i32::MAX);
        let sums_due = level && self.sums_due <= Instant::now();
        Ok(Reading {
            orders,
            payments,
            processed,
            again: window::again(snapshot, &asks.again).await?,
            by_id,
            beside: window::beside(snapshot, partitions).await?,
            refused: window::refused(snapshot, &topics, &asks.ranges).await?,
            dead_letters: window::dead_letters(snapshot, &topics, &asks.dead_letters).await?,
            overdue: tables::outbox_before(snapshot, self.patience()).await?,
            sums: if sums_due { Some(self.read_sums(snapshot).await?) } else { None },
            level,
        })
    }

    fn count_rows(&mut self, reading: &Reading) {
        let read = &mut self.read;
        read.order_rows += (reading.orders.len() + reading.again.len()) as u64;
        read.payment_rows += reading.payments.len() as u64;
        read.processed_rows += reading.processed.len() as u64;
        read.refused_rows += reading.refused.len() as u64;
        read.dead_letter_rows += reading.dead_letters.len() as u64;
        if let Some(sums) = &reading.sums {
            read.stock_rows += sums.stock.len() as u64;
            read.metric_rows += sums.metrics.len() as u64;
        }
    }

    /// Has partitions that were added read from their beginning.
    fn grow(&mut self) -> Result<(), Trouble> {
        let tail = self.tail.as_ref().ok_or_else(super::not_open)?;
        let added = tail.added()?;
        if added.is_empty() {
            return Ok(());
        }
        let mut from = tail.positions();
        for (topic, partition) in added {
            from.push(Extent { topic, partition, low: 0, high: 0 });
            if matches!(topic, Topic::Orders | Topic::Stock) {
                self.books.add_lane((topic, partition));
            }
        }
        self.read_on(&from)
    }

    async fn read_sums(&mut self, snapshot: &mut PgConnection) -> Result<Sums, Trouble> {
        let began = Instant::now();
        let (mut stock, mut metrics) = (Vec::new(), Vec::new());
        tables::stock(snapshot, |row| {
            let sums = [row.available, row.reserved, row.sold, row.received];
            stock.push((row.sku.to_owned(), sums));
        })
        .await?;
        tables::metrics(snapshot, |metric, dimension, value| {
            metrics.push([metric, dimension, value].map(str::to_owned));
        })
        .await?;
        // Many products make it dear: then it is done less often.
        self.sums_due = Instant::now() + began.elapsed() * super::SUMS_SHARE;
        Ok(Sums { stock, metrics })
    }

    fn judge(&mut self, reading: &Reading, now_s: u32) -> Result<(), Trouble> {
        let (books, topics) = (&mut self.books, &self.config.topics);
        books.begin();
        for row in reading.orders.iter().chain(&reading.beside).chain(&reading.again) {
            books.row(&found(row, topics)?);
        }
        for row in &reading.payments {
            books.row_of_span(&window::payment_row(row)?);
        }
        for row in &reading.processed {
            books.row_of_span(&window::processed_row(row, topics)?);
        }
        for row in &reading.by_id {
            books.row_by_id(&found(row, topics)?);
        }
        for row in &reading.refused {
            if let Some(row) = crate::read::rows::refused(row, topics)? {
                books.refused(&row);
            }
        }
        for row in &reading.dead_letters {
            if let Some(row) = crate::read::rows::dead_letter(row, topics)? {
                crate::fold::dead_letters::judge(&mut books.ledger, &row, &mut books.findings);
            }
        }
        books.account();
        books.judge_aside(now_s);
        books.judge_epochs();
        books.judge_overdue(&reading.overdue);
        if reading.level {
            books.judge_level();
        }
        if let Some(sums) = &reading.sums {
            books.judge_sums(&sums.stock, &sums.metrics);
        }
        Ok(())
    }

    /// Reads what was told before the snapshot began. Before the level is reached
    /// an event of an order that is not read yet waits.
    async fn read_told(&mut self, ends: &[Extent], level: bool) -> Result<(), Trouble> {
        let deadline = Instant::now() + TOLD_WAIT;
        let outgoing = |end: &&Extent| matches!(end.topic, Topic::Events | Topic::DeadLetters);
        for end in ends.iter().filter(outgoing) {
            let (books, topics) = (&mut self.books, &self.config.topics);
            let read = &mut self.read;
            let tail = self.tail.as_mut().ok_or_else(super::not_open)?;
            let strangers = &mut self.strangers;
            let mut take = |record: &crate::rules::Record<'_>| match record.place.topic {
                Topic::DeadLetters if level => {
                    read.dead_letters += 1;
                    books.sent(record, topics);
                    Go::On
                }
                Topic::DeadLetters => Go::Back,
                _ if !level && books.is_ahead(record) => Go::Back,
                _ if books.told(record) == Known::Yes => {
                    read.order_events += 1;
                    Go::On
                }
                _ if !level || strangers.len() >= STRANGERS_MAX => Go::Back,
                _ => {
                    strangers.push(record.to_owned());
                    Go::On
                }
            };
            let Extent { topic, partition, high: to, .. } = *end;
            tail.read(Until { topic, partition, to, deadline }, &mut take).await?;
        }
        if self.strangers.is_empty() { Ok(()) } else { self.look_up().await }
    }

    /// What was read is not read again: strangers wait until their rows were.
    async fn look_up(&mut self) -> Result<(), Trouble> {
        let ids: HashSet<_> =
            self.strangers.iter().filter_map(|event| stranger(&event.as_record())).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let mut database = self.database().await?;
        let rows = window::by_id(&mut database, &ids).await?;
        self.database = Some(database);
        let rows = rows.iter().map(|row| found(row, &self.config.topics));
        self.books.told_again(&self.strangers, &rows.collect::<Result<Vec<_>, _>>()?);
        self.strangers.clear();
        Ok(())
    }
}
