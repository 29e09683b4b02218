//! What a worker asks the database when it does not know where it stands: after
//! a COMMIT without an answer, and after a fence.

use processor::lane::{LaneId, Standing};

use super::{Processor, Stage};
use crate::ledger::{Ledger, Waits};
use crate::mutation::Mutation;
use crate::work::Work;

impl<'l> Processor<'l> {
    pub(super) fn fenced(&mut self, work: Box<Work<'l>>) -> Result<bool, String> {
        let lanes = self.desk.lanes.keys().copied().collect();
        self.go(Stage::Dropping(work, lanes))
    }

    pub(super) fn ask_whether(
        &mut self,
        ledger: &mut Ledger,
        mut work: Box<Work<'l>>,
    ) -> Result<bool, String> {
        match self.mutation {
            Mutation::AmbiguousIsCommitted => self.done(work),
            Mutation::AmbiguousIsNot => {
                work.begin(ledger, self.seen.mood());
                self.go(Stage::Writing(work))
            }
            _ => {
                let lanes = work.advances.keys().copied().collect();
                self.go(Stage::Asking(work, lanes))
            }
        }
    }

    pub(super) fn ask(
        &mut self,
        ledger: &mut Ledger,
        mut work: Box<Work<'l>>,
        mut lanes: Vec<LaneId>,
    ) -> Result<bool, String> {
        while let Some(lane) = lanes.first() {
            let claim = &work.advances[lane].claim;
            match ledger.committed_seq(*lane, claim.epoch) {
                Err(Waits) => return self.stay(Stage::Asking(work, lanes)),
                Ok(seq) => match claim.standing(seq) {
                    Standing::Ahead => return self.done(work),
                    Standing::Unchanged => {
                        work.begin(ledger, self.seen.mood());
                        return self.go(Stage::Writing(work));
                    }
                    Standing::Lost => drop(lanes.remove(0)),
                },
            }
        }
        self.fenced(work)
    }

    pub(super) fn drop_lost(
        &mut self,
        ledger: &mut Ledger,
        mut work: Box<Work<'l>>,
        mut lanes: Vec<LaneId>,
    ) -> Result<bool, String> {
        while let Some(lane) = lanes.last().copied() {
            let claim = &self.desk.lanes[&lane].claim;
            match ledger.committed_seq(lane, claim.epoch) {
                Err(Waits) => return self.stay(Stage::Dropping(work, lanes)),
                Ok(Some(seq)) if seq == claim.commit_seq => {}
                Ok(Some(seq)) => return Err(format!("{lane} stands at {seq}: {claim:?}")),
                Ok(None) => {
                    let orders = self.desk.lose_lane(lane);
                    self.forget(&orders);
                }
            }
            lanes.pop();
        }
        let desk = &self.desk;
        work.outcomes.retain(|outcome| desk.may_settle(outcome));
        work.retired.retain(|lane, _| desk.owns(*lane));
        self.try_part(ledger, work);
        Ok(true)
    }
}
