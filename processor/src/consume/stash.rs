//! What a lane holds back while its worker's queue is full, and when its
//! partition is paused and resumed. Pure.
//!
//! Pausing throws away what librdkafka has prefetched, so it is for a worker
//! that stays behind; a short burst waits here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::work::Task;

/// More records than this pause the partition.
const TASKS_HIGH: usize = 1000;
/// More bytes than this, too.
const BYTES_HIGH: usize = 4 * 1024 * 1024;
/// A pause lasts at least this long, or fetching would start and stop all the
/// time.
const PAUSE_MIN: Duration = Duration::from_millis(500);

/// Tasks of one lane that found no room.
#[derive(Debug, Default)]
pub(super) struct Stash {
    tasks: VecDeque<(Task, usize)>,
    bytes: usize,
    paused_at: Option<Instant>,
}

/// What to do with the partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flow {
    Keep,
    Pause,
    Resume,
}

impl Stash {
    pub(super) fn push(&mut self, task: Task, bytes: usize) {
        self.bytes += bytes;
        self.tasks.push_back((task, bytes));
    }

    /// Offers tasks in order until one is given back.
    pub(super) fn drain(&mut self, mut offer: impl FnMut(Task) -> Result<(), Task>) {
        while let Some((task, bytes)) = self.tasks.pop_front() {
            match offer(task) {
                Ok(()) => self.bytes -= bytes,
                Err(task) => return self.tasks.push_front((task, bytes)),
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }

    /// Whether to pause or resume now; the answer is taken as done.
    pub(super) fn flow(&mut self, now: Instant) -> Flow {
        match self.paused_at {
            None if self.tasks.len() > TASKS_HIGH || self.bytes > BYTES_HIGH => {
                self.paused_at = Some(now);
                Flow::Pause
            }
            Some(since) if self.tasks.is_empty() && now >= since + PAUSE_MIN => {
                self.paused_at = None;
                Flow::Resume
            }
            _ => Flow::Keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::{LaneId, RecordBuilder, Source};
    use crate::work::Read;

    fn task(partition: i32) -> Task {
        let lane = LaneId { source: Source::Orders, partition };
        Task::Record(Read { epoch: 1, record: RecordBuilder::new(lane, 0, 0).build() })
    }

    #[test]
    fn a_lane_pauses_once_it_holds_much_and_resumes_once_it_holds_nothing() {
        let (mut stash, now) = (Stash::default(), Instant::now());
        (0..=TASKS_HIGH).for_each(|_| stash.push(task(0), 10));
        assert_eq!(stash.flow(now), Flow::Pause);
        assert_eq!(stash.flow(now), Flow::Keep, "once a transition");
        stash.drain(|_| Ok(()));
        assert_eq!(stash.flow(now), Flow::Keep, "a pause has a shortest length");
        assert_eq!(stash.flow(now + PAUSE_MIN), Flow::Resume);
        stash.push(task(0), BYTES_HIGH + 1);
        assert_eq!(stash.flow(now), Flow::Pause, "bytes count too");
    }

    #[test]
    fn what_is_given_back_keeps_its_place() {
        let mut stash = Stash::default();
        (0..3).for_each(|n| stash.push(task(n), 1));
        let mut taken = Vec::new();
        stash.drain(|task| {
            if taken.is_empty() {
                taken.push(format!("{task:?}"));
                Ok(())
            } else {
                Err(task)
            }
        });
        stash.drain(|task| {
            taken.push(format!("{task:?}"));
            Ok(())
        });
        let expected: Vec<_> = (0..3).map(|n| format!("{:?}", task(n))).collect();
        assert_eq!(taken, expected);
    }
}
