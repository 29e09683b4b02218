//! One step of the load: loadgen as its users run it, and what every process
//! used from its first order to its last settlement.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::Value;
use stack::service::with_caller;

use crate::bed::Bed;
use crate::cost::{Costs, Meter};
use crate::knee::beyond;
use crate::report::read_json;

/// A load that is this late has failed.
const GRACE: Duration = Duration::from_secs(120);

/// What a step offers.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Plan {
    /// Its place in the run: each step has a file of receipts.
    #[serde(skip)]
    pub number: usize,
    /// Orders a second.
    pub rate: u32,
    /// For so long.
    pub seconds: u16,
}

/// What it showed.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What was offered.
    pub plan: Plan,
    /// Acknowledged orders a second.
    pub accepted_per_s: f64,
    /// Intended send to acknowledgement, as loadgen reports it.
    pub accept_ms: Value,
    /// Intended send to settlement.
    pub settled_ms: Value,
    /// Requests without the answer they should have got.
    pub errors: u64,
    /// By process.
    pub cpu_us_per_order: Costs,
    /// Why this step is beyond the knee; empty when it is not.
    pub beyond: Vec<String>,
    /// File of receipts.
    #[serde(skip)]
    pub receipts: PathBuf,
}

/// Runs one step.
///
/// # Errors
/// No order was accepted, or the load cannot be run or read.
pub async fn run(
    bed: &Bed,
    env: &[(String, String)],
    meter: &Meter,
    plan: Plan,
) -> anyhow::Result<Step> {
    let receipts = bed.file(&format!("receipts-{}.csv", plan.number));
    let json = bed.file("load.json");
    let mut load = with_caller(&bed.program("loadgen"));
    load.args(["--rate", &plan.rate.to_string(), "--duration", &format!("{}s", plan.seconds)]);
    // The shelves are full.
    load.args(["--stock", "0", "--quiet", "--follow", "--json"])
        .arg(&json)
        .arg("--receipts")
        .arg(&receipts);
    load.envs(env.iter().cloned()).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let before = meter.read();
    let deadline = GRACE + Duration::from_secs(plan.seconds.into());
    let ended = tokio::time::timeout(deadline, load.status()).await;
    let status = ended.context("the load did not end")?.context("cannot run loadgen")?;
    let after = meter.read();
    // An overloaded step may be invalid for loadgen; it is one all the same.
    let load = read_json(&json).with_context(|| format!("loadgen ended with {status}"))?;
    let acknowledged = load["acknowledged"].as_u64().unwrap_or_default();
    ensure!(acknowledged > 0, "no order was accepted; loadgen ended with {status}");
    let mut costs = after.costs_since(&before, acknowledged);
    if let Some(own) = load["cpu_us_per_request"].as_f64() {
        costs.insert("loadgen".to_owned(), own);
    }
    let beyond = beyond(plan.rate, &load);
    Ok(Step {
        plan,
        accepted_per_s: load["orders_per_s"].as_f64().unwrap_or_default(),
        accept_ms: load["accept_ms"].clone(),
        settled_ms: load["settled_ms"].clone(),
        errors: load["errors"].as_u64().unwrap_or_default(),
        cpu_us_per_order: costs,
        beyond,
        receipts,
    })
}

impl Step {
    /// A quantile of a latency in milliseconds.
    pub fn quantile(latency: &Value, name: &str) -> f64 {
        latency[name].as_f64().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rate, p99) = (self.plan.rate, Self::quantile(&self.accept_ms, "p99"));
        let p95 = Self::quantile(&self.settled_ms, "p95");
        write!(
            f,
            "  {rate:>6}/s offered, {:>6.0} accepted, accept p99 {p99:.1} ms, settled p95 {p95:.1} ms",
            self.accepted_per_s
        )?;
        if !self.beyond.is_empty() {
            write!(f, "; beyond the knee: {}", self.beyond.join(", "))?;
        }
        Ok(())
    }
}
