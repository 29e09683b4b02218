//! Steady load with receipts: one load generator at a time, ended when it is no
//! longer needed or killed by a scenario.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use stack::service::with_caller;
use tokio::process::Child;

use crate::kafka::FLASH_PREFIX;

/// Longer than any scenario; the load is ended by a signal.
const LONGEST: &str = "1h";
const END_DEADLINE: Duration = Duration::from_secs(60);
/// How long goods may take to be there.
const FIRST_DEADLINE: Duration = Duration::from_secs(60);
const FIRST_LOOK: Duration = Duration::from_millis(100);
/// Pieces of each product: more than any round sells.
const STOCK: &str = "1000000";
/// Orders a second of a flash sale.
const FLASH_RATE: &str = "4000";
/// Connections of an overload: twice as many as `INGEST_IN_FLIGHT_MAX` writes by default.
const OVERLOAD_CONNECTIONS: &str = "4096";
/// What a gateway answers that has no room, or no broker.
const UNAVAILABLE: u64 = 503;

/// What clients saw.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Seen {
    pub(crate) acknowledged: u64,
    /// Answers that are no acknowledgement, such as 503.
    pub(crate) refused: u64,
    /// Those of them that are no 503.
    pub(crate) refused_otherwise: u64,
    /// Requests that got no connection: nobody listened. The proxy always listens.
    pub(crate) unserved: u64,
    /// Other requests without an answer.
    pub(crate) failed: u64,
}

/// Whom clients dial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dial {
    /// The gateway itself: whether it listens is what is looked at.
    Gateway,
    /// The proxy in front of it.
    Proxy,
}

/// A load generator, and where it tells what it saw.
struct Generator {
    child: Child,
    report: PathBuf,
}

/// The load of one round.
pub(crate) struct Load {
    program: PathBuf,
    files: PathBuf,
    env: Vec<(String, String)>,
    rate: u32,
    running: Option<Generator>,
    seen: Seen,
    /// One file for each generator so far.
    pub(crate) receipts: Vec<PathBuf>,
}

impl Load {
    /// A round's load, running. Its folder is empty at first: receipts of an earlier run
    /// would pass for its own.
    ///
    /// # Errors
    /// The generator cannot be run.
    pub(crate) fn start(
        folder: &Path,
        files: &Path,
        env: Vec<(String, String)>,
        rate: u32,
    ) -> Result<Self> {
        if files.exists() {
            std::fs::remove_dir_all(files)
                .with_context(|| format!("cannot empty {}", files.display()))?;
        }
        std::fs::create_dir_all(files)
            .with_context(|| format!("cannot make {}", files.display()))?;
        let (program, files) = (folder.join("loadgen"), files.to_owned());
        let (running, seen, receipts) = (None, Seen::default(), Vec::new());
        let mut load = Self { program, files, env, rate, running, seen, receipts };
        load.start_again()?;
        Ok(load)
    }

