//! How far the audit is: a line a second on standard error.

use std::time::{Duration, Instant};

use crate::config::Progress;

const INTERVAL: Duration = Duration::from_secs(1);
/// The clock is asked only once in so many steps.
const STEPS: u64 = 4096;

/// Counts the steps of one stage.
#[derive(Debug)]
pub struct Meter {
    progress: Progress,
    what: String,
    total: Option<u64>,
    done: u64,
    told: Instant,
}

impl Meter {
    /// A stage with so many steps, when that is known.
    pub fn new(progress: Progress, what: impl Into<String>, total: Option<u64>) -> Self {
        Self { progress, what: what.into(), total, done: 0, told: Instant::now() }
    }

    /// One more step is done.
    pub fn step(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(STEPS) && self.told.elapsed() >= INTERVAL {
            self.told = Instant::now();
            let of = self.total.map_or(String::new(), |total| format!(" of {total}"));
            tell(self.progress, &format!("{} {}{of}", self.what, self.done));
        }
    }

    /// How many steps are done.
    pub fn done(&self) -> u64 {
        self.done
    }
}

/// Says one line.
pub fn tell(progress: Progress, line: &str) {
    if progress == Progress::Shown {
        eprintln!("audit: {line}");
    }
}
