//! Beginning in the middle: the tables as one snapshot shows them count as
//! right, and what is under way in it is taken over.
//!
//! From then on everything is proved as ever: records, rows, events, and that
//! stock and metrics change by exactly what the orders say. That what was there
//! before is right is not proved, nor that its events were told.

use contract::OrderStatus;
use sqlx::postgres::PgConnection;

use super::Watch;
use super::books::Books;
use crate::error::Trouble;
use crate::fold::progress::{Extent, Row, next_offset};
use crate::place::{Place, Topic};
use crate::read::window::{self, Range};
use crate::read::{snapshot, tables};

impl Watch {
    /// Takes the tables over; gives where each topic is read from. The ends of the
    /// outgoing topics were asked before.
    pub(super) async fn believe(
        &mut self,
        database: &mut PgConnection,
        extents: Vec<Extent>,
    ) -> Result<Vec<Extent>, Trouble> {
        snapshot::begin(database).await?;
        let topics = &self.config.topics;
        let progress = tables::progress(database, topics).await?;
        let resume = tables::resume_offsets(database).await?;
        let books = &mut self.books;
        tables::stock(database, |row| books.believe_stock(row, super::now_us())).await?;
        tables::counters(database, |metric, dimension, value| {
            // Another metric is a finding when it is shown.
            let _known = books.totals.metrics.believe(metric, dimension, value);
        })
        .await?;
        let ranges: Vec<_> = progress
            .iter()
            .filter(|row| row.topic == Topic::Orders)
            .map(|row| {
                let left_over = resume_offset(&resume, row, row.topic.name(topics));
                let (from, to) = (left_over, row.next_offset);
                Range { topic: row.topic, partition: row.partition, from, to }
            })
            .collect();
        for row in window::orders(database, &ranges).await? {
            let found = window::found(&row, topics)?;
            let status = found.order.as_ref().and_then(|row| OrderStatus::parse(row.status));
            books.base.extend(status.map(|status| (found.id, status)));
        }
        snapshot::end(database).await?;
        let low = |topic, partition| {
            let range = ranges.iter().find(|r| (r.topic, r.partition) == (topic, partition));
            range.map(|range| range.from)
        };
        let from = extents.into_iter().map(|extent| {
            let Extent { topic, partition, .. } = extent;
            let next = next_offset(&progress, topic, partition);
            let low = match topic {
                Topic::Orders | Topic::Stock => low(topic, partition).unwrap_or(next),
                Topic::Events | Topic::DeadLetters => extent.high,
            };
            if matches!(topic, Topic::Orders | Topic::Stock) {
                books.begin_lane((topic, partition), low.max(extent.low), next);
            }
            Extent { low: low.max(extent.low), ..extent }
        });
        Ok(from.collect())
    }
}

/// The first offset of a partition that has work left over.
fn resume_offset(rows: &[(String, i32, i64)], row: &Row, name: &str) -> i64 {
    let found =
        rows.iter().find(|(topic, partition, _)| topic == name && *partition == row.partition);
    found.map_or(row.next_offset, |(.., offset)| (*offset).min(row.next_offset))
}

impl Books {
    /// Takes a product over.
    fn believe_stock(&mut self, row: &crate::fold::stock::Row<'_>, now_us: i64) {
        let sku = self.ledger.skus.number(row.sku);
        let [received, reserved, sold] = [row.received, row.reserved, row.sold].map(i128::from);
        let pieces = self.totals.pieces_mut(sku);
        (pieces.received, pieces.reserved, pieces.sold) = (received, reserved, sold);
        (pieces.taken, pieces.stocked) = (reserved + sold, true);
        self.arrivals.insert(sku, (vec![(now_us, received)], 0));
    }

    /// A lane is read from `low`, where the first work left over may be; what is
    /// before `base` is in the sums already.
    fn begin_lane(&mut self, id: super::books::LaneId, low: i64, base: i64) {
        self.forgetful = true;
        if let Some(lane) = self.lanes.get_mut(&id) {
            (lane.from, lane.folded, lane.judged, lane.base) = (low, low, low, base);
            (lane.watermark, lane.next_offset) = (low, base);
        }
    }

    /// What an order was when the watch began, if it was in the sums then.
    pub(super) fn begin_order(&mut self, number: u32) {
        let id = self.ledger.orders.get(number).id;
        let Some(status) = self.base.remove(&id) else { return };
        let carried = &mut self.carried[number as usize];
        carried.counted = Some((status, None));
        carried.partial = status == OrderStatus::Reserved;
        carried.recalled = !carried.partial;
    }

    /// Whether what a record asked for was in the tables when the watch began.
    pub(super) fn is_base(&self, place: Place) -> bool {
        let lane = self.lanes.get(&(place.topic, place.partition));
        lane.is_some_and(|lane| place.offset < lane.base)
    }
}
