//! What was told to others, as far as it was published before the snapshot.
//! Pure.

use contract::topic::Topics;
use uuid::Uuid;

use super::books::Books;
use crate::findings::{Findings, Sample};
use crate::fold::causes::Causes;
use crate::fold::ledger::Ledger;
use crate::fold::told::Told;
use crate::fold::{dead_letters, events, orders};
use crate::invariants::Invariant;
use crate::read::window::Found;
use crate::rules::{OwnedRecord, Record, id_of};

/// The order that a record is about when the books do not know it.
pub fn stranger(record: &Record<'_>) -> Option<Uuid> {
    let id = record.key.and_then(id_of)?;
    (record.headers.text("ce_type") != Some("stock.low.v1")).then_some(id)
}

/// Whether the books know what a record is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// They do, or nobody could.
    Yes,
    /// It is of an order that they forgot, or of none.
    No,
}

impl Books {
    /// Judges one event, unless it is of an order that the books do not know.
    pub fn told(&mut self, record: &Record<'_>) -> Known {
        let order = events::order_of(&self.ledger, record);
        if order.is_none() && stranger(record).is_some() {
            return Known::No;
        }
        events::judge(&mut self.ledger, &mut self.alerts, record, order, &mut self.findings);
        Known::Yes
    }

    /// Whether an event tells of a request that the log was not read up to yet.
    pub fn is_ahead(&self, record: &Record<'_>) -> bool {
        events::is_ahead(&self.ledger, record)
    }

    /// Judges events of orders that were forgotten: they may repeat what was told.
    pub fn told_again(&mut self, events: &[OwnedRecord], rows: &[Found<'_>]) {
        let mut past = Ledger::new(0, 0);
        for row in rows.iter().filter_map(|found| found.order.as_ref()) {
            if past.orders.find(row.order_id).is_some() || !self.is_past(row.source) {
                continue;
            }
            if let Some(order) = orders::recall(&mut past, row, [0; 16]) {
                let number = past.orders.add(order);
                // What it says was judged when it was new; now it explains the events.
                let (mut causes, mut judged) = (Causes::default(), Findings::default());
                orders::judge(&mut past, &mut causes, row, &mut judged);
                let order = past.orders.get_mut(number);
                order.told = order.status.map(Told::all_of).unwrap_or_default();
            }
        }
        for event in events {
            let record = event.as_record();
            let order = events::order_of(&past, &record);
            events::judge(&mut past, &mut self.alerts, &record, order, &mut self.findings);
        }
    }

    /// Judges one record of the dead letter topic.
    pub fn sent(&mut self, record: &Record<'_>, topics: &Topics) {
        let origin = dead_letters::origin(record, topics);
        let known = origin.is_some_and(|origin| self.ledger.unreadable.contains_key(&origin));
        if known || !self.forgetful || origin.is_none_or(|origin| !self.is_past(origin)) {
            dead_letters::judge_published(&mut self.ledger, topics, record, &mut self.findings);
        }
    }

    /// Notes progress that the log does not cover.
    pub(super) fn beyond(&mut self, topic: &str, partition: i32, next_offset: i64, end: i64) {
        self.findings.add(Invariant::ProgressBeyondLog, || Sample {
            id: format!("{topic}/{partition}"),
            place: None,
            detail: format!("progress is {next_offset}, the log ends at {end}"),
        });
    }
}
