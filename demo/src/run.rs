//! The demo from top to bottom: build → stack → services → load → audit →
//! report.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use stack::service::{environment, with_caller};
use stack::turn::Turn;
use stack::usage::{Usage, of_tree};
use stack::{Progress, Server, Stack};
use tokio::process::Command;

use crate::args::Args;
use crate::processes::{SERVICES, Services, TOLD, WATCH};
use crate::report::{Cost, Report};
use crate::{farewell, tables, watch};

/// The demo's stack.
const STACK: &str = "demo";
/// What the demo runs, beside itself.
const PROGRAMS: [&str; 6] = ["ingest", "processor", "notifier", "loadgen", "audit", "stack"];
/// Exit code of a run that Ctrl-C ended.
const EXIT_INTERRUPTED: u8 = 130;

/// Loadgen's exit code for a run in which it fell behind its own schedule.
const LOADGEN_INVALID: i32 = 4;

/// Runs the demo; gives the exit code.
pub(crate) async fn run(args: &Args) -> anyhow::Result<u8> {
    let _turn = Turn::take(&stack::place::folder(STACK), "cargo demo")?;
    let stop = service::shutdown::on_signal()?;
    tokio::select! {
        outcome = play(args) => outcome,
        () = stop.cancelled() => {
            eprintln!("interrupted; everything the demo started ends with it");
            Ok(EXIT_INTERRUPTED)
        }
    }
}

async fn play(args: &Args) -> anyhow::Result<u8> {
    let folder = stack::build::programs(&PROGRAMS)?;
    let mut stack = bring_up().await?;
    let files = Files::new(stack.dir())?;
    let env = environment(stack.env())?;
    let mut names = SERVICES.to_vec();
    if !args.unwatched {
        names.push(WATCH);
    }
    let mut services = Services::start(&names, &folder, &files.logs, env).await?;

    let load = Load { args, folder: &folder, services: &services, files: &files };
    // Without a watch its log is of another run.
    let lines =
        (!args.unwatched).then(|| tokio::spawn(watch::follow(files.logs.join("audit.log"))));
    load.warm_up().await?;
    let before = usage(&stack, &services);
    load.measure().await?;
    services.check()?;
    let after = usage(&stack, &services);
    if let Some(lines) = lines {
        lines.abort();
    }
    let audited = audit(&folder, &services, &files).await?;
    services.check()?;
    let watched = services.watched().await?.map(|page| watch::line(&page)).transpose()?;

    let load = json(&files.load);
    let report = Report {
        orders_per_s: load["orders_per_s"].as_f64().unwrap_or_default(),
        cpu_us_per_order: costs(&before, &after, &load),
        sales_metrics: tables::top(stack.database_url())
            .await
            .context("cannot read sales_metrics")?,
        audit: json(&files.audit),
        load,
    };
    println!("{}", report.to_text());
    if let Some((line, _)) = &watched {
        println!("{line}");
    }
    println!("audit verdict: {}", report.audit["verdict"].as_str().unwrap_or("none"));
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if args.keep {
        // Only now: who interrupts or kills the demo, or reads why it failed, is shown no
        // process to end.
        services.detach().await?;
        stack.pin()?;
        println!(
            "{}",
            farewell::lines(&services.env, &services.pids(), &files.receipts(), stack.dir())
        );
        services.keep();
    } else {
        services.stop().await?;
        tokio::task::spawn_blocking(move || stack.release()).await??;
    }
    let clean = watched.is_none_or(|(_, clean)| clean);
    Ok(u8::from(!(audited && clean)))
}

/// Files of one run, in the stack's folder.
struct Files {
    logs: PathBuf,
    warmup_receipts: PathBuf,
    receipts: PathBuf,
    load: PathBuf,
    audit: PathBuf,
}

impl Files {
    fn new(stack_dir: &Path) -> anyhow::Result<Self> {
        let folder = stack_dir.join("demo");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let files = Self {
            logs: folder.join("logs"),
            warmup_receipts: folder.join("warmup-receipts.csv"),
            receipts: folder.join("receipts.csv"),
            load: folder.join("load.json"),
            audit: folder.join("audit.json"),
        };
        let told = files.logs.join(TOLD);
        for old in [&files.warmup_receipts, &files.receipts, &files.load, &files.audit, &told] {
            // A result of an earlier run must not pass for one of this.
            let _missing = std::fs::remove_file(old);
        }
        Ok(files)
    }

    /// Of every order that was acknowledged.
    fn receipts(&self) -> Vec<&Path> {
        let warmup = self.warmup_receipts.exists().then_some(self.warmup_receipts.as_path());
        warmup.into_iter().chain([self.receipts.as_path()]).collect()
    }
}

