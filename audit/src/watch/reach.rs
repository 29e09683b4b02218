//! How far a step reads the log, and whether that is the level of the tables.

use std::time::{Duration, Instant};

use super::Watch;
use super::books::LaneId;
use crate::error::Trouble;
use crate::fold::progress::{Extent, Row, next_offset};
use crate::read::tail::{Go, Until};

/// How long a snapshot waits for the client to fetch what is in the log.
const FOLD_WAIT: Duration = Duration::from_millis(1500);
/// So many records of one partition are taken in one step.
const RECORDS_MAX: i64 = 20_000;

/// How far one partition was read.
#[derive(Clone, Copy, Debug)]
struct Reached {
    lane: LaneId,
    /// Before the step.
    from: i64,
    /// Now.
    next: i64,
    /// As far as the step wanted to.
    to: i64,
    /// Its progress in the tables.
    end: i64,
}

impl Reached {
    /// What is wanted did not come: it is late, or the log ends before the progress.
    fn is_short(&self) -> bool {
        self.next < self.to
    }

    /// All that was processed was read. Progress may fall back, behind what was.
    fn is_level(&self) -> bool {
        !self.is_short() && self.to == self.end || self.end < self.from
    }
}

/// Whether all partitions are level; those whose log has `ended` have nothing to wait for.
fn is_level(lanes: &[Reached], ended: &[LaneId]) -> bool {
    lanes.iter().all(|reached| reached.is_level() || ended.contains(&reached.lane))
}

impl Watch {
    /// Reads the log up to the progress; says whether it got there everywhere.
    pub(super) async fn fold(&mut self, progress: &[Row]) -> Result<bool, Trouble> {
        let deadline = Instant::now() + FOLD_WAIT;
        let lanes: Vec<_> = self.books.lanes().map(|(id, lane)| (id, lane.folded)).collect();
        let mut all = Vec::with_capacity(lanes.len());
        for (lane @ (topic, partition), from) in lanes {
            let end = next_offset(progress, topic, partition);
            let to = end.min(from + RECORDS_MAX);
            let books = &mut self.books;
            let tail = self.tail.as_mut().ok_or_else(super::not_open)?;
            let mut take = |record: &crate::rules::Record<'_>| {
                books.take(record);
                Go::On
            };
            let until = Until { topic, partition, to, deadline };
            let next = tail.read(until, &mut take).await?;
            all.push(Reached { lane, from, next, to, end });
        }
        let short: Vec<_> = all.iter().copied().filter(Reached::is_short).collect();
        let ended = if short.is_empty() { Vec::new() } else { self.beyond(&short)? };
        Ok(is_level(&all, &ended))
    }

    /// Progress may be beyond the end of the log, which is a finding; says where.
    fn beyond(&mut self, short: &[Reached]) -> Result<Vec<LaneId>, Trouble> {
        let ends = self.tail.as_ref().ok_or_else(super::not_open)?.extents()?;
        let mut ended = Vec::new();
        for Reached { lane: lane @ (topic, partition), end: progress, .. } in short {
            let log = ends.iter().find(|log| (log.topic, log.partition) == *lane);
            let Some(end) = end_of(log).filter(|end| end < progress) else { continue };
            self.books.beyond(topic.name(&self.config.topics), *partition, *progress, end);
            ended.push(*lane);
        }
        Ok(ended)
    }
}

/// Where a log ends of which all was read; one that is gone ends at its beginning.
fn end_of(log: Option<&Extent>) -> Option<i64> {
    log.map_or(Some(0), |log| (log.low >= log.high).then_some(log.high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Topic;

    fn reached(partition: i32, [from, next, to, end]: [i64; 4]) -> Reached {
        Reached { lane: (Topic::Orders, partition), from, next, to, end }
    }

    #[test]
    fn a_log_that_ended_does_not_make_others_level() {
        let short = reached(0, [5, 5, 9, 9]);
        let (level, far) = (reached(1, [5, 9, 9, 9]), reached(1, [0, 20_000, 20_000, 90_000]));
        let ended = [(Topic::Orders, 0)];
        assert!(is_level(&[short, level], &ended));
        assert!(!is_level(&[short, level], &[]), "its records are late");
        assert!(!is_level(&[short, far], &ended), "most of the other was not read");
        assert!(is_level(&[reached(0, [9, 9, 5, 5])], &[]), "its progress fell back");
    }

    #[test]
    fn a_log_ends_where_all_of_it_was_read() {
        let log = |low| Extent { topic: Topic::Orders, partition: 0, low, high: 7 };
        assert_eq!([6, 7].map(|low| end_of(Some(&log(low)))), [None, Some(7)]);
        assert_eq!(end_of(None), Some(0));
    }
}
