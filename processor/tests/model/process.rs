//! A processor: its poll thread, its worker, its cashier and its line to the
//! broker, advanced one step at a time. Desk, tab and views are the real ones.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::OrderId;
use processor::decide::{Outcome, Questions};
use processor::lane::{Claim, LaneId};
use processor::payment::{Answered, Question, Tab};
use processor::store::{Batch, DeadLetter, LastSeen, Retired};
use processor::work::Desk;
use tokio::sync::Notify;

use super::ledger::{self, Call, Found, Ledger};
use super::log::{Entry, Log};
use super::mutation::Mutation;
use super::recover::{pending, recover};
use super::topic::Line;
use super::work::{Went, Work};

mod asking;

/// Where the worker is.
enum Stage<'l> {
    Idle,
    /// In a transaction.
    Writing(Box<Work<'l>>),
    /// Waits for the answer to its COMMIT.
    Committing(Box<Work<'l>>),
    /// Asks whether the commit took place: the lanes still to be asked.
    Asking(Box<Work<'l>>, Vec<LaneId>),
    /// Asks which lanes it has lost.
    Dropping(Box<Work<'l>>, Vec<LaneId>),
    /// Writes what a mutation left for later.
    Late(Box<Work<'l>>),
}

struct Feed {
    claim: Claim,
    expected: i64,
}

pub(crate) struct Processor<'l> {
    log: &'l Log,
    mutation: Mutation,
    desk: Desk,
    tab: Tab,
    seen: LastSeen,
    feeds: BTreeMap<LaneId, Feed>,
    /// Partitions assigned and not yet claimed.
    pub(crate) claims: VecDeque<LaneId>,
    taken: VecDeque<Claim>,
    /// Records, with the epoch of the claim that they were read under.
    inbox: VecDeque<(i64, &'l Entry)>,
    outcomes: Vec<Outcome>,
    retired: BTreeMap<LaneId, Retired>,
    /// Questions under way to the provider.
    pub(crate) asked: Vec<Question>,
    /// Those whose answers nobody hears.
    pub(crate) given_up: Vec<Question>,
    pub(crate) line: Arc<Line>,
    stage: Stage<'l>,
    now: Instant,
}

impl<'l> Processor<'l> {
    pub(crate) fn new(log: &'l Log, mutation: Mutation) -> Self {
        let line = Line::new(mutation);
        Self {
            log,
            mutation,
            desk: Desk::new(line.clone(), Arc::new(Notify::new())),
            tab: Tab::default(),
            seen: LastSeen::default(),
            feeds: BTreeMap::new(),
            claims: VecDeque::new(),
            taken: VecDeque::new(),
            inbox: VecDeque::new(),
            outcomes: Vec::new(),
            retired: BTreeMap::new(),
            asked: Vec::new(),
            given_up: Vec::new(),
            line,
            stage: Stage::Idle,
            now: Instant::now(),
        }
    }

    /// The transaction that is open or whose COMMIT is on its way.
    pub(crate) fn transaction(&self) -> Option<usize> {
        match &self.stage {
            Stage::Writing(work) | Stage::Committing(work) => Some(work.transaction),
            Stage::Idle | Stage::Asking(..) | Stage::Dropping(..) | Stage::Late(_) => None,
        }
    }

    /// The poll thread: claims what is assigned, then reads from a lane.
    pub(crate) fn poll(&mut self, ledger: &mut Ledger, lane: LaneId, most: i64) -> bool {
        if let Some(assigned) = self.claims.front() {
            let Some(claim) = ledger.claim(*assigned) else { return false };
            self.claims.pop_front();
            self.taken.push_back(claim.clone());
            let expected = claim.next_offset;
            self.feeds.insert(claim.lane, Feed { claim, expected });
            return true;
        }
        let Some(feed) = self.feeds.get_mut(&lane) else { return false };
        let from = feed.expected;
        while let Some(entry) = self.log.at(lane, feed.expected).filter(|e| e.offset < from + most)
        {
            feed.expected += 1;
            self.inbox.push_back((feed.claim.epoch, entry));
        }
        feed.expected > from
    }

    /// The poll thread hears that a partition went elsewhere.
    pub(crate) fn revoke(&mut self, lane: LaneId) {
        self.claims.retain(|assigned| *assigned != lane);
        if let Some(feed) = self.feeds.remove(&lane) {
            feed.claim.tenure.end();
        }
    }

    /// The worker's next step; `Ok(false)` when there is nothing it can do.
    pub(crate) fn advance(&mut self, ledger: &mut Ledger, most: usize) -> Result<bool, String> {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => Ok(self.take_up(ledger, most)),
            Stage::Writing(mut work) => match work.run(ledger, &mut self.seen) {
                Went::On => self.go(Stage::Writing(work)),
                Went::Waits => self.stay(Stage::Writing(work)),
                Went::Sent => self.go(Stage::Committing(work)),
                Went::Fenced => self.fenced(work),
                Went::Broken => {
                    work.begin(ledger, self.seen.mood());
                    self.go(Stage::Writing(work))
                }
                Went::Stop(why) => Err(why),
            },
            Stage::Committing(work) => match ledger.standing(work.transaction) {
                ledger::Standing::Committed => self.answered(work),
                ledger::Standing::Aborted => self.ask_whether(ledger, work),
                ledger::Standing::Open | ledger::Standing::Sent => {
                    self.stay(Stage::Committing(work))
                }
            },
            Stage::Asking(work, lanes) => self.ask(ledger, work, lanes),
            Stage::Dropping(work, lanes) => self.drop_lost(ledger, work, lanes),
            Stage::Late(mut work) => {
                work.late.drain(..).try_for_each(|write| ledger.tables.write(write))?;
                self.done(work)
            }
        }
    }

    /// The connection breaks: what the server does next is not heard.
    pub(crate) fn cut(&mut self, ledger: &mut Ledger) -> Result<bool, String> {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Writing(mut work) => {
                // Its rows stay locked until the server notices.
                work.begin(ledger, self.seen.mood());
                self.go(Stage::Writing(work))
            }
            Stage::Committing(work) => self.ask_whether(ledger, work),
            other => self.stay(other),
        }
    }

    /// The provider's answer arrives.
    pub(crate) fn hear(&mut self, outcome: Outcome) {
        match self.tab.answered(outcome) {
            Answered::Settle(outcome) => self.outcomes.push(outcome),
            Answered::Ask(question) => self.asked.push(question),
        }
    }

    /// Whether it has nothing left to do but to read the log.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
            && self.taken.is_empty()
            && self.inbox.is_empty()
            && self.outcomes.is_empty()
            && self.retired.is_empty()
            && self.asked.is_empty()
            && self.claims.is_empty()
            && self.desk.under_way() == 0
    }

    /// Whether it lost a lane that the group still gives it; it ends over that.
    pub(crate) fn is_robbed(&self) -> bool {
        self.feeds.values().any(|feed| feed.claim.tenure.has_ended())
    }

    fn go(&mut self, stage: Stage<'l>) -> Result<bool, String> {
        self.stage = stage;
        Ok(true)
    }

    fn stay(&mut self, stage: Stage<'l>) -> Result<bool, String> {
        self.stage = stage;
        Ok(false)
    }

    fn take_up(&mut self, ledger: &mut Ledger, most: usize) -> bool {
        // Far enough apart for every delay between deliveries.
        self.now += Duration::from_secs(10);
        let mut heard = self.change_lanes(ledger);
        self.desk.collect(&mut self.retired, self.now);
        // Now and then; before it rests, always.
        let idle = self.inbox.is_empty() && self.outcomes.is_empty() && self.retired.is_empty();
        let swept = (idle || most == 5) && self.sweep(ledger);
        let most = most.min(self.inbox.len());
        heard |= most > 0 || swept;
        let mut read: Vec<_> = self.inbox.drain(..most).collect();
        read.retain(|(epoch, entry)| self.desk.owns_under(entry.lane, *epoch));
        let records: Vec<_> = read.into_iter().map(|(_, entry)| entry).collect();
        let desk = &self.desk;
        self.outcomes.retain(|outcome| desk.may_settle(outcome));
        self.retired.retain(|lane, _| desk.owns(*lane));
        let outcomes = std::mem::take(&mut self.outcomes);
        let retired = std::mem::take(&mut self.retired);
        if records.is_empty() && outcomes.is_empty() && retired.is_empty() {
            return heard;
        }
        let work = Box::new(Work::new(records, outcomes, retired));
        self.try_part(ledger, work);
        true
    }

    /// Lets lanes go and takes lanes over; whether there was one to take.
    fn change_lanes(&mut self, ledger: &mut Ledger) -> bool {
        let orders = self.desk.drop_ended();
        self.forget(&orders);
        let any = !self.taken.is_empty();
        while let Some(claim) = self.taken.pop_front() {
            let recovered = recover(self.log, ledger, &claim);
            ledger.note(|| Call::Recover(claim.clone(), Found::from(&recovered)));
            let orders = self.desk.drop_lane(claim.lane);
            self.forget(&orders);
            let questions = self.desk.take_over(claim, recovered);
            self.put(questions);
        }
        any
    }

    /// Looks for what others left to its lanes; whether there was something.
    fn sweep(&mut self, ledger: &mut Ledger) -> bool {
        let retired = self.retired.values().flat_map(|retired| &retired.outbox);
        let known: Vec<i64> = self.desk.rows().chain(retired.copied()).collect();
        let mut found = false;
        for claim in self.desk.claims() {
            if self.mutation == Mutation::StraysForgotten {
                continue;
            }
            let mut pending = pending(ledger, &claim, &known);
            found |= !pending.lost.is_empty();
            for lane in &pending.lost {
                let orders = self.desk.lose_lane(*lane);
                self.forget(&orders);
            }
            ledger.note(|| Call::Sweep(claim, known.clone(), (&pending).into()));
            let answered = |id| self.outcomes.iter().any(|outcome| outcome.order_id() == id);
            pending.refunds.retain(|refund| !answered(refund.order_id));
            found |= !pending.outbox.is_empty();
            let questions = self.desk.take_in(pending);
            let asked = self.asked.len();
            self.put(questions);
            found |= self.asked.len() > asked;
        }
        found
    }

    fn try_part(&mut self, ledger: &mut Ledger, mut work: Box<Work<'l>>) {
        work.prepare(&self.desk, self.mutation);
        if work.advances.is_empty() {
            return;
        }
        work.begin(ledger, self.seen.mood());
        self.stage = Stage::Writing(work);
    }

    /// What is with the provider already takes its course; nobody hears of it.
    pub(super) fn forget(&mut self, orders: &[OrderId]) {
        for order_id in orders {
            self.tab.forget(*order_id);
            let of_it = |question: &mut Question| question.order_id() == *order_id;
            self.given_up.extend(self.asked.extract_if(.., of_it));
        }
    }

    fn put(&mut self, questions: Questions) {
        for charge in questions.charges {
            self.asked.extend(self.tab.charge(charge));
        }
        for refund in questions.refunds {
            self.asked.extend(self.tab.refund(refund));
        }
    }

    fn answered(&mut self, mut work: Box<Work<'l>>) -> Result<bool, String> {
        work.learn(&mut self.seen);
        self.done(work)
    }

    fn done(&mut self, mut work: Box<Work<'l>>) -> Result<bool, String> {
        if !work.late.is_empty() {
            return self.go(Stage::Late(work));
        }
        let Some(applied) = work.applied.take() else { return Ok(true) };
        let letter = |entry: &'l Entry| {
            let (code, message) = entry.says.as_ref().err()?;
            Some(DeadLetter { record: &entry.record, code, message: message.clone() })
        };
        let dead: Vec<_> = work.dead().filter_map(letter).collect();
        let batch = Batch {
            advances: &work.advances,
            records: &[],
            dead: &dead,
            outcomes: &work.outcomes,
            unsettled: &work.unsettled,
            retired: &Retired::default(),
        };
        let questions = self.desk.committed(&batch, applied);
        self.put(questions);
        Ok(true)
    }
}
