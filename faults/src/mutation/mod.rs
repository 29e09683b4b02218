//! `cargo faults mutations`: proves that the harness sees. Each mistake is put
//! into a copy of the source, the program built from it runs in the scenario that
//! must show it, and the audit must name what broke.

mod table;
mod tree;

use std::fmt;

use anyhow::Result;

use self::table::{MUTATIONS, Mutation};
use self::tree::Tree;
use crate::args::MutationArgs;
use crate::report::{Outcome, tell};
use crate::run::{Player, alone};

/// What came of one mistake.
#[derive(Debug, serde::Serialize)]
struct Caught {
    mutation: &'static str,
    scenario: &'static str,
    /// Findings and other reasons, worst first.
    reasons: Vec<String>,
    caught: bool,
}

/// What came of all of them.
#[derive(Debug, serde::Serialize)]
struct Report {
    mutations: Vec<Caught>,
}

/// Makes every mistake, or those that are named; gives the exit code.
///
/// # Errors
/// A mistake cannot be made.
pub(crate) async fn run(args: &MutationArgs) -> Result<u8> {
    let tree = Tree::new().await?;
    let mut mutations = Vec::new();
    for mutation in chosen(&args.names) {
        eprintln!("building {} with {}", mutation.program, mutation.name);
        let folder = tree.build(mutation).await?;
        let mut player = Player::new(args.rate, Some((mutation.program, folder)))?;
        let outcome = player.play(&alone(mutation.scenario)?).await;
        mutations.push(judge(mutation, &outcome));
        player.discard().await;
    }
    let report = Report { mutations };
    tell(&report, args.json.as_deref())?;
    Ok(u8::from(!report.mutations.iter().all(|mutation| mutation.caught)))
}

/// The names of all.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    MUTATIONS.iter().map(|mutation| mutation.name)
}

fn chosen(names: &[String]) -> impl Iterator<Item = &'static Mutation> {
    let is_named = |mutation: &&Mutation| names.iter().any(|name| mutation.name == name);
    MUTATIONS.iter().filter(move |mutation| names.is_empty() || is_named(mutation))
}

fn judge(mutation: &Mutation, outcome: &Outcome) -> Caught {
    let found = outcome.audit.findings.iter();
    let caught = found.clone().any(|(name, _)| mutation.findings.contains(&name.as_str()));
    let reasons = outcome.reasons().collect();
    Caught { mutation: mutation.name, scenario: mutation.scenario, reasons, caught }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<32} {:<20} {:<7} what was said", "mutation", "scenario", "caught")?;
        for Caught { mutation, scenario, reasons, caught } in &self.mutations {
            let word = if *caught { "yes" } else { "NO" };
            let first = reasons.first().map_or("nothing", String::as_str);
            writeln!(f, "{mutation:<32} {scenario:<20} {word:<7} {}", first.trim())?;
            for reason in reasons.iter().skip(1) {
                writeln!(f, "{:62}{}", "", reason.trim())?;
            }
        }
        let caught = self.mutations.iter().filter(|mutation| mutation.caught).count();
        write!(f, "mutations: {caught} of {} caught", self.mutations.len())
    }
}
