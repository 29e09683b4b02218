//! What the generator itself costs: CPU time, memory, and how busy its load
//! threads are. A generator that is at its limit measures itself.

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this process so far, in microseconds, all threads.
pub fn process_cpu_us() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}

/// Peak resident memory of this process in MiB, when the kernel says.
pub fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some((kib / 102.4).round() / 10.0)
}

/// How long one load thread was runnable: on a CPU, or in the queue for one.
#[derive(Clone, Copy, Debug)]
pub struct ThreadUse {
    thread: i32,
    runnable_ns: u64,
}

impl ThreadUse {
    /// Of the calling thread.
    pub fn of_this_thread() -> i32 {
        rustix::thread::gettid().as_raw_nonzero().get()
    }

    /// Starts observing a thread of this process.
    pub fn observe(thread: i32) -> Self {
        Self { thread, runnable_ns: runnable_ns(thread).unwrap_or(0) }
    }

    /// The share of `wall_ns` that the thread was runnable since the last call.
    pub fn share_since(&mut self, wall_ns: u64) -> f64 {
        let Some(now) = runnable_ns(self.thread) else { return 0.0 };
        let runnable = now.saturating_sub(self.runnable_ns);
        self.runnable_ns = now;
        runnable as f64 / wall_ns.max(1) as f64
    }
}

fn runnable_ns(thread: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    on_cpu_and_waiting(&text)
}

/// The first two fields of the scheduler's statistics: time on a CPU, and time in a queue
/// for one.
fn on_cpu_and_waiting(schedstat: &str) -> Option<u64> {
    let mut fields = schedstat.split_whitespace().map(str::parse::<u64>);
    Some(fields.next()?.ok()? + fields.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_for_a_cpu_has_no_time_left_either() {
        assert_eq!(on_cpu_and_waiting("500000000 490000000 17\n"), Some(990_000_000));
        assert_eq!(on_cpu_and_waiting("500000000\n"), None);
    }

    #[test]
    fn a_busy_thread_is_seen_as_busy() {
        let mut usage = ThreadUse::observe(ThreadUse::of_this_thread());
        let (before, start) = (process_cpu_us(), std::time::Instant::now());
        while process_cpu_us() - before < 50_000 {
            std::hint::black_box(0);
        }
        let share = usage.share_since(start.elapsed().as_nanos() as u64);
        assert!(share > 0.0, "{share}");
        assert!(peak_rss_mib().unwrap() > 1.0);
    }
}
