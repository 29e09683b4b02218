//! What a worker keeps of its lanes from commit to commit, and what follows from
//! a claim and from a commit. Pure but for the carrier that takes events away.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use contract::OrderId;
use foldhash::fast::FixedState;
use tokio::sync::Notify;
use uuid::Uuid;

use super::unsettled::Unsettled;
use crate::decide::{Charge, Outcome, Questions};
use crate::lane::{Claim, LaneId, Witness};
use crate::publish::{Carrier, LanePublisher, Parcel};
use crate::store::{Advance, Applied, Batch, DeadLetter, Pending, Recovered, Retired};

/// A claimed lane.
pub struct OwnedLane {
    /// As of the last commit.
    pub claim: Claim,
    /// Publishes its events.
    pub publisher: LanePublisher,
}

impl OwnedLane {
    fn is_ours(&self) -> bool {
        !self.claim.tenure.has_ended()
    }
}

/// All lanes of a worker.
pub struct Desk {
    /// The lanes.
    pub lanes: HashMap<LaneId, OwnedLane, FixedState>,
    /// Their orders that wait for a payment.
    pub unsettled: Unsettled,
    /// Their orders that wait for a refund.
    refunds: HashMap<OrderId, LaneId, FixedState>,
    carrier: Arc<dyn Carrier>,
    wake: Arc<Notify>,
}

impl Desk {
    /// A desk without lanes. `wake` is told of acknowledgements.
    pub fn new(carrier: Arc<dyn Carrier>, wake: Arc<Notify>) -> Self {
        let (lanes, refunds) = (HashMap::default(), HashMap::default());
        Self { lanes, unsettled: Unsettled::default(), refunds, carrier, wake }
    }

    /// Takes a lane over that it does not have: publishes what may not be published, and
    /// tells what was not answered.
    pub fn take_over(&mut self, claim: Claim, recovered: Recovered) -> Questions {
        let lane = claim.lane;
        let mut publisher = LanePublisher::new(lane, self.carrier.clone(), self.wake.clone());
        // One by one: all of them together may be more than the producer has room for.
        for letter in recovered.dead {
            publisher.publish(Parcel::Dead(vec![letter]));
        }
        self.lanes.insert(lane, OwnedLane { claim, publisher });
        let mut charges = Vec::with_capacity(recovered.reserved.len());
        for (order_id, state) in recovered.reserved {
            charges.push(Charge { order_id, amount: state.total });
            self.unsettled.add(order_id, state);
        }
        Questions { charges, ..self.take_in(recovered.pending) }
    }

    /// Publishes what is pending and tells what is to be refunded.
    pub fn take_in(&mut self, pending: Pending) -> Questions {
        for (lane, id, events) in pending.outbox {
            if let Some(owned) = self.lanes.get_mut(&lane) {
                owned.publisher.publish(Parcel::Events(id, events));
            }
        }
        let mut refunds = pending.refunds;
        // A lane may have been lost since it was looked at.
        refunds.retain(|refund| self.lanes.contains_key(&refund.lane));
        self.refunds.extend(refunds.iter().map(|refund| (refund.order_id, refund.lane)));
        Questions { charges: Vec::new(), refunds }
    }

    /// Brings the desk in line with a committed batch, and publishes its events.
    /// What a request did to an order of a lane beside the batch is left to
    /// [`Self::take_in`]: only an advance proves that a lane is still ours.
    pub fn committed(&mut self, batch: &Batch<'_>, applied: Applied<'_>) -> Questions {
        for (lane, advance) in batch.advances {
            if let Some(owned) = self.lanes.get_mut(lane) {
                owned.claim.commit_seq += 1;
                owned.claim.next_offset = advance.next;
                owned.claim.resume_offset = advance.resume;
                owned.claim.tenure.set_committed(advance.next);
            }
        }
        for outcome in batch.outcomes {
            self.unsettled.remove(outcome.order_id());
            self.refunds.remove(&outcome.order_id());
        }
        let mut effects = applied.effects;
        let charged: HashSet<OrderId, FixedState> =
            effects.charges.iter().map(|charge| charge.order_id).collect();
        for taken in effects.taken {
            if charged.contains(&taken.order_id) {
                self.unsettled.add(taken.order_id, taken.state);
            }
        }
        effects.refunds.retain(|refund| batch.advances.contains_key(&refund.lane));
        for refund in &effects.refunds {
            self.unsettled.remove(refund.order_id);
            self.refunds.insert(refund.order_id, refund.lane);
        }
        let events =
            applied.outbox.into_iter().map(|(lane, id, events)| (lane, Parcel::Events(id, events)));
        let parcels = events.chain(dead_parcels(batch.dead));
        for (lane, parcel) in parcels.filter(|(lane, _)| batch.advances.contains_key(lane)) {
            if let Some(owned) = self.lanes.get_mut(&lane) {
                owned.publisher.publish(parcel);
            }
        }
        Questions { charges: effects.charges, refunds: effects.refunds }
    }

