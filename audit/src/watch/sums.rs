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
            let sample = |offset: i64, detail: String| {
                let place = Place { topic: row.topic, partition: row.partition, offset };
                move || Sample { id: "partition_progress".into(), place: Some(place), detail }
            };
            let Some(lane) = self.lanes.get_mut(&(row.topic, row.partition)) else {
                // Without its offset: however it goes on, that is one fault.
                let detail = "no such partition is in the log".to_owned();
                self.findings.add(Invariant::ProgressBeyondLog, sample(0, detail));
                continue;
            };
            if row.next_offset < lane.next_offset {
                let detail = format!("fell back from {}", lane.next_offset);
                self.findings.add(Invariant::ProgressBehindLog, sample(row.next_offset, detail));
            }
            if row.epoch < lane.epoch {
                let detail = format!("is of epoch {}, and was of {}", row.epoch, lane.epoch);
                self.findings.add(Invariant::EpochOrder, sample(row.next_offset, detail));
            }
            (lane.next_offset, lane.epoch) = (row.next_offset, row.epoch);
        }
    }

    /// Judges in which order epochs processed each partition.
    pub fn judge_epochs(&mut self) {
        self.epochs.judge(&mut self.findings);
    }

    /// Judges rows of the outbox that are there too long: id, topic, partition.
    pub fn judge_overdue(&mut self, rows: &[(i64, String, i32)]) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Topic;

    fn row(partition: i32, epoch: i64, next_offset: i64) -> Row {
        Row { topic: Topic::Orders, partition, epoch, next_offset }
    }

    #[test]
    fn each_fall_of_each_partition_is_found() {
        let lanes = [0, 1].map(|partition| ((Topic::Orders, partition), 0));
        let mut books = Books::new(lanes.into_iter(), 0, 60);
        let steps = [
            [row(0, 3, 10), row(1, 3, 10)],
            [row(0, 3, 9), row(1, 3, 10)],
            [row(0, 3, 12), row(1, 3, 9)],
            [row(0, 2, 12), row(1, 2, 10)],
            [row(0, 2, 11), row(1, 2, 10)],
        ];
        steps.iter().for_each(|rows| books.note_progress(rows));
        let count = |invariant| books.findings.count(invariant);
        assert_eq!(count(Invariant::ProgressBehindLog), 3, "{:?}", books.findings);
        assert_eq!(count(Invariant::EpochOrder), 2, "{:?}", books.findings);
    }

    #[test]
    fn progress_of_no_partition_is_found_once_though_it_goes_on() {
        let mut books = Books::new(std::iter::once(((Topic::Orders, 0), 0)), 0, 60);
        for next_offset in 1..4 {
            books.note_progress(&[row(7, 1, next_offset), row(8, 1, next_offset)]);
        }
        assert_eq!(books.findings.count(Invariant::ProgressBeyondLog), 2, "{:?}", books.findings);
    }
}
