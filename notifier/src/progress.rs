//! How far a partition is told: the first offset that is not, and the few
//! behind it that are, because a webhook is told several events at once. The
//! few travel as metadata of the offset commit. Pure.

use std::collections::BTreeSet;

/// What the group says about a partition.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// The first offset that is not told.
    pub next: i64,
    /// Offsets past `next` that are told.
    pub told: BTreeSet<i64>,
}

/// Where reading starts, and what happened to the log meanwhile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// The first record that is read; those below `progress.next` are only noted.
    pub read_from: i64,
    /// The progress that goes on from here.
    pub progress: Progress,
    /// What a person must know.
    pub finding: Finding,
}

/// What the log says about the progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    /// Nothing remarkable.
    Expected,
    /// This many records were deleted before they were told.
    Missed(i64),
    /// The log ends before the progress: it is another one, made anew.
    Replaced,
}

impl Progress {
    /// Progress without exceptions.
    pub fn up_to(next: i64) -> Self {
        Self { next, told: BTreeSet::new() }
    }

    /// Whether the record at this offset is told.
    pub fn covers(&self, offset: i64) -> bool {
        offset < self.next || self.told.contains(&offset)
    }

    /// The exceptions as text: distances from `next`.
    pub fn metadata(&self) -> String {
        let distances = self.told.iter().map(|offset| (offset - self.next).to_string());
        distances.collect::<Vec<_>>().join(",")
    }

    /// Reads what [`Self::metadata`] wrote; what others wrote means nothing.
    pub fn read(next: i64, metadata: &str) -> Self {
        let distances = metadata.split(',').map(str::parse::<u32>).collect::<Result<Vec<_>, _>>();
        let told = distances.unwrap_or_default().into_iter();
        Self { next, told: told.map(|distance| next + i64::from(distance)).collect() }
    }
}

/// Where to start in a log that now reaches from `low` to `high`, so that the
/// last `window` told records are seen again.
pub fn start(committed: Option<Progress>, low: i64, high: i64, window: usize) -> Start {
    let window = i64::try_from(window).unwrap_or(i64::MAX);
    let (progress, finding) = match committed {
        None => (Progress::up_to(low), Finding::Expected),
        Some(progress) if progress.next > high => (Progress::up_to(low), Finding::Replaced),
        Some(progress) if progress.next < low => {
            let missed = low - progress.next;
            (Progress { next: low, told: progress.told }, Finding::Missed(missed))
        }
        Some(progress) => (progress, Finding::Expected),
    };
    let read_from = progress.next.saturating_sub(window).max(low);
    Start { read_from, progress, finding }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_survive_the_trip_through_the_broker() {
        let progress = Progress { next: 1_000, told: BTreeSet::from([1_001, 1_255]) };
        assert_eq!(progress.metadata(), "1,255");
        assert_eq!(Progress::read(1_000, "1,255"), progress);
        assert!(progress.covers(999) && progress.covers(1_255));
        assert!(!progress.covers(1_000) && !progress.covers(1_254));
        assert_eq!(Progress::read(7, ""), Progress::up_to(7));
        assert_eq!(Progress::read(7, "by another tool, 3"), Progress::up_to(7));
    }

    #[test]
    fn reading_starts_one_window_before_the_progress() {
        let from = |next, window| start(Some(Progress::up_to(next)), 10, 100, window).read_from;
        assert_eq!(from(60, 20), 40);
        assert_eq!(from(60, 200), 10);
        assert_eq!(from(100, 0), 100);
        let fresh = start(None, 10, 100, 20);
        assert_eq!((fresh.read_from, fresh.progress), (10, Progress::up_to(10)));
    }

    #[test]
    fn a_log_that_lost_records_or_was_replaced_is_noticed() {
        let finding = |next| start(Some(Progress::up_to(next)), 10, 100, 20);
        assert_eq!(finding(4).finding, Finding::Missed(6));
        assert_eq!(finding(4).progress.next, 10);
        assert_eq!(finding(101).finding, Finding::Replaced);
        assert_eq!(finding(101).progress.next, 10);
        assert_eq!(finding(100).finding, Finding::Expected);
    }
}
