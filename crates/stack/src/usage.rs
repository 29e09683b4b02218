//! CPU time and memory of processes, from `/proc`: what a run on this stack
//! cost, by process.

use std::collections::HashMap;
use std::fs;

/// What a process has used since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time in microseconds.
    pub cpu_us: u64,
    /// The most memory it ever had resident, in KiB.
    pub peak_kib: u64,
}

/// Microseconds of one clock tick: Linux counts process times in 1/100 s.
const TICK_US: u64 = 10_000;

const PAGE_KIB: u64 = 4;

/// A process without its children.
#[must_use]
pub fn of_process(pid: u32) -> Usage {
    let cpu_us = stat(pid).map_or(0, |stat| stat.iter().take(2).sum::<u64>() * TICK_US);
    Usage { cpu_us, peak_kib: peak_kib(pid) }
}

/// A process and, for PostgreSQL, all its children: the time of those that
/// ended counts too. Peak memory of PostgreSQL is that of its largest process,
/// because shared buffers count in each.
#[must_use]
pub fn of_tree(pid: u32) -> Usage {
    let children = children_of();
    let mut usage = Usage::default();
    let mut pids = vec![pid];
    while let Some(pid) = pids.pop() {
        if let Some(stat) = stat(pid) {
            // Fields 14 to 17: own user and system time, and that of children
            // that were waited for.
            usage.cpu_us += stat.iter().sum::<u64>() * TICK_US;
        }
        usage.peak_kib = usage.peak_kib.max(peak_kib(pid));
        pids.extend(children.get(&pid).into_iter().flatten());
    }
    usage
}

/// Memory of a process and its children that they do not share, in KiB: each
/// process of PostgreSQL maps all shared buffers.
#[must_use]
pub fn private_kib(pid: u32) -> u64 {
    let children = children_of().remove(&pid).unwrap_or_default();
    [pid].into_iter().chain(children).filter_map(private_pages).sum::<u64>() * PAGE_KIB
}

/// When a process started, in clock ticks since the machine did; nothing when it has ended.
#[must_use]
pub fn started(pid: u32) -> Option<u64> {
    fields(pid)?.get(19)?.parse().ok()
}

fn private_pages(pid: u32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = statm.split_whitespace().skip(1).map(|field| field.parse::<u64>().ok());
    let (resident, shared) = (pages.next()??, pages.next()??);
    Some(resident.saturating_sub(shared))
}

/// Children by process, for all processes.
fn children_of() -> HashMap<u32, Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

/// The fields after the command name, which may itself hold spaces.
fn fields(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn parent(pid: u32) -> Option<u32> {
    fields(pid)?.get(1)?.parse().ok()
}

fn stat(pid: u32) -> Option<Vec<u64>> {
    let fields = fields(pid)?;
    fields.get(11..15)?.iter().map(|field| field.parse().ok()).collect()
}

fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_time_and_memory() {
        let mut sum = 0_u64;
        let usage = loop {
            sum = (0..1_000_000_u64).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
            let usage = of_tree(std::process::id());
            if usage.cpu_us > 0 {
                break usage;
            }
        };
        assert!(usage.peak_kib > 100, "{usage:?} {sum}");
        assert!(of_process(std::process::id()).peak_kib > 100);
    }
}