    /// Lets a lane go that was found to have another owner.
    #[must_use = "nobody may ask about its orders any more"]
    pub fn lose_lane(&mut self, lane: LaneId) -> Vec<OrderId> {
        if let Some(owned) = self.lanes.get(&lane) {
            owned.claim.tenure.end();
        }
        self.drop_lane(lane)
    }

    /// Lets the lanes go that were revoked; tells the orders that it had questions about.
    #[must_use = "nobody may ask about its orders any more"]
    pub fn drop_ended(&mut self) -> Vec<OrderId> {
        let ended = self.lanes.values().filter(|owned| !owned.is_ours());
        let ended: Vec<LaneId> = ended.map(|owned| owned.claim.lane).collect();
        ended.into_iter().flat_map(|lane| self.drop_lane(lane)).collect()
    }

    /// Lets a lane go; tells the orders that it had questions about. What it had under
    /// way is the next owner's business.
    #[must_use = "nobody may ask about its orders any more"]
    pub fn drop_lane(&mut self, lane: LaneId) -> Vec<OrderId> {
        self.lanes.remove(&lane);
        let mut orders = self.unsettled.forget(lane);
        orders.extend(self.refunds.extract_if(|_, of| *of == lane).map(|(id, _)| id));
        orders
    }

    /// Charges and refunds of its lanes that the provider owes an answer to.
    pub fn open_questions(&self) -> usize {
        self.unsettled.len() + self.refunds.len()
    }

    /// Whether work for this lane may still have an effect.
    pub fn owns(&self, lane: LaneId) -> bool {
        self.lanes.get(&lane).is_some_and(OwnedLane::is_ours)
    }

    /// Whether a record that was read under a claim of this epoch may have an effect.
    pub fn owns_under(&self, lane: LaneId, epoch: i64) -> bool {
        self.lanes.get(&lane).is_some_and(|owned| owned.is_ours() && owned.claim.epoch == epoch)
    }

    /// The lane an outcome is committed under.
    pub fn lane_of(&self, outcome: &Outcome) -> Option<LaneId> {
        match outcome {
            Outcome::Captured(order_id) | Outcome::Declined(order_id, _) => {
                self.unsettled.lane_of(*order_id)
            }
            Outcome::Refunded(refund) => Some(refund.lane),
        }
    }

    /// Whether an outcome is ours to commit. Answers about orders of lanes that
    /// went elsewhere are the next owner's to hear.
    pub fn may_settle(&self, outcome: &Outcome) -> bool {
        self.lane_of(outcome).is_some_and(|lane| self.owns(lane))
    }

    /// The claims of all lanes.
    pub fn claims(&self) -> Vec<Claim> {
        self.lanes.values().map(|owned| owned.claim.clone()).collect()
    }

    /// Outbox rows without acknowledgement, over all lanes.
    pub fn rows(&self) -> impl Iterator<Item = i64> {
        self.lanes.values().flat_map(|owned| owned.publisher.rows())
    }

    /// Parcels without acknowledgement, over all lanes.
    pub fn under_way(&self) -> usize {
        self.lanes.values().map(|owned| owned.publisher.under_way()).sum()
    }

    /// The earliest retry of a failed delivery.
    pub fn again_at(&self) -> Option<Instant> {
        self.lanes.values().filter_map(|owned| owned.publisher.again_at()).min()
    }

    /// Collects acknowledgements of lanes that are still ours.
    pub fn collect(&mut self, retired: &mut BTreeMap<LaneId, Retired>, now: Instant) {
        for (lane, owned) in &mut self.lanes {
            let mut acknowledged = Retired::default();
            owned.publisher.collect(&mut acknowledged, now);
            if !acknowledged.outbox.is_empty() || !acknowledged.dead.is_empty() {
                let entry = retired.entry(*lane).or_default();
                entry.outbox.append(&mut acknowledged.outbox);
                entry.dead.append(&mut acknowledged.dead);
            }
        }
    }

