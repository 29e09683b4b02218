//! `stack status`: what runs and what it uses, read from /proc and the folder.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use stack::native::postgres;
use stack::options::Server;
use stack::protocol::ServerStatus;
use stack::{lease, usage};

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
    let cpu_us = status.pid.map_or(0, |pid| usage::of_tree(pid).cpu_us);
    let memory_kib = status.pid.map_or(0, usage::private_kib);
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
        Duration::from_micros(cpu_us).as_secs_f64(),
        memory_kib >> 10,
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
