//! Everything that takes part, and one step of it at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use processor::lane::LaneId;
use processor::payment::Question;

use super::ledger::{Ledger, Standing};
use super::log::{Log, lanes};
use super::mutation::Mutation;
use super::process::Processor;
use super::provider::Provider;
use super::schedule::{Schedule, Verb};
use super::topic::{Line, Topic};
use super::verdict;

mod heal;

pub(crate) struct World<'l> {
    log: &'l Log,
    pub(crate) ledger: Ledger,
    pub(crate) provider: Provider,
    pub(crate) topic: Topic,
    members: Vec<Member<'l>>,
    /// What Kafka's group coordinator believes.
    owners: BTreeMap<LaneId, usize>,
    /// What the dead had under way.
    questions: Vec<Question>,
    lines: Vec<Arc<Line>>,
    mutation: Mutation,
}

struct Member<'l> {
    /// Absent while it is dead.
    process: Option<Processor<'l>>,
    frozen: bool,
}

/// Runs a schedule to its end and judges it.
pub(crate) fn run(schedule: &Schedule, mutation: Mutation) -> Result<(), String> {
    let log = Log::new(&schedule.items);
    let mut world = World::new(&log, schedule.processors, mutation);
    for choice in &schedule.choices {
        world.step(*choice)?;
    }
    world.heal(schedule.deaf)?;
    verdict::judge(&log, &world)
}

impl<'l> World<'l> {
    pub(crate) fn new(log: &'l Log, processors: u8, mutation: Mutation) -> Self {
        let member = |_| Member { process: Some(Processor::new(log, mutation)), frozen: false };
        let mut world = Self {
            log,
            ledger: Ledger::new(mutation),
            provider: Provider { mutation, ..Provider::default() },
            topic: Topic::default(),
            members: (0..processors).map(member).collect(),
            owners: BTreeMap::new(),
            questions: Vec::new(),
            lines: Vec::new(),
            mutation,
        };
        for (n, lane) in lanes().into_iter().enumerate() {
            world.assign(lane, n % usize::from(processors), true);
        }
        world
    }

