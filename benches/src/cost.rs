//! CPU time by process over a stretch of a run. It varies by a tenth where
//! throughput on a shared machine varies by half, so it is the first figure to
//! trust.

use std::collections::BTreeMap;

use stack::usage::{Usage, of_process, of_tree};
use stack::{Server, Stack};

/// Microseconds of CPU per order, by process.
pub type Costs = BTreeMap<String, f64>;

/// What to add up for a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// The process itself.
    Process,
    /// With its children, those that ended included: PostgreSQL.
    Tree,
}

/// The processes of a run.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    processes: Vec<(&'static str, u32, Reach)>,
}

/// What they had used at one moment.
#[derive(Clone, Debug)]
pub struct Reading(Vec<(&'static str, Usage)>);

impl Meter {
    /// The servers of a stack; none when they were given by address or run in
    /// containers.
    pub fn of_servers(stack: &Stack) -> Self {
        let mut meter = Self::default();
        for server in Server::ALL {
            let reach = match server {
                Server::Kafka => Reach::Process,
                Server::Postgres => Reach::Tree,
            };
            meter.add(server.name(), stack.pid(server), reach);
        }
        meter
    }

    /// Adds a process, when it has an id.
    pub fn add(&mut self, name: &'static str, pid: Option<u32>, reach: Reach) {
        self.processes.extend(pid.map(|pid| (name, pid, reach)));
    }

    /// Reads all clocks.
    pub fn read(&self) -> Reading {
        let read = |(name, pid, reach): &(&'static str, u32, Reach)| match reach {
            Reach::Process => (*name, of_process(*pid)),
            Reach::Tree => (*name, of_tree(*pid)),
        };
        Reading(self.processes.iter().map(read).collect())
    }
}

impl Reading {
    /// What each process used between two readings, per order.
    pub fn costs_since(&self, before: &Self, orders: u64) -> Costs {
        let cost = |(name, usage): &(&'static str, Usage)| {
            let begin = before.0.iter().find(|(known, _)| known == name);
            let begin_us = begin.map_or(0, |(_, usage)| usage.cpu_us);
            let used_us = usage.cpu_us.saturating_sub(begin_us);
            ((*name).to_owned(), used_us as f64 / orders.max(1) as f64)
        };
        self.0.iter().map(cost).collect()
    }
}

/// The medians over several legs, process by process.
pub fn medians<'a>(legs: impl IntoIterator<Item = &'a Costs>) -> Costs {
    let mut by_process: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, cost) in legs.into_iter().flatten() {
        by_process.entry(name).or_default().push(*cost);
    }
    let median =
        |(name, costs): (&str, Vec<f64>)| Some((name.to_owned(), crate::median::median(costs)?));
    by_process.into_iter().filter_map(median).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_what_was_used_between_two_readings() {
        let reading = |cpu_us| Reading(vec![("kafka", Usage { cpu_us, peak_kib: 2048 })]);
        let costs = reading(5_000).costs_since(&reading(1_000), 1_000);
        assert_eq!(costs, Costs::from([("kafka".to_owned(), 4.0)]));
    }

    #[test]
    fn medians_are_taken_process_by_process() {
        let leg = |cost| Costs::from([("kafka".to_owned(), cost)]);
        assert_eq!(medians(&[leg(1.0), leg(9.0), leg(2.0)]), leg(2.0));
    }
}
