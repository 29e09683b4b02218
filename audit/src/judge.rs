//! The audit from top to bottom: rest, log, tables, what was told, receipts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::config::{Config, Receipts};
use crate::error::CannotJudge;
use crate::findings::{Findings, Sample};
use crate::fold::causes::Causes;
use crate::fold::events::{self, Alerts};
use crate::fold::ledger::Ledger;
use crate::fold::processed::Epochs;
use crate::fold::progress::Extent;
use crate::fold::receipts::Places;
use crate::fold::stock::Shelves;
use crate::fold::totals::Totals;
use crate::fold::{dead_letters, orders, payments, processed, progress, refused, requests};
use crate::invariants::Invariant;
use crate::place::{Place, Topic};
use crate::progress::tell;
use crate::quiescence::View;
use crate::read::log::Log;
use crate::read::{self, tables};
use crate::report::Counts;

/// The state of one audit.
pub struct Judge<'a> {
    config: &'a Config,
    ledger: Ledger,
    causes: Causes,
    /// What was found.
    pub findings: Findings,
    /// What was read.
    pub read: Counts,
}

type Step = Result<(), CannotJudge>;

impl<'a> Judge<'a> {
    /// Before anything is read.
    pub fn new(config: &'a Config, log: &[Extent]) -> Self {
        let orders = log.iter().filter(|extent| extent.topic == Topic::Orders);
        let records: u64 = orders.map(|extent| extent.high.abs_diff(extent.low)).sum();
        Self {
            config,
            ledger: Ledger::new(usize::try_from(records).unwrap_or(0), since(config.retention)),
            causes: Causes::default(),
            findings: Findings::default(),
            read: Counts::default(),
        }
    }

    /// Judges everything.
    pub async fn run(&mut self, log: &Log, mut view: View) -> Step {
        self.fold_log(log, &view.log).await?;
        self.judge_receipts()?;
        self.judge_tables(&mut view).await?;
        self.judge_told(log, &view.log).await
    }

    async fn fold_log(&mut self, log: &Log, extents: &[Extent]) -> Step {
        let (log, extents) = (log.clone(), extents.to_vec());
        let mut ledger = std::mem::replace(&mut self.ledger, Ledger::new(0, 0));
        let mut read = self.read;
        (self.ledger, self.read) = blocking(move || {
            read.orders = log.scan(Topic::Orders, &extents, |record| ledger.take(record))?;
            read.stock = log.scan(Topic::Stock, &extents, |record| ledger.take(record))?;
            Ok((ledger, read))
        })
        .await?;
        Ok(())
    }

    fn judge_receipts(&mut self) -> Step {
        let Receipts::Files(files) = &self.config.receipts else { return Ok(()) };
        let (places, findings) = (Places::of(&self.ledger), &mut self.findings);
        for file in files {
            tell(self.config.progress, &format!("receipts {}", file.display()));
            self.read.receipts +=
                read::receipts::scan(file, |receipt| places.judge(receipt, findings))?;
        }
        Ok(())
    }

    async fn judge_tables(&mut self, view: &mut View) -> Step {
        let tables = &mut view.tables;
        self.judge_orders(tables).await?;
        self.judge_processed(tables, view.progress.as_slice(), &view.log).await?;
        self.judge_refused(tables).await?;
        self.judge_dead_letters(tables).await?;
        requests::judge(&self.ledger, &mut self.findings);
        let totals = Totals::of(&self.ledger);
        self.causes.judge(&self.ledger, &totals, &mut self.findings);
        self.judge_totals(tables, &totals).await?;
        self.judge_outbox(tables).await
    }

    async fn judge_orders(&mut self, snapshot: &mut PgConnection) -> Step {
        let Self { ledger, causes, findings, .. } = self;
        tell(self.config.progress, "table orders");
        self.read.order_rows =
            tables::orders(snapshot, |row| orders::judge(ledger, causes, row, findings)).await?;
        orders::judge_missing(ledger, findings);
        tell(self.config.progress, "table payments");
        self.read.payment_rows =
            tables::payments(snapshot, |row| payments::judge(ledger, row, findings)).await?;
        payments::judge_missing(ledger, findings);
        Ok(())
    }

