//! The end of a schedule: everybody lives again, and all comes to rest.

use super::{World, deliver, pay, serve};
use crate::log::lanes;
use crate::mutation::Mutation;
use crate::process::Processor;

/// Rounds within which a healed world must come to rest.
const ROUNDS_MAX: usize = 400;

impl<'l> World<'l> {
    /// Everybody lives, nothing is lost any more; runs until nothing moves.
    pub(crate) fn heal(&mut self, deaf: u8) -> Result<(), String> {
        for orphan in self.orphans() {
            self.ledger.abort_unended(orphan);
        }
        for which in 0..self.members.len() {
            self.restart_if(which, |process| process.is_none());
        }
        for round in 0..usize::from(deaf) {
            self.round(round)?;
        }
        self.tell_zombies();
        for round in 0..ROUNDS_MAX {
            if self.round(round)? || !self.is_at_rest() {
                continue;
            }
            // Who lost a lane that the group gives it ends, and is started again.
            let stays = self.mutation == Mutation::RobbedStays;
            let robbed = |process: Option<&Processor<'l>>| {
                !stays && process.is_some_and(Processor::is_robbed)
            };
            let owners: Vec<_> = self.owners.values().copied().collect();
            let restarted = owners.into_iter().filter(|owner| self.restart_if(*owner, robbed));
            if restarted.count() == 0 {
                return Ok(());
            }
        }
        Err(format!("no rest after {ROUNDS_MAX} rounds: {:?}", self.ledger.tables.progress))
    }

    /// Who does not own a lane by the group's word hears so.
    fn tell_zombies(&mut self) {
        for (lane, owner) in &self.owners {
            for (which, member) in self.members.iter_mut().enumerate() {
                if let Some(process) = member.process.as_mut().filter(|_| which != *owner) {
                    process.revoke(*lane);
                }
            }
        }
    }

    /// Starts a process anew when it is to be; gives it what nobody has.
    fn restart_if(
        &mut self,
        which: usize,
        condition: impl Fn(Option<&Processor<'l>>) -> bool,
    ) -> bool {
        self.members[which].frozen = false;
        let due = condition(self.members[which].process.as_ref());
        if due && self.members[which].process.is_some() {
            self.crash_or_start(which);
        }
        if due {
            self.crash_or_start(which);
        }
        for lane in lanes() {
            if !self.owners.contains_key(&lane) {
                self.assign(lane, which, true);
            }
        }
        due
    }

    /// One turn of everybody; whether anything moved.
    fn round(&mut self, round: usize) -> Result<bool, String> {
        let mut moved = false;
        for member in &mut self.members {
            let Some(process) = &mut member.process else { continue };
            for lane in lanes() {
                moved |= process.poll(&mut self.ledger, lane, 10);
            }
            moved |= process.advance(&mut self.ledger, 4)?;
            if let Some(transaction) = process.transaction() {
                serve(&mut self.ledger, transaction)?;
                // Two that wait for each other: the server picks one.
                if !moved && round % 7 == 6 {
                    self.ledger.abort_unended(transaction);
                }
            }
            moved |= process.line.acknowledge();
            deliver(&process.line, &mut self.topic, 100, true)?;
            while !process.asked.is_empty() {
                pay(process, &mut self.provider, 0, true);
                moved = true;
            }
        }
        Ok(moved)
    }

    fn is_at_rest(&self) -> bool {
        self.members.iter().filter_map(|member| member.process.as_ref()).all(Processor::is_idle)
    }
}