    /// How far each lane of a batch advances. What could be read comes with the ids of its
    /// events, in offset order.
    pub fn advances(
        &self,
        records: impl Iterator<Item = (LaneId, i64, Option<Uuid>)>,
        outcomes: &[Outcome],
        retired: impl Iterator<Item = LaneId>,
    ) -> BTreeMap<LaneId, Advance> {
        let mut spans: BTreeMap<LaneId, Option<Span>> = BTreeMap::new();
        for (lane, offset, event_id) in records {
            spans
                .entry(lane)
                .or_default()
                .get_or_insert_with(|| Span::at(offset))
                .take_in(offset, event_id);
        }
        for lane in outcomes.iter().filter_map(|outcome| self.lane_of(outcome)).chain(retired) {
            spans.entry(lane).or_default();
        }
        let mut settled: BTreeMap<LaneId, BTreeSet<i64>> = BTreeMap::new();
        for state in outcomes.iter().filter_map(|o| self.unsettled.orders().get(&o.order_id())) {
            settled.entry(state.lane).or_default().insert(state.offset);
        }
        let none = BTreeSet::new();
        let advance = |(lane, span): (LaneId, Option<Span>)| {
            let claim = &self.lanes.get(&lane)?.claim;
            let Span { first, next, newest } = span.unwrap_or(Span::at(claim.next_offset));
            let newest = newest.filter(|_| claim.tenure.knows_log());
            let settled = settled.get(&lane).unwrap_or(&none);
            let resume = self.unsettled.resume_offset(lane, settled, first, next);
            Some((lane, Advance { claim: claim.clone(), first, next, resume, newest }))
        };
        spans.into_iter().filter_map(advance).collect()
    }
}

/// The records of one lane in a batch.
struct Span {
    first: i64,
    next: i64,
    newest: Option<Witness>,
}

impl Span {
    /// Without a record.
    fn at(offset: i64) -> Self {
        Self { first: offset, next: offset, newest: None }
    }

    /// Dead letters have no event that could be known again.
    fn take_in(&mut self, offset: i64, event_id: Option<Uuid>) {
        self.first = self.first.min(offset);
        self.next = self.next.max(offset + 1);
        self.newest = event_id.map(|event_id| Witness { offset, event_id }).or(self.newest);
    }
}

/// Dead letters of a batch, a parcel a lane.
fn dead_parcels(dead: &[DeadLetter<'_>]) -> impl Iterator<Item = (LaneId, Parcel)> {
    let mut letters: BTreeMap<LaneId, Vec<_>> = BTreeMap::new();
    for DeadLetter { record, code, message } in dead {
        let letter = ((*record).clone(), (*code).to_owned(), message.clone());
        letters.entry(record.lane).or_default().push(letter);
    }
    letters.into_iter().map(|(lane, letters)| (lane, Parcel::Dead(letters)))
}

#[cfg(test)]
mod tests {
    use contract::{Amount, Currency};

    use super::*;
    use crate::decide::Refund;
    use crate::lane::Source;
    use crate::publish::{Handed, Receipt};

    struct Nowhere;

    impl Carrier for Nowhere {
        fn send(&self, _parcel: &Parcel, _from: usize, _receipt: &Arc<Receipt>) -> Handed {
            panic!("there is nothing to send")
        }

        fn generation(&self) -> u64 {
            0
        }

        fn revive(&self) -> anyhow::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_lane_was_to_be_answered_counts_until_it_is_let_go() {
        let mut desk = Desk::new(Arc::new(Nowhere), Arc::default());
        let [mine, other] = [0, 1].map(|partition| LaneId { source: Source::Orders, partition });
        let refund = |lane| {
            let amount = Amount { minor: 100, currency: Currency::DEFAULT };
            Refund { order_id: OrderId::mint(), amount, lane }
        };
        for lane in [mine, other] {
            let (witness, tenure) = (None, Arc::default());
            let (epoch, next_offset, resume_offset, commit_seq) = (1, 0, 0, 0);
            let claim =
                Claim { lane, epoch, next_offset, resume_offset, commit_seq, witness, tenure };
            desk.take_over(claim, Recovered::default());
        }
        let refunds = vec![refund(mine), refund(other), refund(other)];
        let look = || Pending { refunds: refunds.clone(), ..Pending::default() };
        desk.take_in(look());
        desk.take_in(look());
        assert_eq!(desk.open_questions(), 3);
        let mut dropped = desk.drop_lane(other);
        dropped.sort_by_key(|id| *id != refunds[1].order_id);
        assert_eq!(dropped, [refunds[1].order_id, refunds[2].order_id]);
        assert_eq!(desk.open_questions(), 1);
        assert_eq!(desk.take_in(look()).refunds, refunds[..1]);
        assert_eq!(desk.open_questions(), 1);
    }
}
