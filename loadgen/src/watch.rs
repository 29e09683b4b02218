//! Once a second during a run: gather what the threads counted, log it, show it,
//! and look whether the generator itself is at its limit.

use std::time::Duration;

use crate::books::SharedSettlements;
use crate::clock::Clock;
use crate::hlog::IntervalLog;
use crate::latency::Latency;
use crate::load::Load;
use crate::progress::{Moment, Progress};
use crate::recorder::Window;

/// A thread that computes or waits for a CPU longer than this has no time left: what
/// queues then queues for it.
const SATURATED_SHARE: f64 = 0.95;

/// What was gathered so far.
#[derive(Debug)]
pub struct Watch {
    /// Everything since the start.
    pub totals: Window,
    /// Settlements since the start, when they are followed.
    pub settled: Option<Latency>,
    /// Seconds looked at, and those in which a load thread was saturated while
    /// requests queued.
    pub saturated: (u64, u64),
    clock: Clock,
    last_ns: u64,
    start_ns: u64,
    progress: Progress,
    log: Option<IntervalLog>,
    settlements: Option<SharedSettlements>,
    interval: Window,
    spare: Window,
}

impl Watch {
    /// A watch over a load that starts at `start_ns`.
    pub fn new(clock: Clock, start_ns: u64, progress: Progress) -> Self {
        Self {
            totals: Window::default(),
            settled: None,
            saturated: (0, 0),
            clock,
            last_ns: start_ns,
            start_ns,
            progress,
            log: None,
            settlements: None,
            interval: Window::default(),
            spare: Window::default(),
        }
    }

    /// Logs intervals too.
    pub fn log_to(&mut self, log: Option<IntervalLog>) {
        self.log = log;
    }

    /// Watches settlements too.
    pub fn follow(&mut self, settlements: SharedSettlements) {
        self.settlements = Some(settlements);
        self.settled = Some(Latency::new());
    }

    /// Gathers, and shows it.
    ///
    /// # Errors
    /// The interval log cannot be written.
    pub fn tick(&mut self, load: &mut Load) -> anyhow::Result<()> {
        let settled = self.gather(load)?;
        self.progress.show(Moment {
            second: (self.last_ns - self.start_ns + 500_000_000) / 1_000_000_000,
            interval: &self.interval,
            totals: &self.totals,
            settled: settled.as_ref(),
            unsettled: self.unsettled(),
        });
        Ok(())
    }

    /// Gathers what happened since the last time; gives the settlements.
    ///
    /// # Errors
    /// The interval log cannot be written.
    pub fn gather(&mut self, load: &mut Load) -> anyhow::Result<Option<Latency>> {
        let now_ns = self.clock.now_ns().max(self.last_ns + 1);
        let span = (
            Duration::from_nanos(self.last_ns - self.start_ns),
            Duration::from_nanos(now_ns - self.last_ns),
        );
        self.interval = Window::default();
        for recorder in &load.recorders {
            recorder.take(&mut self.interval, &mut self.spare);
        }
        self.totals.absorb(&self.interval);
        self.look_for_saturation(load, now_ns - self.last_ns);
        self.last_ns = now_ns;
        let settled = self.gather_settled();
        self.write_log(span, settled.as_ref())?;
        Ok(settled)
    }

    /// Orders acknowledged and not settled.
    pub fn unsettled(&self) -> u64 {
        self.settlements.as_ref().map_or(0, |settlements| settlements.lock().pending())
    }

    /// Ends the log and the progress line.
    ///
    /// # Errors
    /// The log cannot be written.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.progress.end();
        self.log.take().map_or(Ok(()), IntervalLog::finish)
    }

    /// Seconds in which settlements are waited for would make saturated ones fewer.
    fn look_for_saturation(&mut self, load: &mut Load, wall_ns: u64) {
        if load.finished() {
            return;
        }
        let busiest =
            load.threads.iter_mut().map(|thread| thread.share_since(wall_ns)).fold(0.0, f64::max);
        let saturated = busiest > SATURATED_SHARE && self.interval.queued > 0;
        self.saturated.0 += 1;
        self.saturated.1 += u64::from(saturated);
    }

    fn gather_settled(&mut self) -> Option<Latency> {
        let settlements = self.settlements.as_ref()?;
        let mut interval = Latency::new();
        settlements.lock().take_window(&mut interval);
        if let Some(settled) = &mut self.settled {
            settled.absorb(&interval);
        }
        Some(interval)
    }

    fn write_log(
        &mut self,
        span: (Duration, Duration),
        settled: Option<&Latency>,
    ) -> anyhow::Result<()> {
        let Some(log) = &mut self.log else { return Ok(()) };
        log.write("accept", span, &self.interval.accept)?;
        log.write("lag", span, &self.interval.lag)?;
        settled.map_or(Ok(()), |settled| log.write("settled", span, settled))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::recorder::Recorder;

    #[test]
    fn seconds_after_the_load_are_no_seconds_of_the_generator() {
        let (end, ended) = std::sync::mpsc::sync_channel::<()>(0);
        let thread = std::thread::spawn(move || {
            let _closed = ended.recv();
            Ok(())
        });
        let mut load = Load::of_thread(Arc::new(Recorder::default()), 0, thread);
        let mut watch = Watch::new(Clock::start(), 0, Progress::Silent);
        watch.gather(&mut load).unwrap();
        assert_eq!(watch.saturated, (1, 0));
        drop(end);
        load.join().unwrap();
        watch.gather(&mut load).unwrap();
        assert_eq!(watch.saturated, (1, 0));
    }
}