async fn bring_up() -> anyhow::Result<Stack> {
    let mut options = stack::Options::named(STACK);
    options.data = stack::Data::Fresh;
    let kept = stack::lease::status(&options.dir)?.is_some_and(|status| status.pinned);
    anyhow::ensure!(
        !kept,
        "a demo that was kept still runs, and this one would share its servers and orders; end it with the last line \
         that it printed (kill its programs, cargo stack --dir {} down --purge)",
        options.dir.display()
    );
    tokio::task::spawn_blocking(move || stack::up(&options, &mut Progress::stderr())).await?
}

/// The load: what drives it, and against what.
struct Load<'a> {
    args: &'a Args,
    folder: &'a Path,
    services: &'a Services,
    files: &'a Files,
}

impl Load<'_> {
    /// Fills the shelves, and lets caches fill and the broker's machine code be
    /// compiled. These orders are audited like all others.
    async fn warm_up(&self) -> anyhow::Result<()> {
        let warmup = self.args.warmup();
        if warmup.is_zero() {
            return Ok(());
        }
        eprintln!("warming up for {warmup:?}");
        let mut loadgen = self.loadgen(warmup, self.args.stock, &self.files.warmup_receipts);
        loadgen.stdout(Stdio::null());
        drive(loadgen).await
    }

    async fn measure(&self) -> anyhow::Result<()> {
        // The shelves were filled by the warm-up, if there was one.
        let stock = if self.args.warmup().is_zero() { self.args.stock } else { 0 };
        let mut loadgen = self.loadgen(self.args.duration, stock, &self.files.receipts);
        loadgen.arg("--follow").arg("--json").arg(&self.files.load);
        drive(loadgen).await
    }

    fn loadgen(&self, duration: Duration, stock: u32, receipts: &Path) -> Command {
        let args = self.args;
        let mut command = with_caller(&self.folder.join("loadgen"));
        command
            .args(["--rate", &args.rate.to_string()])
            .args(["--duration", &format!("{}ms", duration.as_millis())])
            .args(["--seed", &args.seed.to_string(), "--stock", &stock.to_string()])
            .args(["--duplicates", &args.duplicates.to_string()])
            .args(["--cancels", &args.cancels.to_string()])
            .arg("--receipts")
            .arg(receipts)
            .envs(self.services.env.iter().cloned())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// A generator that got too little CPU says so in its report; that is no fault
/// of the books.
async fn drive(mut loadgen: Command) -> anyhow::Result<()> {
    let status = loadgen.status().await.context("cannot run loadgen")?;
    let driven = matches!(status.code(), Some(0 | LOADGEN_INVALID));
    anyhow::ensure!(driven, "loadgen failed ({status}); see its message above");
    Ok(())
}

/// Whether the audit was clean.
async fn audit(folder: &Path, services: &Services, files: &Files) -> anyhow::Result<bool> {
    let status = with_caller(&folder.join("audit"))
        .arg("--receipts")
        .args(files.receipts())
        .arg("--json")
        .arg(&files.audit)
        .envs(services.env.iter().cloned())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .context("cannot run audit")?;
    Ok(status.success())
}

fn usage(stack: &Stack, services: &Services) -> Vec<(String, Usage)> {
    let servers = Server::ALL.into_iter().filter_map(|server| {
        let pid = stack.pid(server)?;
        Some((server.name().to_owned(), of_tree(pid)))
    });
    services.usage().into_iter().chain(servers).collect()
}

fn costs(before: &[(String, Usage)], after: &[(String, Usage)], load: &Value) -> Vec<Cost> {
    let orders = load["kinds"]["order"]["acknowledged"].as_f64().unwrap_or_default().max(1.0);
    // It counts by request of any kind, of which not each is an order.
    let requests = load["sent"].as_f64().unwrap_or_default();
    let own = load["cpu_us_per_request"].as_f64().map(|cpu_us| Cost {
        process: "loadgen".into(),
        cpu_us: cpu_us * requests / orders,
        peak_mib: load["peak_rss_mib"].as_f64().unwrap_or_default() as u64,
    });
    let cost = |(name, end): &(String, Usage)| {
        let begin =
            before.iter().find(|(known, _)| known == name).map_or(0, |(_, usage)| usage.cpu_us);
        Cost {
            process: name.clone(),
            cpu_us: end.cpu_us.saturating_sub(begin) as f64 / orders,
            peak_mib: end.peak_kib / 1024,
        }
    };
    own.into_iter().chain(after.iter().map(cost)).collect()
}

fn json(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_costs_by_the_order() {
        let load = serde_json::json!({
            "sent": 1_000, "cpu_us_per_request": 80.0, "kinds": { "order": { "acknowledged": 800 } },
        });
        let used = |cpu_us| [("ingest".to_owned(), Usage { cpu_us, peak_kib: 0 })];
        let costs = costs(&used(40_000), &used(120_000), &load);
        let costs: Vec<_> = costs.iter().map(|cost| (cost.process.as_str(), cost.cpu_us)).collect();
        assert_eq!(costs, [("loadgen", 100.0), ("ingest", 100.0)]);
    }
}