    async fn judge_processed(
        &mut self,
        snapshot: &mut PgConnection,
        progress: &[progress::Row],
        log: &[Extent],
    ) -> Step {
        let Self { ledger, causes, findings, config, .. } = self;
        let mut epochs = Epochs::default();
        tell(config.progress, "table processed_events");
        let visit = |event: Uuid, row: Option<&processed::Row>| match row {
            Some(row) => {
                epochs.note(row.place, row.epoch);
                processed::judge(ledger, causes, row, findings);
            }
            None => foreign(findings, Invariant::ProcessedEventUnexpected, event),
        };
        self.read.processed_rows =
            tables::processed_events(snapshot, &config.topics, visit).await?;
        processed::judge_missing(ledger, findings);
        epochs.judge(findings);
        let inputs: Vec<_> = log
            .iter()
            .filter(|extent| matches!(extent.topic, Topic::Orders | Topic::Stock))
            .copied()
            .collect();
        progress::judge(progress, &inputs, &epochs, findings);
        Ok(())
    }

    async fn judge_refused(&mut self, snapshot: &mut PgConnection) -> Step {
        let Self { ledger, findings, config, .. } = self;
        let visit = |event: Uuid, row: Option<&refused::Row<'_>>| match row {
            Some(row) => refused::judge(ledger, row, findings),
            None => foreign(findings, Invariant::RefusedEventUnexpected, event),
        };
        self.read.refused_rows = tables::refused_events(snapshot, &config.topics, visit).await?;
        refused::judge_unflagged(ledger, findings);
        Ok(())
    }

    async fn judge_dead_letters(&mut self, snapshot: &mut PgConnection) -> Step {
        let Self { ledger, findings, config, .. } = self;
        let visit = |row: Option<&dead_letters::Row<'_>>| match row {
            Some(row) => dead_letters::judge(ledger, row, findings),
            None => foreign(findings, Invariant::DeadLetterUnexpected, Uuid::nil()),
        };
        self.read.dead_letter_rows = tables::dead_letters(snapshot, &config.topics, visit).await?;
        Ok(())
    }

    async fn judge_totals(&mut self, snapshot: &mut PgConnection, totals: &Totals) -> Step {
        let Self { ledger, findings, .. } = self;
        let mut shelves = Shelves::new(ledger);
        self.read.stock_rows =
            tables::stock(snapshot, |row| shelves.judge(ledger, totals, row, findings)).await?;
        shelves.judge_missing(ledger, totals, findings);
        let mut expected = totals.expected(&ledger.skus);
        self.read.metric_rows = tables::metrics(snapshot, |metric, dimension, value| {
            expected.judge(metric, dimension, value, findings);
        })
        .await?;
        expected.judge_missing(findings);
        Ok(())
    }

    async fn judge_outbox(&mut self, snapshot: &mut PgConnection) -> Step {
        let (findings, topics) = (&mut self.findings, &self.config.topics);
        tables::outbox(snapshot, |id, topic, partition| {
            let offset = 0;
            let place = Topic::input(topic, topics).map(|topic| Place { topic, partition, offset });
            let detail = "a batch that is not known to be published".to_owned();
            let id = format!("outbox {id}");
            findings.add(Invariant::OutboxNotEmpty, || Sample { id, place, detail });
        })
        .await?;
        Ok(())
    }

    async fn judge_told(&mut self, log: &Log, extents: &[Extent]) -> Step {
        let (log, extents, topics) = (log.clone(), extents.to_vec(), self.config.topics.clone());
        let mut ledger = std::mem::replace(&mut self.ledger, Ledger::new(0, 0));
        let (mut findings, mut read) = (std::mem::take(&mut self.findings), self.read);
        let mut alerts = Alerts::default();
        (self.findings, self.read) = blocking(move || {
            read.order_events = log.scan(Topic::Events, &extents, |record| {
                let order = events::order_of(&ledger, record);
                events::judge(&mut ledger, &mut alerts, record, order, &mut findings);
            })?;
            events::judge_missing(&ledger, &mut findings);
            read.dead_letters = log.scan(Topic::DeadLetters, &extents, |record| {
                dead_letters::judge_published(&mut ledger, &topics, record, &mut findings);
            })?;
            dead_letters::judge_missing(&ledger, &mut findings);
            Ok((findings, read))
        })
        .await?;
        Ok(())
    }
}

fn foreign(findings: &mut Findings, invariant: Invariant, event: Uuid) {
    findings.add(invariant, || Sample {
        id: event.to_string(),
        place: None,
        detail: "of a topic that is not audited".to_owned(),
    });
}

/// So long ago, in seconds since 1970.
fn since(kept: Duration) -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(now.saturating_sub(kept).as_secs()).unwrap_or(u32::MAX)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CannotJudge> + Send + 'static,
) -> Result<T, CannotJudge> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| CannotJudge::because(format!("the audit itself failed: {error}")))?
}
