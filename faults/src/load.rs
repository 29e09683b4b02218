//! Steady load with receipts: one load generator, ended when it is no longer
//! needed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};

/// Longer than any scenario; the load is ended by a signal.
const LONGEST: &str = "1h";
const END_DEADLINE: Duration = Duration::from_secs(60);

/// What clients saw.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Seen {
    pub(crate) acknowledged: u64,
    /// Answers that are no acknowledgement, such as 503.
    pub(crate) refused: u64,
    /// Requests without an answer.
    pub(crate) failed: u64,
}

/// A running load generator.
pub(crate) struct Load {
    child: Child,
    report: PathBuf,
    pub(crate) receipts: PathBuf,
}

impl Load {
    pub(crate) fn start(
        folder: &Path,
        files: &Path,
        env: &[(String, String)],
        rate: u32,
    ) -> Result<Self> {
        std::fs::create_dir_all(files)
            .with_context(|| format!("cannot make {}", files.display()))?;
        let (report, receipts) = (files.join("load.json"), files.join("receipts.csv"));
        let log = File::create(files.join("loadgen.log"))?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--"])
            .arg(folder.join("loadgen"))
            .args(["--rate", &rate.to_string(), "--duration", LONGEST, "--stock", "1000000"])
            // Slots that a fault leaves unanswered must not pile up behind it.
            .args(["--timeout", "5s", "--duplicates", "1%", "--cancels", "1%", "--ships", "1%"])
            .arg("--receipts")
            .arg(&receipts)
            .arg("--json")
            .arg(&report)
            .envs(env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start loadgen")?;
        Ok(Self { child, report, receipts })
    }

    /// Ends the load and says what it saw.
    pub(crate) async fn end(mut self) -> Result<Seen> {
        if let Some(pid) = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            kill_process(pid, Signal::INT).context("cannot end loadgen")?;
        }
        tokio::time::timeout(END_DEADLINE, self.child.wait())
            .await
            .context("loadgen did not end")??;
        let text = std::fs::read(&self.report).context("loadgen left no report")?;
        let report: Value = serde_json::from_slice(&text)?;
        let number = |name: &str| report[name].as_u64().unwrap_or_default();
        let failures = report["failures"].as_object();
        let failed =
            failures.map_or(0, |counts| counts.values().filter_map(Value::as_u64).sum::<u64>());
        let (acknowledged, refused) = (number("acknowledged"), number("refused"));
        Ok(Seen { acknowledged, refused, failed })
    }
}