    /// Does what a choice says, as far as it is possible now.
    pub(crate) fn step(&mut self, choice: u16) -> Result<(), String> {
        let which = self.whom(choice);
        let amount = usize::from(choice >> 8);
        match Verb::of(choice) {
            Verb::Assign | Verb::Usurp => {
                let lane = lanes()[amount % lanes().len()];
                self.assign(lane, which, Verb::of(choice) == Verb::Assign);
                return Ok(());
            }
            Verb::Crash => {
                self.crash_or_start(which);
                return Ok(());
            }
            Verb::Freeze => {
                self.members[which].frozen ^= true;
                return Ok(());
            }
            Verb::Ghost => return self.haunt(amount),
            _ => {}
        }
        let Member { process: Some(process), frozen } = &mut self.members[which] else {
            return Ok(());
        };
        match (Verb::of(choice), process.transaction()) {
            // The servers go on without a client that stands still.
            (Verb::Commit, Some(transaction)) => return serve(&mut self.ledger, transaction),
            (Verb::Abort, Some(transaction)) => self.ledger.abort_unended(transaction),
            _ => {}
        }
        if *frozen {
            return Ok(());
        }
        match Verb::of(choice) {
            Verb::Advance => {
                // Now one statement, now a run of them.
                for _ in 0..1 << (amount % 4) {
                    if !process.advance(&mut self.ledger, 1 + amount % 5)? {
                        break;
                    }
                }
                Ok(())
            }
            Verb::Poll => {
                let lane = lanes()[amount % lanes().len()];
                process.poll(&mut self.ledger, lane, 1 + amount as i64 % 5);
                Ok(())
            }
            Verb::Cut => process.cut(&mut self.ledger).map(drop),
            Verb::Deliver => {
                process.line.acknowledge();
                deliver(&process.line, &mut self.topic, 1 + amount % 3, true)
            }
            Verb::DeliverSilently => deliver(&process.line, &mut self.topic, 1, false),
            Verb::FailDeliveries => {
                process.line.fail();
                Ok(())
            }
            Verb::Pay | Verb::PayInVain => {
                let heard = Verb::of(choice) == Verb::Pay;
                pay(process, &mut self.provider, amount, heard);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The member that a choice names or, where that one has nothing to do with
    /// the verb, the next one that has.
    fn whom(&self, choice: u16) -> usize {
        let (verb, named) = (Verb::of(choice), usize::from(choice >> 5));
        let concerned = |which: &usize| {
            let process = self.members[*which].process.as_ref();
            process.map_or(verb == Verb::Crash, |process| match verb {
                Verb::Commit | Verb::Cut | Verb::Abort => process.transaction().is_some(),
                Verb::Deliver | Verb::DeliverSilently | Verb::FailDeliveries => {
                    !process.line.is_empty()
                }
                Verb::Pay | Verb::PayInVain => !process.asked.is_empty(),
                _ => true,
            })
        };
        let members = self.members.len();
        (0..members).map(|n| (named + n) % members).find(concerned).unwrap_or(named % members)
    }

    /// The coordinator gives a lane to a member; its owner is told or not.
    fn assign(&mut self, lane: LaneId, to: usize, told: bool) {
        if self.members[to].process.is_none() || self.owners.get(&lane) == Some(&to) {
            return;
        }
        let owner = self.owners.insert(lane, to);
        if told
            && let Some(Member { process: Some(process), .. }) =
                owner.map(|owner| &mut self.members[owner])
        {
            process.revoke(lane);
        }
        if let Some(process) = &mut self.members[to].process {
            // A zombie that gets its lane back has let go of it before.
            process.revoke(lane);
            process.claims.push_back(lane);
        }
    }

    fn crash_or_start(&mut self, which: usize) {
        let member = &mut self.members[which];
        member.frozen = false;
        match member.process.take() {
            Some(dead) => {
                self.owners.retain(|_, owner| *owner != which);
                self.questions.extend(dead.asked.into_iter().chain(dead.given_up));
                self.lines.push(dead.line);
            }
            None => member.process = Some(Processor::new(self.log, self.mutation)),
        }
    }

    /// Something of a dead processor, or of a broken connection, arrives.
    fn haunt(&mut self, amount: usize) -> Result<(), String> {
        let orphans = self.orphans();
        let living = self.members.iter_mut().filter_map(|member| member.process.as_mut());
        self.questions.extend(living.flat_map(|process| process.given_up.drain(..)));
        match amount % 4 {
            0 if !self.questions.is_empty() => {
                let question = self.questions.remove(amount % self.questions.len());
                self.provider.serve(&question);
                Ok(())
            }
            1 if !self.lines.is_empty() => {
                let line = &self.lines[amount % self.lines.len()];
                deliver(line, &mut self.topic, 1, true)
            }
            _ => match orphans.first() {
                Some(orphan) if amount % 8 < 4 => serve(&mut self.ledger, *orphan),
                Some(orphan) => {
                    self.ledger.abort_unended(*orphan);
                    Ok(())
                }
                None => Ok(()),
            },
        }
    }

    /// Transactions whose client is gone.
    fn orphans(&self) -> Vec<usize> {
        let of = |member: &Member<'l>| member.process.as_ref().and_then(Processor::transaction);
        let clients: Vec<_> = self.members.iter().filter_map(of).collect();
        self.ledger.unended().into_iter().filter(|n| !clients.contains(n)).collect()
    }
}

/// The server commits a transaction whose COMMIT it has.
fn serve(ledger: &mut Ledger, transaction: usize) -> Result<(), String> {
    match ledger.standing(transaction) {
        Standing::Sent => ledger.commit(transaction),
        Standing::Open | Standing::Committed | Standing::Aborted => Ok(()),
    }
}

fn deliver(line: &Line, topic: &mut Topic, most: usize, tell: bool) -> Result<(), String> {
    for _ in 0..most {
        let Some(sent) = line.deliver(tell) else { break };
        topic.append(sent)?;
    }
    Ok(())
}

/// The provider serves a question; without an answer it is asked again.
fn pay(process: &mut Processor<'_>, provider: &mut Provider, which: usize, heard: bool) {
    if process.asked.is_empty() {
        return;
    }
    let which = which % process.asked.len();
    let outcome = provider.serve(&process.asked[which]);
    if heard {
        process.asked.remove(which);
        process.hear(outcome);
    }
}
