//! The report: a table for people, JSON for programs, both with the same
//! content.

use std::fmt;
use std::process::ExitCode;

use contract::topic::Topics;
use serde::Serialize;

use crate::config::Receipts;
use crate::error::CannotJudge;
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;
use crate::watch::Standing;

/// What an audit says. Its JSON has these members.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The result.
    pub verdict: Verdict,
    /// What was missing, when it could not judge.
    pub missing: Vec<String>,
    /// Every invariant.
    pub invariants: Vec<Judged>,
    /// What was read.
    pub read: Counts,
    /// Seconds spent waiting for rest.
    pub waited_seconds: f64,
    /// Seconds spent reading and judging.
    pub seconds: f64,
    /// Records of the four topics a second; receipts and rows come on top.
    pub records_per_s: f64,
    /// The most memory that the process ever had.
    pub memory_peak_bytes: u64,
    /// How far a watch got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<Standing>,
}

/// The result of an audit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every invariant that was to be judged is true.
    Clean,
    /// At least one is false.
    Findings,
    /// Something that is needed was missing.
    Unjudged,
}

/// One invariant.
#[derive(Debug, Serialize)]
pub struct Judged {
    /// Its name.
    pub name: &'static str,
    /// What is true when the count is 0.
    pub meaning: &'static str,
    /// How often it is false; `null` when it was not judged.
    pub count: Option<u64>,
    /// The first ten places.
    pub samples: Vec<JudgedSample>,
}

/// One place where an invariant is false.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct JudgedSample {
    /// Order, event, SKU or metric.
    pub id: String,
    /// The record's topic.
    pub topic: Option<String>,
    /// The record's partition.
    pub partition: Option<i32>,
    /// The record's offset.
    pub offset: Option<i64>,
    /// What is the case.
    pub detail: String,
}

/// How much was read: records by topic, rows by table.
#[derive(Clone, Copy, Default, Debug, Serialize)]
#[expect(missing_docs, reason = "topics and tables")]
pub struct Counts {
    pub receipts: u64,
    pub orders: u64,
    pub stock: u64,
    pub order_events: u64,
    pub dead_letters: u64,
    pub order_rows: u64,
    pub payment_rows: u64,
    pub processed_rows: u64,
    pub refused_rows: u64,
    pub dead_letter_rows: u64,
    pub stock_rows: u64,
    pub metric_rows: u64,
}

impl Counts {
    /// Records of all topics.
    pub fn records(&self) -> u64 {
        self.orders + self.stock + self.order_events + self.dead_letters
    }

    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.order_rows
            + self.payment_rows
            + self.processed_rows
            + self.refused_rows
            + self.dead_letter_rows
            + self.stock_rows
            + self.metric_rows
    }
}

/// How long an audit took.
#[derive(Clone, Copy, Default, Debug)]
pub struct Times {
    /// Waiting for rest, in seconds.
    pub waited_seconds: f64,
    /// Reading and judging, in seconds.
    pub seconds: f64,
}

impl Report {
    /// A report on what was found.
    pub fn judged(
        findings: &Findings,
        read: Counts,
        times: Times,
        receipts: &Receipts,
        topics: &Topics,
    ) -> Self {
        let blind = *receipts == Receipts::NotGiven;
        let judged = |invariant: Invariant| !(blind && invariant.needs_receipts());
        Self::judged_where(findings, read, times, topics, judged)
    }

    /// A report on what was found; the other invariants were not judged.
    pub fn judged_where(
        findings: &Findings,
        read: Counts,
        times: Times,
        topics: &Topics,
        is_judged: impl Fn(Invariant) -> bool,
    ) -> Self {
        let judged = |invariant: Invariant| Judged {
            name: invariant.name(),
            meaning: invariant.meaning(),
            count: is_judged(invariant).then(|| findings.count(invariant)),
            samples: findings.samples(invariant).iter().map(|s| sample(s, topics)).collect(),
        };
        let verdict = if findings.total() == 0 { Verdict::Clean } else { Verdict::Findings };
        let invariants = Invariant::all().map(judged).collect();
        Self::new(verdict, Vec::new(), invariants, read, times)
    }

