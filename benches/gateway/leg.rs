//! One leg: the load against one server, and what the servers used meanwhile.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use benches::bed::Bed;
use benches::cost::{Costs, Meter};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::client::Done;

const WARM_UP_SECONDS: u64 = 1;
/// A load that is this late has failed.
const GRACE: Duration = Duration::from_secs(60);

/// Connections of a leg; the judged number is the one in the middle.
pub(crate) const CONNECTIONS: [usize; 3] = [64, JUDGED, 1024];
/// At which the ratio is judged.
pub(crate) const JUDGED: usize = 256;
/// Connections of the first leg, which warms the broker's JVM.
const WARM_UP_CONNECTIONS: usize = 256;

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The real one, with a broker behind it.
    Gateway,
    /// The bare one.
    Bare,
}

/// What a leg does.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Plan {
    /// Which server.
    pub(crate) kind: Kind,
    /// How many connections.
    pub(crate) connections: usize,
    /// Seconds that count.
    pub(crate) seconds: u16,
    /// Which round.
    pub(crate) number: u16,
}

/// What a leg showed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Leg {
    /// What was done.
    pub(crate) plan: Plan,
    /// Acknowledged requests a second.
    pub(crate) requests_per_s: f64,
    /// Requests answered with something else.
    pub(crate) refused: u64,
    /// By process.
    pub(crate) cpu_us_per_request: Costs,
    /// Median latency.
    pub(crate) p50_ms: Option<f64>,
    /// Latency that 99 of 100 did not exceed.
    pub(crate) p99_ms: Option<f64>,
    /// File of receipts.
    #[serde(skip)]
    pub(crate) receipts: PathBuf,
}

/// Where the servers are.
pub(crate) struct Targets {
    /// The real one.
    pub(crate) gateway: SocketAddr,
    /// The bare one.
    pub(crate) bare: SocketAddr,
}

impl Plan {
    /// A leg against the gateway that is not counted.
    pub(crate) fn warm_up(seconds: u16) -> Self {
        let connections = WARM_UP_CONNECTIONS;
        Self { kind: Kind::Gateway, connections, seconds, number: u16::MAX }
    }

    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Gateway => "ingest",
            Kind::Bare => "bare",
        }
    }
}

/// Runs one leg.
pub(crate) async fn run(
    bed: &Bed,
    targets: &Targets,
    meter: &Meter,
    plan: Plan,
) -> anyhow::Result<Leg> {
    let receipts =
        bed.file(&format!("receipts-{}-{}-{}.csv", plan.name(), plan.connections, plan.number));
    let mut load = Load::start(targets, plan, &receipts)?;
    let seconds = WARM_UP_SECONDS + u64::from(plan.seconds);
    let run = async {
        load.expect("begin").await?;
        let before = meter.read();
        load.expect("end").await?;
        let after = meter.read();
        let done = load.line().await?;
        let done: Done = serde_json::from_str(&done).context("the load gave no figures")?;
        ensure!(load.child.wait().await?.success(), "the load failed");
        anyhow::Ok((before, after, done))
    };
    let (before, after, done) = tokio::time::timeout(GRACE + Duration::from_secs(seconds), run)
        .await
        .context("the load did not end")??;
    ensure!(
        done.acknowledged > 0 && done.refused == 0,
        "{} requests were taken and {} refused: what these cost would count as the cost of those",
        done.acknowledged,
        done.refused
    );
    // The other server sleeps meanwhile, and PostgreSQL takes no part.
    let mut costs = after.costs_since(&before, done.acknowledged);
    costs.retain(|name, _| name == plan.name() || (name == "kafka" && plan.kind == Kind::Gateway));
    Ok(Leg {
        plan,
        requests_per_s: done.acknowledged as f64 / done.seconds,
        refused: done.refused,
        cpu_us_per_request: costs,
        p50_ms: done.p50_ms,
        p99_ms: done.p99_ms,
        receipts,
    })
}

struct Load {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Load {
    fn start(targets: &Targets, plan: Plan, receipts: &PathBuf) -> anyhow::Result<Self> {
        let target = match plan.kind {
            Kind::Gateway => targets.gateway,
            Kind::Bare => targets.bare,
        };
        let mut command = myself("client")?;
        command.args([target.to_string(), plan.connections.to_string()]);
        command.args([WARM_UP_SECONDS, plan.seconds.into()].map(|n| n.to_string()));
        if plan.kind == Kind::Gateway {
            command.arg(receipts);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start the load")?;
        let stdout = child.stdout.take().context("the load has no output")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    async fn expect(&mut self, word: &str) -> anyhow::Result<()> {
        let line = self.line().await?;
        ensure!(line == word, "the load said {line:?} instead of {word:?}");
        Ok(())
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        self.lines.next_line().await?.context("the load ended early; its message is above")
    }
}

/// The bare server in a process of its own; ends when dropped.
pub(crate) struct BareServer {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl BareServer {
    /// Starts it.
    pub(crate) fn start(bed: &Bed) -> anyhow::Result<Self> {
        let port = stack::service::free_port(0)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let log = std::fs::File::create(bed.file("bare.log"))?;
        let child = myself("bare")?.arg(address.to_string()).stderr(log).spawn();
        Ok(Self { child: child.context("cannot start the bare server")?, address })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }
}

/// Where the gateway listens.
pub(crate) fn gateway_address(env: &[(String, String)]) -> anyhow::Result<SocketAddr> {
    let listen = env.iter().find(|(name, _)| name == "INGEST_LISTEN");
    listen.and_then(|(_, address)| address.parse().ok()).context("INGEST_LISTEN is no address")
}

/// This program in another role; it ends with us.
fn myself(role: &str) -> anyhow::Result<Command> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]);
    command.arg(std::env::current_exe().context("cannot tell where this program is")?);
    command.arg(role).stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, connections) = (self.plan.name(), self.plan.connections);
        write!(
            f,
            "  {name:<7} {connections:>5} connections {:>8.0} requests/s",
            self.requests_per_s
        )?;
        for (process, cost) in &self.cpu_us_per_request {
            write!(f, "  {process} {cost:.1} µs")?;
        }
        let ms = |value: Option<f64>| value.unwrap_or(f64::NAN);
        write!(f, "  p50 {:.1} ms  p99 {:.1} ms", ms(self.p50_ms), ms(self.p99_ms))?;
        if self.refused > 0 {
            write!(f, "  refused {}", self.refused)?;
        }
        Ok(())
    }
}

/// The legs of one kind at one number of connections.
pub(crate) fn of(legs: &[Leg], kind: Kind, connections: usize) -> impl Iterator<Item = &Leg> {
    legs.iter().filter(move |leg| leg.plan.kind == kind && leg.plan.connections == connections)
}
