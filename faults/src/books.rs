//! What the books say: how far behind the log they are, and the audit's verdict.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use stack::service::with_caller;

use crate::kafka::Kafka;

/// One look at a server that may be away.
const LOOK: Duration = Duration::from_secs(1);
/// How long the audit waits until everything is settled.
const SETTLE: &str = "90s";
const UNJUDGED: &str = "could not judge";

/// Records of the inputs whose effects are not in the tables; `None` while a
/// server does not answer.
pub(crate) async fn lag(kafka: &Kafka, database_url: &str) -> Option<i64> {
    let ends = kafka.ends(LOOK).ok()?;
    let rows = tokio::time::timeout(LOOK, progress(database_url)).await.ok()?.ok()?;
    let done = |key: &(String, i32)| {
        let row = rows.iter().find(|(topic, partition, _)| (topic, partition) == (&key.0, &key.1));
        row.map_or(0, |(.., next)| *next)
    };
    Some(ends.iter().map(|(key, end)| (end - done(key)).max(0)).sum())
}

/// Records of the inputs whose effects are in the tables.
pub(crate) async fn done(database_url: &str) -> Option<i64> {
    let rows = tokio::time::timeout(LOOK, progress(database_url)).await.ok()?.ok()?;
    Some(rows.iter().map(|(.., next)| next).sum())
}

async fn progress(database_url: &str) -> Result<Vec<(String, i32, i64)>> {
    let mut connection = PgConnection::connect(database_url).await?;
    let rows = sqlx::query_as("select topic, partition, next_offset from partition_progress")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    Ok(rows)
}

/// What the audit said.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Verdict {
    /// `clean`, `findings`, `could not judge` or `not asked`.
    pub(crate) word: String,
    /// Invariants with findings, and how many.
    pub(crate) findings: Vec<(String, u64)>,
}

impl Verdict {
    /// Without events of commits that were lost: nobody expects them, and an order
    /// that had been paid there may be cancelled before its payment now, or the other
    /// way about.
    pub(crate) fn without_retold(mut self) -> Self {
        self.findings.retain(|(invariant, _)| {
            !["event-unexpected", "event-content", "event-order"].contains(&invariant.as_str())
        });
        if self.word == "findings" && self.findings.is_empty() {
            self.word = "clean".to_owned();
        }
        self
    }

    /// When the log is not whole any more.
    pub(crate) fn not_asked() -> Self {
        Self { word: "not asked".to_owned(), findings: Vec::new() }
    }
}

/// Has the books audited against all receipts. Work that is still left over when
/// the audit has waited for it is judged as it is.
pub(crate) async fn audit(
    folder: &Path,
    files: &Path,
    receipts: &[PathBuf],
    env: &[(String, String)],
) -> Result<Verdict> {
    let asked = Audit { folder, files, receipts, env };
    match asked.run(&["--settle-timeout", SETTLE]).await? {
        verdict if verdict.word == UNJUDGED => asked.run(&["--as-is"]).await,
        verdict => Ok(verdict),
    }
}

struct Audit<'a> {
    folder: &'a Path,
    files: &'a Path,
    receipts: &'a [PathBuf],
    env: &'a [(String, String)],
}

impl Audit<'_> {
    async fn run(&self, patience: &[&str]) -> Result<Verdict> {
        let json = self.files.join("audit.json");
        let output = with_caller(&self.folder.join("audit"))
            .arg("--receipts")
            .args(self.receipts)
            .args(patience)
            .arg("--json")
            .arg(&json)
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run audit")?;
        std::fs::write(self.files.join("audit.log"), [output.stdout, output.stderr].concat())?;
        let report: Value = std::fs::read(&json)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let word = match output.status.code() {
            Some(0) => "clean",
            Some(1) => "findings",
            _ => UNJUDGED,
        };
        Ok(Verdict { word: word.to_owned(), findings: findings(&report) })
    }
}

fn findings(report: &Value) -> Vec<(String, u64)> {
    let invariants = report["invariants"].as_array().map(Vec::as_slice).unwrap_or_default();
    invariants
        .iter()
        .filter_map(|invariant| {
            let count = invariant["count"].as_u64().filter(|count| *count > 0)?;
            Some((invariant["name"].as_str()?.to_owned(), count))
        })
        .collect()
}