    /// A report on what was missing.
    pub fn unjudged(why: CannotJudge, read: Counts, times: Times) -> Self {
        let open = |invariant: Invariant| Judged {
            name: invariant.name(),
            meaning: invariant.meaning(),
            count: None,
            samples: Vec::new(),
        };
        let invariants = Invariant::all().map(open).collect();
        Self::new(Verdict::Unjudged, why.missing, invariants, read, times)
    }

    fn new(
        verdict: Verdict,
        missing: Vec<String>,
        invariants: Vec<Judged>,
        read: Counts,
        Times { waited_seconds, seconds }: Times,
    ) -> Self {
        let records_per_s = if seconds > 0.0 { read.records() as f64 / seconds } else { 0.0 };
        Self {
            verdict,
            missing,
            invariants,
            read,
            waited_seconds,
            seconds,
            records_per_s,
            memory_peak_bytes: memory_peak_bytes().unwrap_or(0),
            watch: None,
        }
    }

    /// The report of a watch, with how far it got.
    pub fn watched(self, standing: Standing) -> Self {
        Self { watch: Some(standing), ..self }
    }

    /// The names of the invariants that are false.
    pub fn broken(&self) -> Vec<&'static str> {
        let broken = self.invariants.iter().filter(|judged| judged.count.is_some_and(|n| n > 0));
        broken.map(|judged| judged.name).collect()
    }

    /// All findings.
    pub fn findings(&self) -> u64 {
        self.invariants.iter().filter_map(|judged| judged.count).sum()
    }

    /// The last line: the verdict in words.
    pub fn verdict_line(&self) -> String {
        let open = self.invariants.iter().filter(|judged| judged.count.is_none()).count();
        match self.verdict {
            Verdict::Clean if open > 0 => {
                let judged = self.invariants.len() - open;
                let why = if self.watch.is_some() { "while it runs" } else { "no receipts" };
                format!("audit: CLEAN, {judged} invariants hold; {open} not judged: {why}")
            }
            Verdict::Clean => format!("audit: CLEAN, {} invariants hold", self.invariants.len()),
            Verdict::Findings => {
                let names = self.broken().join(", ");
                format!("audit: {} findings: {names}", self.findings())
            }
            Verdict::Unjudged => format!("audit: could not judge: {}", self.missing.join("; ")),
        }
    }

    /// 0 clean, 1 findings, 2 could not judge.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.verdict {
            Verdict::Clean => 0,
            Verdict::Findings => 1,
            Verdict::Unjudged => 2,
        })
    }
}

fn sample(sample: &Sample, topics: &Topics) -> JudgedSample {
    JudgedSample {
        id: sample.id.clone(),
        topic: sample.place.map(|place| place.topic.name(topics).to_owned()),
        partition: sample.place.map(|place| place.partition),
        offset: sample.place.map(|place| place.offset),
        detail: sample.detail.clone(),
    }
}

/// `VmHWM` of Linux; not known elsewhere.
fn memory_peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let judged = self.invariants.iter().filter(|_| self.verdict != Verdict::Unjudged);
        for judged in judged {
            let (name, meaning) = (judged.name, judged.meaning);
            match judged.count {
                None => writeln!(f, "  -    {name:<26} {:>9}  {meaning}", "unjudged")?,
                Some(0) => writeln!(f, "  ok   {name:<26} {:>9}  {meaning}", 0)?,
                Some(count) => writeln!(f, "  FAIL {name:<26} {count:>9}  {meaning}")?,
            }
            for sample in &judged.samples {
                writeln!(f, "         {sample}")?;
            }
        }
        let Counts { receipts, orders, stock, order_events, dead_letters, .. } = self.read;
        writeln!(
            f,
            "read {receipts} receipts; {orders} records of orders, {stock} of stock, \
             {order_events} of order-events, {dead_letters} dead letters; {} rows",
            self.read.rows()
        )?;
        let mib = self.memory_peak_bytes as f64 / f64::from(1 << 20);
        writeln!(
            f,
            "{:.1} s after {:.1} s of waiting; {:.0} records/s; {mib:.0} MiB at most",
            self.seconds, self.waited_seconds, self.records_per_s
        )?;
        writeln!(f, "{}", self.verdict_line())
    }
}

impl fmt::Display for JudgedSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if let (Some(topic), Some(partition), Some(offset)) =
            (&self.topic, self.partition, self.offset)
        {
            write!(f, " at {topic}/{partition}/{offset}")?;
        }
        write!(f, ": {}", self.detail)
    }
}
