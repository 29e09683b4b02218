//! The one transaction: fence → dedupe → decide → write → stock, last → commit.

use std::collections::BTreeMap;

use contract::event::Outcome as Told;
use contract::inbound::Body;
use foldhash::fast::FixedState;
use sqlx::{Connection, PgConnection};
use std::collections::HashMap;

use super::stock::{self, Shelved};
use super::{
    Batch, Database, dead_letters, dedupe, fence, metrics, orders, outbox, payments, refusals,
};
use crate::decide::{Books, Certainty, Decided, Effects, EventOut, Shelf, StockView, decide};
use crate::lane::{LaneId, Source};
use contract::Sku;

/// What this worker last saw of the shelves.
#[derive(Debug, Default)]
pub struct LastSeen {
    shelves: HashMap<Sku, Shelf, FixedState>,
    /// `Locked` while orders are being refused for want of stock: deciding on
    /// what was last seen would only be work done twice.
    mood: Certainty,
}

/// What a committed batch leaves to do.
#[derive(Debug)]
pub struct Applied<'a> {
    /// What was written.
    pub effects: Effects<'a>,
    /// Outbox rows with the events they hold, in commit order.
    pub outbox: Vec<(LaneId, i64, Vec<EventOut>)>,
    /// Exact duplicates that were passed over.
    pub duplicates: u64,
}

/// Why it is not known that a batch was applied.
#[derive(Debug)]
pub enum ApplyError<'a> {
    /// A lane of the batch has another owner; nothing was changed.
    Fenced,
    /// Before the commit: nothing was changed.
    Database(sqlx::Error),
    /// The answer to the commit was lost: it may have taken place, and then
    /// this is what it did.
    Ambiguous(sqlx::Error, Box<Applied<'a>>),
}

impl From<sqlx::Error> for ApplyError<'_> {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Applies a batch. Shelves that the commit changed are updated in `seen`.
///
/// # Errors
/// See [`ApplyError`]; in each case but [`ApplyError::Ambiguous`] the database
/// is as before.
pub async fn apply<'a>(
    connection: &mut PgConnection,
    database: &Database,
    batch: &Batch<'a>,
    seen: &mut LastSeen,
    now: &'a str,
) -> Result<Applied<'a>, ApplyError<'a>> {
    if seen.mood == Certainty::LastSeen {
        let attempt = Attempt { database, batch, certainty: Certainty::LastSeen, now };
        if let Some(applied) = attempt.run(connection, seen).await? {
            return Ok(applied);
        }
    }
    let attempt = Attempt { database, batch, certainty: Certainty::Locked, now };
    if let Some(applied) = attempt.run(connection, seen).await? {
        let short = applied.effects.taken.iter().any(|taken| taken.reason.is_some());
        seen.mood = if short { Certainty::Locked } else { Certainty::LastSeen };
        return Ok(applied);
    }
    // Locked rows cannot turn out shorter than they were read.
    Err(ApplyError::Database(sqlx::Error::Configuration("locked stock rows changed".into())))
}

struct Attempt<'a, 'b> {
    database: &'b Database,
    batch: &'b Batch<'a>,
    certainty: Certainty,
    now: &'a str,
}

