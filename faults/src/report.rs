//! What came of each scenario, for people and for scripts.

use std::fmt;

use crate::books::Verdict;
use crate::load::Seen;

/// What came of one scenario.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    /// Seconds from the last step to a lag below half a second of load.
    pub(crate) recovered_s: Option<f64>,
    /// The highest lag, in records.
    pub(crate) lag_max: i64,
    pub(crate) seen: Seen,
    /// Open files more than before, of the program that gained most.
    pub(crate) files_gained: i64,
    /// Memory more than before in MiB, of the program that gained most.
    pub(crate) memory_gained_mib: i64,
    pub(crate) audit: Verdict,
    /// Everything else that should not have happened.
    pub(crate) wrong: Vec<String>,
}

impl Outcome {
    pub(crate) fn is_clean(&self) -> bool {
        self.audit.word == "clean" && self.wrong.is_empty() && self.recovered_s.is_some()
    }
}

/// The results of all scenarios.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Report {
    pub(crate) rate: u32,
    pub(crate) seed: Option<u64>,
    pub(crate) clean: bool,
    pub(crate) scenarios: Vec<Outcome>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<40} {:>9} {:>8} {:>8} {:>8} {:>7} {:>6} {:>8}  audit",
            "fault", "recovered", "max lag", "orders", "refused", "failed", "files", "memory"
        )?;
        for outcome in &self.scenarios {
            row(outcome, f)?;
        }
        if let Some(seed) = self.seed {
            writeln!(f, "seed {seed}")?;
        }
        let clean = self.scenarios.iter().filter(|outcome| outcome.is_clean()).count();
        write!(f, "faults: {clean} of {} clean, at {} orders/s", self.scenarios.len(), self.rate)
    }
}

fn row(outcome: &Outcome, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let recovered = outcome.recovered_s.map_or("never".to_owned(), |s| format!("{s:.1} s"));
    let Seen { acknowledged, refused, failed } = outcome.seen;
    let memory = format!("{:+} MiB", outcome.memory_gained_mib);
    writeln!(
        f,
        "{:<40} {recovered:>9} {:>8} {acknowledged:>8} {refused:>8} {failed:>7} {:>+6} {memory:>8}  {}",
        outcome.name, outcome.lag_max, outcome.files_gained, outcome.audit.word
    )?;
    for (invariant, count) in &outcome.audit.findings {
        writeln!(f, "    FINDING  {invariant} {count}")?;
    }
    outcome.wrong.iter().try_for_each(|words| writeln!(f, "    WRONG    {words}"))
}
