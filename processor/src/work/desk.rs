//! What a worker keeps of its lanes from commit to commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::FixedState;
use tokio::sync::Notify;

use super::unsettled::Unsettled;
use crate::decide::Outcome;
use crate::lane::{Claim, LaneId};
use crate::publish::{LanePublisher, Producer};
use crate::store::{Advance, Retired};

/// A claimed lane.
pub(super) struct OwnedLane {
    pub(super) claim: Claim,
    pub(super) publisher: LanePublisher,
}

/// All lanes of a worker.
pub(super) struct Desk {
    pub(super) lanes: HashMap<LaneId, OwnedLane, FixedState>,
    pub(super) unsettled: Unsettled,
    producer: Arc<Producer>,
    wake: Arc<Notify>,
}

impl Desk {
    pub(super) fn new(producer: Arc<Producer>, wake: Arc<Notify>) -> Self {
        Self { lanes: HashMap::default(), unsettled: Unsettled::default(), producer, wake }
    }

    /// Takes a lane over.
    pub(super) fn claim(&mut self, claim: Claim) -> &mut OwnedLane {
        let lane = claim.lane;
        self.drop_lane(lane);
        let publisher = LanePublisher::new(lane, self.producer.clone(), self.wake.clone());
        self.lanes.entry(lane).or_insert(OwnedLane { claim, publisher })
    }

    /// Lets a lane go. What it had under way is the next owner's business.
    pub(super) fn drop_lane(&mut self, lane: LaneId) {
        self.lanes.remove(&lane);
        self.unsettled.forget(lane);
    }

    /// Whether work for this lane may still have an effect.
    pub(super) fn owns(&self, lane: LaneId) -> bool {
        self.lanes.get(&lane).is_some_and(|owned| !owned.claim.tenure.has_ended())
    }

    /// The lane an outcome is committed under.
    pub(super) fn lane_of(&self, outcome: &Outcome) -> Option<LaneId> {
        match outcome {
            Outcome::Captured(order_id) | Outcome::Declined(order_id, _) => {
                self.unsettled.lane_of(*order_id)
            }
            Outcome::Refunded(refund) => Some(refund.lane),
        }
    }

    /// Parcels without acknowledgement, over all lanes.
    pub(super) fn under_way(&self) -> usize {
        self.lanes.values().map(|owned| owned.publisher.under_way()).sum()
    }

    /// The earliest retry of a failed delivery.
    pub(super) fn again_at(&self) -> Option<Instant> {
        self.lanes.values().filter_map(|owned| owned.publisher.again_at()).min()
    }

    /// Collects acknowledgements of lanes that are still ours.
    pub(super) fn collect(&mut self, retired: &mut BTreeMap<LaneId, Retired>) {
        for (lane, owned) in &mut self.lanes {
            let mut acknowledged = Retired::default();
            owned.publisher.collect(&mut acknowledged);
            if !acknowledged.outbox.is_empty() || !acknowledged.dead.is_empty() {
                let entry = retired.entry(*lane).or_default();
                entry.outbox.append(&mut acknowledged.outbox);
                entry.dead.append(&mut acknowledged.dead);
            }
        }
    }

    /// How far each lane of a batch advances.
    pub(super) fn advances(
        &self,
        records: impl Iterator<Item = (LaneId, i64)>,
        outcomes: &[Outcome],
        retired: impl Iterator<Item = LaneId>,
    ) -> BTreeMap<LaneId, Advance> {
        let mut spans: BTreeMap<LaneId, Option<(i64, i64)>> = BTreeMap::new();
        for (lane, offset) in records {
            let span = spans.entry(lane).or_default();
            let (first, last) = span.map_or((offset, offset), |(first, next)| {
                (offset.min(first), offset.max(next - 1))
            });
            *span = Some((first, last + 1));
        }
        for lane in outcomes.iter().filter_map(|outcome| self.lane_of(outcome)).chain(retired) {
            spans.entry(lane).or_default();
        }
        let mut settled: BTreeMap<LaneId, BTreeSet<i64>> = BTreeMap::new();
        for state in outcomes.iter().filter_map(|o| self.unsettled.orders().get(&o.order_id())) {
            settled.entry(state.lane).or_default().insert(state.offset);
        }
        let none = BTreeSet::new();
        let advance = |(lane, span): (LaneId, Option<(i64, i64)>)| {
            let claim = &self.lanes.get(&lane)?.claim;
            let (first, next) = span.unwrap_or((claim.next_offset, claim.next_offset));
            let settled = settled.get(&lane).unwrap_or(&none);
            let resume = self.unsettled.resume_offset(lane, settled, first, next);
            Some((lane, Advance { claim: claim.clone(), first, next, resume }))
        };
        spans.into_iter().filter_map(advance).collect()
    }
}