    /// Starts a generator unless one runs. The first brings goods; later ones need none,
    /// and could bring none to a gateway that a fault has stopped.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        if self.runs()? {
            return Ok(());
        }
        let (rate, stock) =
            (self.rate.to_string(), if self.receipts.is_empty() { STOCK } else { "0" });
        let steady = ["--rate", &rate, "--duration", LONGEST, "--stock", stock];
        let mix = ["--duplicates", "1%", "--cancels", "1%", "--ships", "1%"];
        self.running = Some(self.spawn(&[steady.as_slice(), &mix].concat())?);
        Ok(())
    }

    /// Whether a generator runs. One that has given up by itself, as it may when nobody
    /// serves it, has told what it saw or has seen nothing.
    fn runs(&mut self) -> Result<bool> {
        let Some(generator) = &mut self.running else { return Ok(false) };
        if generator.child.try_wait()?.is_none() {
            return Ok(true);
        }
        match self.running.take() {
            Some(Generator { report, .. }) if report.exists() => self.add_what_was_seen(&report)?,
            _ => {}
        }
        Ok(false)
    }

    /// Waits for the first receipt: until then goods are brought, and a fault would
    /// meet no load.
    pub(crate) async fn flows(&self) -> Result<()> {
        let receipts = self.receipts.last().context("no generator was started")?;
        let looks = async {
            // The first line names the columns.
            while !std::fs::read_to_string(receipts).is_ok_and(|text| text.lines().nth(1).is_some())
            {
                tokio::time::sleep(FIRST_LOOK).await;
            }
        };
        tokio::time::timeout(FIRST_DEADLINE, looks).await.context("no order was acknowledged")
    }

    /// `kill -9`; what it saw is lost but for its receipts.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        match self.running.take() {
            Some(mut generator) => generator.child.kill().await.context("cannot kill loadgen"),
            None => Ok(()),
        }
    }

    /// So many orders for one product that has `stock` pieces, beside the load.
    pub(crate) async fn flash_sale(&mut self, orders: u32, stock: i64) -> Result<()> {
        let (orders, stock) = (orders.to_string(), stock.to_string());
        let sale = ["--orders", &orders, "--rate", FLASH_RATE, "--stock", &stock];
        let product = ["--products", "1", "--product-prefix", FLASH_PREFIX];
        let mut sale = self.spawn(&[sale.as_slice(), &product].concat())?;
        let status = sale.child.wait().await?;
        ensure!(status.success(), "the flash sale's loadgen failed: {status}");
        self.add_what_was_seen(&sale.report)
    }

    /// So many orders a second for so many seconds, beside the load, on more connections
    /// than the gateway has places for.
    pub(crate) async fn overload(&mut self, rate: u32, seconds: u32) -> Result<()> {
        let (rate, duration) = (rate.to_string(), format!("{seconds}s"));
        let rush = ["--rate", &rate, "--duration", &duration, "--stock", "0"];
        let many = ["--connections", OVERLOAD_CONNECTIONS, "--backlog", OVERLOAD_CONNECTIONS];
        let mut rush = self.spawn(&[rush.as_slice(), &many].concat())?;
        // What was never sent makes its run invalid, as it should be.
        rush.child.wait().await?;
        self.add_what_was_seen(&rush.report)
    }

    fn spawn(&mut self, args: &[&str]) -> Result<Generator> {
        let number = self.receipts.len() + 1;
        self.receipts.push(self.files.join(format!("receipts-{number}.csv")));
        let report = self.files.join(format!("load-{number}.json"));
        let log = File::create(self.files.join(format!("loadgen-{number}.log")))?;
        let child = with_caller(&self.program)
            .args(args)
            // Slots that a fault leaves unanswered must not pile up behind it; a late
            // generator is no failure here.
            .args(["--timeout", "5s", "--lag-limit", "1h", "--receipts"])
            .arg(&self.receipts[number - 1])
            .arg("--json")
            .arg(&report)
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A round that breaks off must not leave its load to the next.
            .kill_on_drop(true)
            .spawn()
            .context("cannot start loadgen")?;
        Ok(Generator { child, report })
    }

    /// Ends the generator that runs.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        if !self.runs()? {
            return Ok(());
        }
        let Some(Generator { mut child, report }) = self.running.take() else { return Ok(()) };
        if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            kill_process(pid, Signal::INT).context("cannot end loadgen")?;
        }
        tokio::time::timeout(END_DEADLINE, child.wait()).await.context("loadgen did not end")??;
        self.add_what_was_seen(&report)
    }

    /// Ends the load and says what it saw.
    pub(crate) async fn end(&mut self) -> Result<Seen> {
        self.stop().await?;
        Ok(self.seen)
    }

    fn add_what_was_seen(&mut self, report: &Path) -> Result<()> {
        let text = std::fs::read(report).context("loadgen left no report")?;
        let report: Value = serde_json::from_slice(&text)?;
        let number = |name: &str| report[name].as_u64().unwrap_or_default();
        let (unserved, failed) = unanswered(&report);
        self.seen.acknowledged += number("acknowledged");
        self.seen.refused += number("refused");
        self.seen.refused_otherwise += refused_otherwise(&report);
        self.seen.unserved += unserved;
        self.seen.failed += failed;
        Ok(())
    }
}

/// Requests of a load generator's report that got no connection, and others without an
/// answer.
fn unanswered(report: &Value) -> (u64, u64) {
    let failures = report["failures"].as_object().into_iter().flatten();
    failures.fold((0, 0), |(unserved, failed), (kind, count)| {
        let count = count.as_u64().unwrap_or_default();
        match kind.as_str() {
            "connect" => (unserved + count, failed),
            _ => (unserved, failed + count),
        }
    })
}

/// Answers of a load generator's report that are neither an acknowledgement nor a 503.
fn refused_otherwise(report: &Value) -> u64 {
    let refusals = report["refusals"].as_array().into_iter().flatten();
    let others = refusals.filter(|refusal| refusal["status"] != UNAVAILABLE);
    others.filter_map(|refusal| refusal["count"].as_u64()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_503_is_no_other_refusal() {
        let refusal =
            |status: u64, count: u64| serde_json::json!({ "status": status, "count": count });
        let report =
            serde_json::json!({ "refusals": [refusal(503, 7), refusal(500, 2), refusal(400, 1)] });
        assert_eq!(refused_otherwise(&report), 3);
        assert_eq!(refused_otherwise(&serde_json::json!({ "refusals": [] })), 0);
    }

    #[test]
    fn only_what_got_no_connection_is_unserved() {
        let failures = serde_json::json!({ "connect": 9, "closed": 2, "timeout": 1 });
        assert_eq!(unanswered(&serde_json::json!({ "failures": failures })), (9, 3));
        assert_eq!(unanswered(&serde_json::json!({ "failures": {} })), (0, 0));
    }

    #[tokio::test]
    async fn receipts_of_an_earlier_run_are_none_of_this_load() {
        let folder = std::env::temp_dir().join(format!("ordermill-load-{}", std::process::id()));
        let (files, receipts) = (folder.join("01-x"), folder.join("01-x/receipts-1.csv"));
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(&receipts, "order_id\nearlier\n").unwrap();
        std::os::unix::fs::symlink("/bin/true", folder.join("loadgen")).unwrap();
        let load = Load::start(&folder, &files, Vec::new(), 1).unwrap();
        assert_eq!((load.receipts.as_slice(), receipts.exists()), ([receipts].as_slice(), false));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_generator_that_gave_up_is_followed_by_another() {
        let folder = std::env::temp_dir().join(format!("ordermill-gave-up-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink("/bin/false", folder.join("loadgen")).unwrap();
        let mut load = Load::start(&folder, &folder.join("01-x"), Vec::new(), 1).unwrap();
        load.running.as_mut().unwrap().child.wait().await.unwrap();
        load.start_again().unwrap();
        assert_eq!(load.receipts.len(), 2);
        load.running.as_mut().unwrap().child.wait().await.unwrap();
        assert_eq!(load.end().await.unwrap().acknowledged, 0);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
