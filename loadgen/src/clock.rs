//! Time of a run: nanoseconds since one instant, so that threads can compare,
//! and a millisecond tick that is on time.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// How often due slots are released.
const TICK: Duration = Duration::from_millis(1);

/// The common zero of all instants of a run.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the zero.
    pub fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

/// A tick from the kernel. The runtime's own timers have a grain of a
/// millisecond and round up, which would be seen in every latency.
#[derive(Debug)]
pub struct Ticker(AsyncFd<OwnedFd>);

impl Ticker {
    /// Ticks for the first time after `delay`: with the schedule, so that whole
    /// milliseconds of it are released on time. Needs a runtime with I/O.
    ///
    /// # Errors
    /// The kernel gives no timer.
    pub fn start_in(delay: Duration) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let tick = Timespec { tv_sec: 0, tv_nsec: i64::from(TICK.subsec_nanos()) };
        // Zero would mean never.
        let delay = delay.max(Duration::from_nanos(1));
        let first =
            Timespec { tv_sec: delay.as_secs() as i64, tv_nsec: i64::from(delay.subsec_nanos()) };
        let every = Itimerspec { it_interval: tick, it_value: first };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every)?;
        // Deprecated for types that may change their descriptor while registered;
        // an owned one that is never replaced keeps it, and we write no unsafe.
        #[allow(deprecated, reason = "the replacement is unsafe, and this use is sound")]
        let timer = AsyncFd::new(timer)?;
        Ok(Self(timer))
    }

    /// Waits for the next tick; ticks that were missed count as one.
    ///
    /// # Errors
    /// The timer cannot be read.
    pub async fn tick(&self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            let mut expirations = [0_u8; 8];
            let read = ready
                .try_io(|timer| rustix::io::read(timer, &mut expirations).map_err(io::Error::from));
            match read {
                Ok(outcome) => return outcome.map(|_| ()),
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ticks_come_each_millisecond_from_the_first_on() {
        let clock = Clock::start();
        let ticker = Ticker::start_in(Duration::from_millis(20)).unwrap();
        ticker.tick().await.unwrap();
        let first_ns = clock.now_ns();
        assert!(first_ns >= 20_000_000, "{first_ns}");
        for _ in 0..10 {
            ticker.tick().await.unwrap();
        }
        assert!(clock.now_ns() - first_ns >= 9_000_000, "ticks came too fast");
    }
}
