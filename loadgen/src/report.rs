//! What a run showed: the JSON document, and the exit code.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::latency::Summary;
use crate::order_mix::Kind;
use crate::recorder::{Failure, Refusal, Tally};
use crate::settlements::SettledCounts;
use crate::slo;

/// Exit code of a run whose objectives were missed; k6 uses the same.
pub const EXIT_SLO_MISSED: u8 = 99;
/// Exit code of a run in which the generator itself fell behind.
pub const EXIT_INVALID: u8 = 4;
/// Exit code of a run that was interrupted.
pub const EXIT_INTERRUPTED: u8 = 130;
/// Exit code of a run in which nothing was acknowledged.
pub const EXIT_FAILED: u8 = 1;

/// The report, as `--json` writes it. Latencies are in milliseconds from the
/// intended send instant unless said otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was run.
    pub run: RunInfo,
    /// Seconds from the first intended send to the last answer.
    pub elapsed_s: f64,
    /// Slots that were due: sent, plus dropped.
    pub scheduled: u64,
    /// Requests sent, of every kind.
    pub sent: u64,
    /// Requests acknowledged, of every kind.
    pub acknowledged: u64,
    /// Requests answered otherwise.
    pub refused: u64,
    /// Requests without the answer they should have got: dropped, unanswered,
    /// refused though valid, acknowledged though invalid.
    pub errors: u64,
    /// Slots never sent, because the queue was full or the run was over.
    pub dropped: u64,
    /// Requests that were still under way when the run was given up.
    pub unanswered: u64,
    /// Acknowledged orders a second of `elapsed_s`; a retry is no second order.
    pub orders_per_s: f64,
    /// Intended send to acknowledgement, of orders.
    pub accept_ms: Summary,
    /// Actual send to answer: what a closed loop would have seen.
    pub service_ms: Summary,
    /// Intended send to settlement, with `--follow`.
    pub settled_ms: Option<Summary>,
    /// How orders were settled, with `--follow`.
    pub settled: Option<SettledCounts>,
    /// Seconds from the last answer to the last settlement, with `--follow`.
    pub settle_wait_s: Option<f64>,
    /// How late the generator itself was.
    pub schedule_lag_ms: Summary,
    /// Slots that found every connection busy when they were due.
    pub queued: u64,
    /// Counts by kind of request.
    pub kinds: BTreeMap<Kind, Tally>,
    /// Refusals by status and problem type.
    pub refusals: Vec<RefusalCount>,
    /// Unanswered requests by reason.
    pub failures: BTreeMap<Failure, u64>,
    /// Receipts written.
    pub receipts: Option<u64>,
    /// CPU time of this process a request, in microseconds.
    pub cpu_us_per_request: Option<f64>,
    /// Peak resident memory of this process.
    pub peak_rss_mib: Option<f64>,
    /// Whether the generator kept its schedule.
    pub valid: bool,
    /// Why it did not.
    pub invalid_because: Vec<String>,
    /// Whether the run was ended early.
    pub interrupted: bool,
    /// Objectives.
    pub slo: Vec<slo::Outcome>,
}

/// What was run.
#[derive(Clone, Debug, Serialize)]
pub struct RunInfo {
    /// Version of this program.
    pub version: &'static str,
    /// `http` or `direct`.
    pub mode: &'static str,
    /// The gateway's URL or the brokers.
    pub target: String,
    /// When it started.
    pub started_at: String,
    /// Name of the run.
    pub name: String,
    /// Seed.
    pub seed: u64,
    /// Intended requests a second; null is as fast as possible.
    pub rate: Option<f64>,
    /// Their spread.
    pub arrivals: crate::schedule::Arrivals,
    /// Intended length in seconds, when that ends the run.
    pub duration_s: Option<f64>,
    /// Intended number of requests, when that ends the run.
    pub orders: Option<u64>,
    /// Connections.
    pub connections: Option<usize>,
    /// Load threads.
    pub threads: usize,
}

/// How often one refusal came.
#[derive(Clone, Debug, Serialize)]
pub struct RefusalCount {
    /// Which.
    #[serde(flatten)]
    pub refusal: Refusal,
    /// How often.
    pub count: u64,
}

impl Report {
    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        if self.interrupted {
            EXIT_INTERRUPTED
        } else if !self.valid {
            EXIT_INVALID
        } else if self.slo.iter().any(|outcome| !outcome.met) {
            EXIT_SLO_MISSED
        } else if self.acknowledged == 0 {
            EXIT_FAILED
        } else {
            0
        }
    }

    /// The document `--json` writes.
    pub fn to_json(&self) -> String {
        // Only maps with keys that are no strings could fail.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}
