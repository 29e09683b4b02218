//! What is compared as a whole: progress, outbox, stock and metrics. Pure.

use super::books::Books;
use crate::findings::Sample;
use crate::fold::progress::Row;
use crate::fold::stock::{self, Shelves};
use crate::invariants::Invariant;
use crate::place::Place;

impl Books {
    /// Judges `partition_progress` against what it was in the last step.
    pub fn note_progress(&mut self, rows: &[Row]) {
        for row in rows {
            let place =
                Place { topic: row.topic, partition: row.partition, offset: row.next_offset };
            let sample = |detail: String| {
                move || Sample { id: "partition_progress".into(), place: Some(place), detail }
            };
            let Some(lane) = self.lanes.get_mut(&(row.topic, row.partition)) else {
                let detail = "no such partition is in the log".to_owned();
                self.findings.add(Invariant::ProgressBeyondLog, sample(detail));
                continue;
            };
            if row.next_offset < lane.next_offset {
                let detail = format!("fell back from {}", lane.next_offset);
                self.findings.add(Invariant::ProgressBehindLog, sample(detail));
            }
            if row.epoch < lane.epoch {
                let detail = format!("is of epoch {}, and was of {}", row.epoch, lane.epoch);
                self.findings.add(Invariant::EpochOrder, sample(detail));
            }
            (lane.next_offset, lane.epoch) = (row.next_offset, row.epoch);
        }
    }

    /// Judges rows of the outbox that are there too long: id, topic, partition.
    pub fn judge_overdue(&mut self, rows: &[(i64, String, i32)]) {
        self.epochs.judge(&mut self.findings);
        for (id, topic, partition) in rows {
            self.findings.add(Invariant::OutboxNotEmpty, || Sample {
                id: format!("outbox {id}"),
                place: None,
                detail: format!("a batch of {topic}/{partition} that is not known to be published"),
            });
        }
    }

    /// Compares stock (available, reserved, sold, received) and metrics (name,
    /// dimension, value) with the running sums, at the level of their snapshot.
    pub fn judge_sums(&mut self, rows: &[(String, [i64; 4])], metrics: &[[String; 3]]) {
        let Self { ledger, totals, findings, .. } = self;
        let mut shelves = Shelves::new(ledger);
        for (sku, [available, reserved, sold, received]) in rows {
            let (available, reserved) = (*available, *reserved);
            let row = stock::Row { sku, available, reserved, sold: *sold, received: *received };
            shelves.judge(ledger, totals, &row, findings);
        }
        shelves.judge_missing(ledger, totals, findings);
        let mut expected = totals.expected(&ledger.skus);
        for [metric, dimension, value] in metrics {
            expected.judge(metric, dimension, value, findings);
        }
        expected.judge_missing(findings);
    }
}
