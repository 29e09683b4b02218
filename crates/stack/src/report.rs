//! `stack status`: what runs and what it uses, read from /proc and the folder.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use stack::lease;
use stack::native::postgres;
use stack::options::Server;
use stack::protocol::ServerStatus;

/// Clock ticks a second in /proc/PID/stat on every Linux we know.
const TICKS_PER_SECOND: u64 = 100;

const PAGE_KIB: u64 = 4;

/// What a server and its children have used.
#[derive(Debug, Default)]
struct Usage {
    cpu: Duration,
    memory_mib: u64,
}

/// Prints the state of the stack in `dir`; an error when it does not run.
pub fn status(dir: &Path, out: &mut impl Write) -> Result<()> {
    let Some(status) = lease::status(dir)? else {
        bail!("no stack runs in {}; start it with `cargo stack up`", dir.display());
    };
    writeln!(out, "folder      {}", dir.display())?;
    let stays = if status.pinned { "until `down`" } else { "while it is used" };
    writeln!(
        out,
        "supervisor  pid {}, {} in use, stays {stays}",
        status.supervisor_pid, status.leases
    )?;
    writeln!(
        out,
        "\n{:<11} {:<8} {:<22} {:>7} {:>9} {:>8} {:>9} {:>9}",
        "server", "state", "address", "pid", "uptime", "cpu", "memory", "disk"
    )?;
    for server in &status.servers {
        writeln!(out, "{}", row(dir, server))?;
    }
    writeln!(out)?;
    for server in &status.servers {
        match server.server {
            Server::Kafka => writeln!(out, "KAFKA_BROKERS=127.0.0.1:{}", server.port),
            Server::Postgres => writeln!(out, "DATABASE_URL={}", postgres::url(server.port)),
        }?;
    }
    Ok(())
}

fn row(dir: &Path, status: &ServerStatus) -> String {
    let usage = status.pid.map(usage).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let state = if status.ended.is_some() { "ended" } else { "running" };
    let pid = status.pid.map_or("-".to_owned(), |pid| pid.to_string());
    format!(
        "{:<11} {:<8} {:<22} {:>7} {:>9} {:>7.1}s {:>5} MiB {:>5} MiB{}",
        status.server.title(),
        state,
        format!("127.0.0.1:{}", status.port),
        pid,
        uptime(now.saturating_sub(status.started_unix_s)),
        usage.cpu.as_secs_f64(),
        usage.memory_mib,
        disk_kib(&dir.join(status.server.name())) >> 10,
        status.ended.as_ref().map_or(String::new(), |how| format!("  {how}")),
    )
}

fn uptime(seconds: u64) -> String {
    match seconds {
        0..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A process and its children: PostgreSQL is one process a connection.
fn usage(pid: u32) -> Usage {
    let mut total = Usage::default();
    for pid in std::iter::once(pid).chain(children(pid)) {
        let (ticks, memory_kib) = read_usage(pid).unwrap_or_default();
        total.cpu += Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND);
        total.memory_mib += memory_kib >> 10;
    }
    total
}

fn children(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// CPU ticks, and memory in KiB without the pages it shares (each backend maps all shared buffers).
fn read_usage(pid: u32) -> Option<(u64, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th after it.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = statm.split_whitespace().skip(1).map(|field| field.parse::<u64>().ok());
    let (resident, shared) = (pages.next()??, pages.next()??);
    Some((ticks, resident.saturating_sub(shared) * PAGE_KIB))
}

fn disk_kib(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_kib(&entry.path()),
            Ok(metadata) => metadata.blocks() / 2,
            Err(_) => 0,
        })
        .sum()
}
