//! A checker that has never failed proves nothing: each way of cooking the
//! books is planted in a copy of the honest world, and must be found under its
//! own name and no other.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test reports by panicking, helpers of tests too"
)]

mod honest;
mod planted_receipts;
mod planted_tables;
mod planted_topics;
mod unjudged;
mod watched;
mod world;

use std::collections::BTreeSet;

use audit::invariants::Invariant;
use audit::{Config, Verdict};

/// The beginning of every id.
const ORDER: &str = "01990000-0000-7000-8000-0000000000";

/// Audits, and notes when something else is found than expected.
async fn judge(what: &str, config: &Config, expected: &[&str], wrong: &mut Vec<String>) {
    let report = audit::run(config).await;
    if report.verdict != Verdict::Findings || report.broken() != expected {
        wrong.push(format!("{what}: expected {expected:?}\n{report}"));
    }
}

#[test]
fn every_invariant_is_seen_to_fail() {
    let seen: BTreeSet<_> = planted_tables::names()
        .chain(planted_receipts::names())
        .chain(planted_topics::names())
        .collect();
    let unseen: Vec<_> =
        Invariant::all().map(Invariant::name).filter(|name| !seen.contains(name)).collect();
    assert_eq!(unseen, [""; 0]);
}
