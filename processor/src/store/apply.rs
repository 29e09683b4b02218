//! The one transaction: fence → dedupe → decide → write → stock, last → commit.

use std::collections::BTreeMap;

use contract::event::Outcome as Told;
use sqlx::{Connection, PgConnection};

use super::orders::Stepped;
use super::stock::{self, Shelved};
use super::{
    Batch, Database, LastSeen, dead_letters, dedupe, fence, metrics, orders, outbox, payments,
    refusals, view,
};
use crate::decide::{
    Books, Certainty, Decided, Effects, EventOut, OrdersById, Shelf, StockView, decide,
};
use crate::lane::{LaneId, Source};

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
    now: &str,
) -> Result<Applied<'a>, ApplyError<'a>> {
    if seen.mood() == Certainty::LastSeen {
        let attempt = Attempt { database, batch, certainty: Certainty::LastSeen, now };
        if let Some(applied) = attempt.run(connection, seen).await? {
            return Ok(applied);
        }
    }
    let attempt = Attempt { database, batch, certainty: Certainty::Locked, now };
    if let Some(applied) = attempt.run(connection, seen).await? {
        seen.set_mood(&applied.effects);
        return Ok(applied);
    }
    // Locked rows cannot turn out other than they were read.
    Err(ApplyError::Database(sqlx::Error::Configuration("locked rows changed".into())))
}

struct Attempt<'a, 'b> {
    database: &'b Database,
    batch: &'b Batch<'a>,
    certainty: Certainty,
    now: &'b str,
}

impl<'a> Attempt<'a, '_> {
    /// `None` when the view of stock or orders was out of date.
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
                seen.learn(
                    shelved
                        .into_iter()
                        .map(|shelved| (shelved.sku, Shelf { available: shelved.available })),
                );
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
        let stocked: Vec<&str> = view::new_shelves(&deduped.new, &books.stock);
        let Ok(mut effects) = decide(&deduped.new, batch.outcomes, books, self.now) else {
            return Ok(None);
        };
        effects.refusals.extend(deduped.conflicts);
        let events = std::mem::take(&mut effects.events);
        let Some(ids) = self.write_tables(connection, &effects, &events).await? else {
            return Ok(None);
        };
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
        let mut books = Books::default();
        let mut named = view::orders_named(new);
        match self.certainty {
            Certainty::LastSeen => books.orders.clone_from(self.batch.unsettled),
            Certainty::Locked => {
                named.extend(self.batch.unsettled.keys().map(|order_id| order_id.0));
            }
        }
        if !named.is_empty() {
            // What the table says counts for an order that was held, too: it was
            // read later.
            books.orders.extend(orders::states(connection, &named, self.certainty).await?);
        }
        books.stock = self.stock_view(connection, new, &books.orders, seen).await?;
        Ok(books)
    }

    async fn stock_view(
        &self,
        connection: &mut PgConnection,
        new: &[&Decided],
        orders: &OrdersById,
        seen: &mut LastSeen,
    ) -> Result<StockView, sqlx::Error> {
        if self.certainty == Certainty::Locked {
            // All that the update will move, in one order: with only some of them locked
            // two workers could wait for each other.
            let movable: Vec<_> = view::movable(new, orders).into_keys().collect();
            let shelves = stock::lock(connection, &movable).await?;
            seen.learn(shelves.iter().map(|(sku, shelf)| (sku.clone(), *shelf)));
            return Ok(StockView::new(shelves, Certainty::Locked));
        }
        let skus = view::skus(new);
        let unseen = seen.unseen(&skus);
        if !unseen.is_empty() {
            seen.learn(stock::read(connection, &unseen).await?.into_iter());
        }
        Ok(seen.view(&skus))
    }

    async fn write_tables(
        &self,
        connection: &mut PgConnection,
        effects: &Effects<'_>,
        events: &BTreeMap<LaneId, Vec<EventOut>>,
    ) -> Result<Option<Vec<i64>>, sqlx::Error> {
        let batch = self.batch;
        orders::insert(connection, effects).await?;
        if orders::step(connection, &effects.changes).await? == Stepped::NotAll {
            return Ok(None);
        }
        payments::write(connection, effects).await?;
        if let Some(lane) = batch.advances.keys().find(|lane| lane.source == Source::Orders) {
            metrics::add(connection, &effects.rollup, lane.partition).await?;
        }
        refusals::insert(connection, self.database, &effects.refusals).await?;
        dead_letters::insert(connection, self.database, batch.dead).await?;
        dead_letters::mark_published(connection, self.database, &batch.retired.dead).await?;
        outbox::delete(connection, &batch.retired.outbox).await?;
        outbox::insert(connection, self.database, events).await.map(Some)
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
                events.push(EventOut::with_id(&low, &self.now.into(), id));
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
