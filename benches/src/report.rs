//! What a benchmark found, with what is needed to read it: which commit, which
//! machine, how much was measured, what the audit said.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;

use crate::args::BenchArgs;
use crate::cost::Costs;

/// The document of `--json`. A figure that a benchmark cannot have is null.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Which benchmark.
    pub bench: &'static str,
    /// `full` or `quick`.
    pub extent: &'static str,
    /// Orders per second.
    pub orders_per_s: Option<f64>,
    /// Against the bare loop or the bare server of the same run.
    pub ratio_to_bare: Option<f64>,
    /// Microseconds of CPU per order, by process.
    pub cpu_us_per_order: Costs,
    /// Quantiles of latencies in milliseconds, by name.
    pub latency_ms: Value,
    /// The audit's verdict.
    pub audit: Option<String>,
    /// Every leg or step.
    pub legs: Value,
    /// Where and with what.
    pub machine: Machine,
}

/// Where and with what.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Short hash of the commit, when git knows it; `+` after it means changed.
    pub commit: Option<String>,
    /// Cores.
    pub cores: usize,
    /// The processor's own name.
    pub cpu: Option<String>,
    /// Load average over a minute when the report was written: this benchmark
    /// and its neighbours.
    pub load_1m: Option<String>,
    /// When the report was written.
    pub at: String,
}

impl Machine {
    /// This machine, now.
    pub fn here() -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu =
            cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            commit: git(&["describe", "--always", "--dirty=+", "--exclude=*"]),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: cpu.map(|(_, name)| name.to_owned()),
            load_1m: load.split_whitespace().next().map(str::to_owned),
            at: format!("{:.0}", jiff::Timestamp::now()),
        }
    }
}

impl Report {
    /// Where, how much and how clean, in one line.
    pub fn footer(&self) -> String {
        let Machine { commit, cores, cpu, load_1m, at } = &self.machine;
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        format!(
            "commit {}, {cores} cores of {}, load {}, {at}, {} run\naudit verdict: {}",
            known(commit),
            known(cpu),
            known(load_1m),
            self.extent,
            self.audit.as_deref().unwrap_or("none"),
        )
    }

    /// Writes the document where it was asked for.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, args: &BenchArgs) -> anyhow::Result<()> {
        let Some(file) = &args.json else { return Ok(()) };
        let text = serde_json::to_string_pretty(self).context("cannot encode the report")?;
        // Cargo runs a benchmark in the folder of its package, not in the caller's.
        let caller = std::env::var_os("PWD").unwrap_or_default();
        let file = Path::new(&caller).join(file);
        std::fs::write(&file, text + "\n")
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Two digits after the point are more than these figures have.
pub fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A document that one of our programs wrote.
///
/// # Errors
/// It is missing or no JSON.
pub fn read_json(file: &Path) -> anyhow::Result<Value> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
}

fn git(args: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(args).current_dir(stack::place::workspace()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