impl<'a> Attempt<'a, '_> {
    /// `None` when the view of the stock was out of date.
    async fn run(
        &self,
        connection: &mut PgConnection,
        seen: &mut LastSeen,
    ) -> Result<Option<Applied<'a>>, ApplyError<'a>> {
        let mut transaction = connection.begin().await?;
        match self.write(&mut transaction, seen).await {
            Ok(Some((applied, shelved))) => {
                if let Err(error) = transaction.commit().await {
                    return Err(ApplyError::Ambiguous(error, Box::new(applied)));
                }
                for Shelved { sku, available, .. } in shelved {
                    seen.shelves.insert(sku, Shelf { available });
                }
                Ok(Some(applied))
            }
            Ok(None) => {
                transaction.rollback().await?;
                Ok(None)
            }
            Err(error) => {
                // The first error is the one to tell; a connection that cannot
                // roll back is replaced by whoever handles it.
                let _second = transaction.rollback().await;
                Err(error)
            }
        }
    }

    async fn write(
        &self,
        connection: &mut PgConnection,
        seen: &mut LastSeen,
    ) -> Result<Option<(Applied<'a>, Vec<Shelved>)>, ApplyError<'a>> {
        let batch = self.batch;
        if fence::advance(connection, self.database, batch.advances).await?
            != batch.advances.len() as u64
        {
            return Err(ApplyError::Fenced);
        }
        let deduped = match batch.records {
            [] => dedupe::Deduped { new: Vec::new(), conflicts: Vec::new(), duplicates: 0 },
            _ => dedupe::dedupe(connection, self.database, batch).await?,
        };
        let books = self.books(connection, &deduped.new, seen).await?;
        let stocked: Vec<&str> = new_shelves(&deduped.new, &books.stock);
        let Ok(mut effects) = decide(&deduped.new, batch.outcomes, books, self.now) else {
            return Ok(None);
        };
        effects.refusals.extend(deduped.conflicts);
        let events = std::mem::take(&mut effects.events);
        let ids = self.write_tables(connection, &effects, &events).await?;
        stock::create(connection, &stocked).await?;
        let Some(shelved) = stock::update(connection, &effects.stock).await? else {
            return Ok(None);
        };
        let mut rows: Vec<_> =
            events.into_iter().zip(ids).map(|((lane, events), id)| (lane, id, events)).collect();
        rows.extend(self.write_low_stock(connection, &effects, &shelved).await?);
        let applied = Applied { effects, outbox: rows, duplicates: deduped.duplicates };
        Ok(Some((applied, shelved)))
    }

    async fn books(
        &self,
        connection: &mut PgConnection,
        new: &[&Decided],
        seen: &mut LastSeen,
    ) -> Result<Books, sqlx::Error> {
        let mut named = Vec::new();
        for record in new {
            match &record.inbound.body {
                Body::CancelRequested(order_id, _) | Body::Shipped(order_id, _) => {
                    named.push(order_id.0);
                }
                Body::Created(..) | Body::StockAdjusted(..) => {}
            }
        }
        let mut books = Books::default();
        if !named.is_empty() {
            books.orders = orders::states(connection, &named).await?;
        }
        for outcome in self.batch.outcomes {
            if let Some(state) = self.batch.unsettled.get(&outcome.order_id()) {
                books.orders.insert(outcome.order_id(), state.clone());
            }
        }
        books.stock = self.stock_view(connection, new, seen).await?;
        Ok(books)
    }

    async fn stock_view(
        &self,
        connection: &mut PgConnection,
        new: &[&Decided],
        seen: &mut LastSeen,
    ) -> Result<StockView, sqlx::Error> {
        let skus = skus(new);
        if self.certainty == Certainty::Locked {
            let shelves =
                stock::lock(connection, &skus.keys().copied().collect::<Vec<_>>()).await?;
            seen.shelves.extend(shelves.iter().map(|(sku, shelf)| (sku.clone(), *shelf)));
            return Ok(StockView::new(shelves, Certainty::Locked));
        }
        let unseen: Vec<&str> = skus
            .iter()
            .filter(|(_, sku)| !seen.shelves.contains_key(**sku))
            .map(|(name, _)| *name)
            .collect();
        if !unseen.is_empty() {
            seen.shelves.extend(stock::read(connection, &unseen).await?);
        }
        let view = skus
            .values()
            .filter_map(|sku| seen.shelves.get(*sku).map(|shelf| ((*sku).clone(), *shelf)))
            .collect();
        Ok(StockView::new(view, Certainty::LastSeen))
    }

    async fn write_tables(
        &self,
        connection: &mut PgConnection,
        effects: &Effects<'_>,
        events: &BTreeMap<LaneId, Vec<EventOut>>,
    ) -> Result<Vec<i64>, sqlx::Error> {
        let batch = self.batch;
        orders::insert(connection, effects).await?;
        orders::step(connection, &effects.changes).await?;
        payments::upsert(connection, effects).await?;
        if let Some(lane) = batch.advances.keys().find(|lane| lane.source == Source::Orders) {
            metrics::add(connection, &effects.rollup, lane.partition).await?;
        }
        refusals::insert(connection, self.database, &effects.refusals).await?;
        dead_letters::insert(connection, self.database, batch.dead).await?;
        dead_letters::mark_published(connection, self.database, &batch.retired.dead).await?;
        outbox::delete(connection, &batch.retired.outbox).await?;
        outbox::insert(connection, self.database, events).await
    }

    /// Tells of products that this batch brought below their threshold. Only
    /// the update knows the true number, so these rows come after it.
    async fn write_low_stock(
        &self,
        connection: &mut PgConnection,
        effects: &Effects<'_>,
        shelved: &[Shelved],
    ) -> Result<Vec<(LaneId, i64, Vec<EventOut>)>, sqlx::Error> {
        let Some((lane, advance)) = self.batch.advances.first_key_value() else {
            return Ok(Vec::new());
        };
        let mut events = Vec::new();
        for Shelved { sku, available, low_at } in shelved {
            let delta = effects.stock.get(sku).map_or(0, |delta| delta.available);
            if *available < *low_at && available - delta >= *low_at {
                let low = Told::StockLow {
                    product_id: sku.clone(),
                    available: *available,
                    threshold: *low_at,
                };
                let (epoch, seq) = (advance.claim.epoch, advance.claim.commit_seq + 1);
                let id = format!("{sku}/stock.low/{lane}/{epoch}/{seq}");
                events.push(EventOut::with_id(&low, self.now, id));
            }
        }
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let rows = BTreeMap::from([(*lane, events)]);
        let ids = outbox::insert(connection, self.database, &rows).await?;
        Ok(rows.into_iter().zip(ids).map(|((lane, events), id)| (lane, id, events)).collect())
    }
}

/// Every product that the records name, in the order in which rows are locked.
fn skus<'a>(new: &[&'a Decided]) -> BTreeMap<&'a str, &'a Sku> {
    let mut skus = BTreeMap::new();
    for record in new {
        match &record.inbound.body {
            Body::Created(_, order) => {
                skus.extend(order.lines.iter().map(|line| (line.sku.as_str(), &line.sku)));
            }
            Body::StockAdjusted(sku, _) => {
                skus.insert(sku.as_str(), sku);
            }
            Body::CancelRequested(..) | Body::Shipped(..) => {}
        }
    }
    skus
}

/// Products that an adjustment may stock for the first time.
fn new_shelves<'a>(new: &[&'a Decided], stock: &StockView) -> Vec<&'a str> {
    let mut skus: Vec<&str> = new
        .iter()
        .filter_map(|record| match &record.inbound.body {
            Body::StockAdjusted(sku, adjustment) if adjustment.quantity > 0 => Some(sku),
            _ => None,
        })
        .filter(|sku| stock.available(sku).is_none())
        .map(Sku::as_str)
        .collect();
    skus.sort_unstable();
    skus.dedup();
    skus
}
