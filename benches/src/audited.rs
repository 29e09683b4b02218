//! The audit at the end of a run: no figure without a verdict on the books.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context;
use stack::service::with_caller;

use crate::bed::Bed;
use crate::report::read_json;

/// Has the books audited against these receipts; gives the verdict's word. The
/// audit's own table goes to standard error, so that standard output holds the
/// figures alone.
///
/// # Errors
/// The audit cannot be run or leaves no report.
pub async fn verdict(
    bed: &Bed,
    env: &[(String, String)],
    receipts: &[PathBuf],
) -> anyhow::Result<String> {
    let json = bed.file("audit.json");
    let output = with_caller(&bed.program("audit"))
        .arg("--receipts")
        .args(receipts)
        .arg("--json")
        .arg(&json)
        .envs(env.iter().cloned())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot run audit")?;
    eprintln!("{}", String::from_utf8_lossy(&output.stdout));
    let report = read_json(&json)?;
    Ok(report["verdict"].as_str().unwrap_or("none").to_owned())
}
