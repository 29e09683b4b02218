//! Which lanes were not compared with their logs yet, and whose turn it is. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::lane::{LaneId, Witness};

/// Until Kafka is asked again after it did not say which log it holds.
const PAUSE: Duration = Duration::from_secs(10);

/// The lanes whose log may be another one.
#[derive(Debug)]
pub(super) struct Doubts {
    open: BTreeMap<LaneId, Doubt>,
    ask_at: Instant,
}

#[derive(Debug)]
struct Doubt {
    witness: Witness,
    /// How often Kafka did not say.
    silences: u32,
}

impl Doubts {
    pub(super) fn new(now: Instant) -> Self {
        Self { open: BTreeMap::new(), ask_at: now }
    }

    pub(super) fn raise(&mut self, lane: LaneId, witness: Witness) {
        self.open.insert(lane, Doubt { witness, silences: 0 });
    }

    /// The lane is compared by this witness.
    pub(super) fn lay(&mut self, lane: LaneId, witness: &Witness) {
        if self.open.get(&lane).is_some_and(|doubt| doubt.witness == *witness) {
            self.open.remove(&lane);
        }
    }

    /// The lane is gone.
    pub(super) fn forget(&mut self, lane: LaneId) {
        self.open.remove(&lane);
    }

    /// Kafka did not say: the other lanes are asked about before this one.
    pub(super) fn postpone(&mut self, lane: LaneId, now: Instant) {
        self.ask_at = now + PAUSE;
        if let Some(doubt) = self.open.get_mut(&lane) {
            doubt.silences += 1;
        }
    }

    /// What to ask now; one lane at a time, for the others get their records between.
    pub(super) fn next(&self, now: Instant) -> Option<(LaneId, Witness)> {
        let due = self.open.iter().filter(|_| now >= self.ask_at);
        let next = due.min_by_key(|(_, doubt)| doubt.silences);
        next.map(|(lane, doubt)| (*lane, doubt.witness))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::lane::Source;

    #[test]
    fn a_lane_of_which_kafka_says_nothing_lets_the_others_come_first() {
        let witness = Witness { offset: 7, event_id: Uuid::nil() };
        let lanes = [0, 1, 2].map(|partition| LaneId { source: Source::Orders, partition });
        let begin = Instant::now();
        let at = |pauses: u32| begin + PAUSE * pauses;
        let mut doubts = Doubts::new(begin);
        for lane in lanes {
            doubts.raise(lane, witness);
        }
        let asked = |doubts: &Doubts, now| doubts.next(now).map(|(lane, _)| lane);
        assert_eq!(asked(&doubts, begin), Some(lanes[0]));
        doubts.postpone(lanes[0], begin);
        assert_eq!(asked(&doubts, begin), None, "a silent Kafka is left alone for a while");
        assert_eq!(asked(&doubts, at(1)), Some(lanes[1]));
        doubts.lay(lanes[1], &Witness { offset: 8, ..witness });
        assert_eq!(asked(&doubts, at(1)), Some(lanes[1]), "compared by an older witness");
        doubts.lay(lanes[1], &witness);
        assert_eq!(asked(&doubts, at(1)), Some(lanes[2]));
        doubts.postpone(lanes[2], at(1));
        assert_eq!(asked(&doubts, at(2)), Some(lanes[0]));
    }
}
