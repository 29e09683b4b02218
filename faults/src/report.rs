//! What came of each scenario, for people and for scripts.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};

use crate::baseline::Gained;
use crate::books::Verdict;
use crate::load::Seen;
use crate::recovery::Recovery;

/// What came of one scenario.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) recovery: Recovery,
    /// The longest time that a partition of `orders` made no progress.
    pub(crate) standstill_s: f64,
    pub(crate) seen: Seen,
    pub(crate) gained: Gained,
    pub(crate) audit: Verdict,
    /// Everything else that should not have happened.
    pub(crate) wrong: Vec<String>,
    /// Why it was not played.
    pub(crate) skipped: Option<String>,
}

impl Outcome {
    /// One of which nothing is known yet.
    pub(crate) fn begun(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            recovery: Recovery::default(),
            standstill_s: 0.0,
            seen: Seen::default(),
            gained: Gained::default(),
            audit: Verdict::not_asked(),
            wrong: Vec::new(),
            skipped: None,
        }
    }

    /// One that this machine cannot play.
    pub(crate) fn skipped(name: &str, why: String) -> Self {
        Self { skipped: Some(why), ..Self::begun(name) }
    }

    /// The same, broken off: what was seen until then stays.
    pub(crate) fn broken_off(mut self, error: &anyhow::Error) -> Self {
        self.wrong.push(format!("could not be played to its end: {error:#}"));
        self
    }

    /// Why it is not clean.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = String> {
        let findings = self.audit.findings.iter();
        let findings = findings.map(|(invariant, count)| format!("FINDING  {invariant} {count}"));
        findings.chain(self.wrong.iter().map(|words| format!("WRONG    {words}")))
    }

    pub(crate) fn is_clean(&self) -> bool {
        matches!(self.audit.word.as_str(), "clean" | "not asked") && self.wrong.is_empty()
    }
}

/// The results of all scenarios.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Report {
    pub(crate) rate: u32,
    pub(crate) seed: Option<u64>,
    /// That one was played at least, and each that was is clean.
    pub(crate) clean: bool,
    pub(crate) scenarios: Vec<Outcome>,
}

impl Report {
    pub(crate) fn new(rate: u32, seed: Option<u64>, scenarios: Vec<Outcome>) -> Self {
        let played = scenarios.iter().any(|outcome| outcome.skipped.is_none());
        let clean = played && scenarios.iter().all(Outcome::is_clean);
        Self { rate, seed, clean, scenarios }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<28} {:>9} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} {:>6} {:>8} {:>8}  audit",
            "fault",
            "recovered",
            "max lag",
            "standing",
            "orders",
            "unserved",
            "refused",
            "failed",
            "files",
            "memory",
            "sessions"
        )?;
        for outcome in &self.scenarios {
            row(outcome, f)?;
        }
        if let Some(seed) = self.seed {
            writeln!(f, "seed {seed}")?;
        }
        let (skipped, played): (Vec<_>, Vec<_>) =
            self.scenarios.iter().partition(|outcome| outcome.skipped.is_some());
        let clean = played.iter().filter(|outcome| outcome.is_clean()).count();
        write!(f, "faults: {clean} of {} clean, at {} orders/s", played.len(), self.rate)?;
        match skipped.len() {
            0 => Ok(()),
            count => write!(f, ", {count} skipped"),
        }
    }
}

/// Prints a report and writes it as JSON to `file`, if one is given.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn tell(
    report: &(impl fmt::Display + serde::Serialize),
    file: Option<&Path>,
) -> Result<()> {
    println!("{report}");
    let Some(file) = file else { return Ok(()) };
    let text = serde_json::to_string_pretty(report)?;
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn row(outcome: &Outcome, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(why) = &outcome.skipped {
        return writeln!(f, "{:<28} skipped: {why}", outcome.name);
    }
    let Recovery { after_s, lag_max, .. } = outcome.recovery;
    let recovered = after_s.map_or("-".to_owned(), |s| format!("{s:.1} s"));
    let standing = format!("{:.1} s", outcome.standstill_s);
    let Seen { acknowledged, unserved, refused, failed, .. } = outcome.seen;
    let Gained { files, memory_mib, sessions } = outcome.gained;
    let memory = format!("{memory_mib:+} MiB");
    writeln!(
        f,
        "{:<28} {recovered:>9} {lag_max:>8} {standing:>8} {acknowledged:>8} {unserved:>8} {refused:>7} {failed:>7} {files:>+6} {memory:>8} {sessions:>+8}  {}",
        outcome.name, outcome.audit.word
    )?;
    outcome.reasons().try_for_each(|reason| writeln!(f, "    {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_that_broke_off_has_its_row_and_is_not_clean() {
        let error = anyhow::anyhow!("connection refused").context("Kafka is away");
        let broken = Outcome::begun("broker-kill").broken_off(&error);
        let clean = Outcome::begun("poison");
        let skipped = Outcome::skipped("failover-synchronous", "no PostgreSQL".to_owned());
        assert!(!broken.is_clean() && clean.is_clean());
        let text = Report::new(500, None, vec![broken, clean, skipped]).to_string();
        let words = "could not be played to its end: Kafka is away: connection refused";
        assert!(text.contains(&format!("\n    WRONG    {words}\n")), "{text}");
        assert!(text.ends_with("faults: 1 of 2 clean, at 500 orders/s, 1 skipped"), "{text}");
    }

    #[test]
    fn a_run_is_clean_when_something_was_played_and_all_of_it_is_clean() {
        let clean = || Outcome::begun("poison");
        let skipped = || Outcome::skipped("broker-disk-full", "no root".to_owned());
        let broken = || Outcome::begun("broker-kill").broken_off(&anyhow::anyhow!("no Kafka"));
        let is_clean = |scenarios| Report::new(500, None, scenarios).clean;
        assert!(is_clean(vec![clean(), skipped()]));
        assert!(!is_clean(vec![skipped()]) && !is_clean(vec![]));
        assert!(!is_clean(vec![clean(), broken()]));
    }
}
