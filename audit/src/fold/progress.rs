//! The table `partition_progress` against the ends of the partitions.

use super::processed::Epochs;
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;
use crate::place::{Place, Topic};

/// A row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Row {
    pub topic: Topic,
    pub partition: i32,
    pub epoch: i64,
    pub next_offset: i64,
}

/// A partition of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// In which topic.
    pub topic: Topic,
    /// Which one.
    pub partition: i32,
    /// The first offset that is still there.
    pub low: i64,
    /// The offset of the next record.
    pub high: i64,
}

/// How far a partition has been processed.
pub fn next_offset(rows: &[Row], topic: Topic, partition: i32) -> i64 {
    let row = rows.iter().find(|row| (row.topic, row.partition) == (topic, partition));
    row.map_or(0, |row| row.next_offset)
}

/// Judges all rows against the partitions of the input topics.
pub fn judge(rows: &[Row], log: &[Extent], epochs: &Epochs, findings: &mut Findings) {
    for extent in log {
        let next = next_offset(rows, extent.topic, extent.partition);
        if next < extent.high {
            let detail = format!("{} records are not processed", extent.high - next);
            findings.add(Invariant::ProgressBehindLog, || {
                sample(extent.topic, extent.partition, next, detail)
            });
        }
    }
    for row in rows {
        let extent = log.iter().find(|e| (e.topic, e.partition) == (row.topic, row.partition));
        let end = extent.map_or(0, |extent| extent.high);
        if row.next_offset > end {
            let detail = format!("the log ends at {end}");
            findings.add(Invariant::ProgressBeyondLog, || {
                sample(row.topic, row.partition, row.next_offset, detail)
            });
        }
        if let Some(newest) = epochs.newest(row.topic, row.partition)
            && newest > row.epoch
        {
            let detail = format!("is of epoch {}, but epoch {newest} processed records", row.epoch);
            findings.add(Invariant::EpochOrder, || {
                sample(row.topic, row.partition, row.next_offset, detail)
            });
        }
    }
}

fn sample(topic: Topic, partition: i32, offset: i64, detail: String) -> Sample {
    let place = Place { topic, partition, offset };
    Sample { id: "partition_progress".to_owned(), place: Some(place), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_stands_at_the_end_of_every_partition() {
        let extent = |partition, high| Extent { topic: Topic::Orders, partition, low: 0, high };
        let row =
            |partition, next_offset| Row { topic: Topic::Orders, partition, epoch: 1, next_offset };
        let count = |rows: &[Row], log: &[Extent]| {
            let mut findings = Findings::default();
            judge(rows, log, &Epochs::default(), &mut findings);
            let of = |invariant| findings.count(invariant);
            (of(Invariant::ProgressBehindLog), of(Invariant::ProgressBeyondLog))
        };
        assert_eq!(count(&[row(0, 5)], &[extent(0, 5), extent(1, 0)]), (0, 0));
        assert_eq!(count(&[row(0, 4)], &[extent(0, 5), extent(1, 2)]), (2, 0));
        assert_eq!(count(&[row(0, 6), row(2, 1)], &[extent(0, 5)]), (0, 2));
    }
}
