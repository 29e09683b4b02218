//! The processor as a state machine: random schedules of several processors,
//! crashes at every step, lost answers, duplicates and zombies, against a
//! reference that does one thing at a time.
//!
//! `world` runs a schedule over a simulated database (`ledger`, `tables`), log,
//! provider and topic; decisions, desk, tab, publisher and views are the
//! processor's own. `reference` replays the commits, `verdict` compares.
//! `mutations` shows what the checks catch; `fidelity` runs the same commits
//! through the real `store` and a real PostgreSQL.

#![cfg(test)]

mod fidelity;
mod ledger;
mod log;
mod mutation;
mod mutations;
mod process;
mod provider;
mod recover;
mod reference;
mod regressions;
mod schedule;
mod schedules;
mod tables;
mod topic;
mod verdict;
mod work;
mod world;
