//! The events in hand: read, not yet taken by the sink. Knows the progress to
//! commit before they are told and the progress when only some are. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::notification::Notification;
use crate::progress::Progress;
use crate::sink::Report;

/// A bounded set of events and the records they came from.
#[derive(Default)]
pub struct Chunk {
    /// Events that are still to be told, in the order they came.
    pub pending: Vec<Notification>,
    /// By partition: what is read, and what of it is told out of turn.
    partitions: BTreeMap<i32, Progress>,
    /// Those of them that went away while nobody knew what counts as told.
    doubtful: BTreeSet<i32>,
}

impl Chunk {
    /// Whether there is nothing to commit or tell.
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Notes that a record was read that needs no telling.
    pub fn pass(&mut self, partition: i32, offset: i64) {
        self.partitions.entry(partition).or_default().next = offset + 1;
    }

    /// Notes that a record was read that an earlier owner told out of turn.
    pub fn pass_told(&mut self, partition: i32, offset: i64) {
        self.pass(partition, offset);
        self.partitions.entry(partition).or_default().told.insert(offset);
    }

    /// Takes an event that is to be told.
    pub fn push(&mut self, notification: Notification) {
        self.pass(notification.partition, notification.offset);
        self.pending.push(notification);
    }

    /// Lets go of a partition that is another's now.
    pub fn forget(&mut self, partition: i32) {
        self.partitions.remove(&partition);
        self.doubtful.remove(&partition);
        self.pending.retain(|notification| notification.partition != partition);
    }

    /// Keeps what is in hand of a partition that went away: it may count as told.
    pub fn doubt(&mut self, partition: i32) {
        if self.partitions.contains_key(&partition) {
            self.doubtful.insert(partition);
        }
    }

    /// The same for all partitions.
    pub fn doubt_all(&mut self) {
        self.doubtful = self.partitions.keys().copied().collect();
    }

    /// The progress that partitions in doubt have if theirs was taken; none without any.
    pub fn doubtful(&self) -> Vec<(i32, Progress)> {
        self.ends(|partition| self.doubtful.contains(&partition))
    }

    /// Ends the doubt: what does not count as told is another's to tell, or comes
    /// again from the log.
    pub fn keep(&mut self, counted: &[i32]) {
        for partition in self.doubtful.clone() {
            if !counted.contains(&partition) {
                self.forget(partition);
            }
        }
    }

    /// Puts back what a sink left.
    pub fn settle(&mut self, report: Report) {
        for (partition, offset) in report.told {
            if let Some(progress) = self.partitions.get_mut(&partition) {
                progress.told.insert(offset);
            }
        }
        self.pending = report.left;
        self.pending.sort_by_key(|notification| (notification.partition, notification.offset));
    }

    /// The progress when every event is told, of partitions that nobody doubts.
    pub fn end(&self) -> Vec<(i32, Progress)> {
        self.ends(|partition| !self.doubtful.contains(&partition))
    }

    fn ends(&self, wanted: impl Fn(i32) -> bool) -> Vec<(i32, Progress)> {
        let ends = self.partitions.iter().filter(|(partition, _)| wanted(**partition));
        ends.map(|(partition, read)| (*partition, Progress::up_to(read.next))).collect()
    }

    /// The progress now: up to the first event that is not told, and those
    /// behind it that are.
    pub fn progress(&self) -> Vec<(i32, Progress)> {
        let mut progress = self.partitions.clone();
        for first in self.pending.iter().rev() {
            if let Some(read) = progress.get_mut(&first.partition) {
                read.next = first.offset;
            }
        }
        for read in progress.values_mut() {
            read.told = read.told.split_off(&read.next);
        }
        progress.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::tests::paid;

    fn at(progress: &[(i32, Progress)]) -> Vec<(i32, i64, String)> {
        progress.iter().map(|(p, at)| (*p, at.next, at.metadata())).collect()
    }

    fn chunk() -> Chunk {
        let mut chunk = Chunk::default();
        for (partition, offset) in [(0, 10), (1, 5), (0, 11), (0, 12), (0, 14)] {
            chunk.push(paid(partition, offset));
        }
        chunk.pass(0, 15);
        chunk
    }

    #[test]
    fn progress_stands_before_the_first_event_left_and_names_those_told_behind_it() {
        let mut chunk = chunk();
        let left = vec![paid(0, 14), paid(0, 11)];
        chunk.settle(Report { left, told: vec![(0, 10), (1, 5), (0, 12)], problem: None });
        assert_eq!(at(&chunk.progress()), [(0, 11, "1".into()), (1, 6, String::new())]);
        assert_eq!(at(&chunk.end()), [(0, 16, String::new()), (1, 6, String::new())]);
        assert_eq!(chunk.pending[0].offset, 11, "order is kept");
    }

    #[test]
    fn what_an_earlier_owner_told_stays_told_when_the_sink_fails_again() {
        let mut chunk = Chunk::default();
        chunk.push(paid(0, 10));
        chunk.pass_told(0, 11);
        chunk.push(paid(0, 12));
        assert_eq!(at(&chunk.progress()), [(0, 10, "1".into())]);
    }

    #[test]
    fn a_partition_that_left_takes_its_events_along() {
        let mut chunk = chunk();
        chunk.forget(0);
        assert_eq!(at(&chunk.end()), [(1, 6, String::new())]);
        assert_eq!(chunk.pending.len(), 1);
        chunk.forget(1);
        assert!(chunk.is_empty());
    }
}
