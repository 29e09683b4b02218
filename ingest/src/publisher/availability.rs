//! Whether records can be taken now, as a state that every write reads and only
//! the watch and librdkafka's error events change. The decisions are pure.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// What is known of the brokers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// No broker has answered yet.
    Starting,
    /// Records are taken.
    Up,
    /// No broker can be reached.
    Unreachable,
    /// Records wait and none was acknowledged for too long.
    Stalled,
    /// A producer that cannot go on is being replaced.
    Failed,
}

impl State {
    const ALL: [Self; 5] =
        [Self::Starting, Self::Up, Self::Unreachable, Self::Stalled, Self::Failed];

    /// Why records are not taken, for readiness and for clients.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Starting => "no broker has answered yet",
            Self::Up => "records are taken",
            Self::Unreachable => "no broker can be reached",
            Self::Stalled => "the broker has stopped acknowledging",
            Self::Failed => "the producer failed and is being replaced",
        }
    }
}

/// The shared state.
#[derive(Default)]
pub struct Availability {
    state: AtomicU8,
    acknowledged: AtomicU64,
    changed: Notify,
}

impl Availability {
    /// What is known now.
    pub fn state(&self) -> State {
        let index = self.state.load(Ordering::Relaxed);
        State::ALL.get(usize::from(index)).copied().unwrap_or(State::Starting)
    }

    pub(super) fn set(&self, state: State) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// librdkafka has lost every broker: records are refused from here on.
    pub(super) fn lost_all_brokers(&self) {
        self.set(State::Unreachable);
        self.changed.notify_one();
    }

    /// A record was refused for no ordinary reason: have a look.
    pub(super) fn suspect(&self) {
        if self.state() == State::Up {
            self.lost_all_brokers();
        }
    }

    /// One more record was acknowledged.
    pub(super) fn acknowledged(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were.
    pub(super) fn acknowledged_total(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Resolves when something should be looked at before the next tick.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// What the watch does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing new.
    Keep,
    /// Go to this state.
    Become(State),
    /// Ask the broker whether it is there.
    Probe,
}

/// Notices that nothing moves.
pub(super) struct Progress {
    stall_after: Duration,
    acknowledged: u64,
    /// Since when records wait without any acknowledgement.
    waiting_since: Option<Instant>,
}

impl Progress {
    pub(super) fn new(stall_after: Duration) -> Self {
        Self { stall_after, acknowledged: 0, waiting_since: None }
    }

    /// Looks at the counters of one moment.
    pub(super) fn look(
        &mut self,
        state: State,
        queued: u64,
        acknowledged: u64,
        now: Instant,
    ) -> Verdict {
        let moved = acknowledged != self.acknowledged;
        self.acknowledged = acknowledged;
        if moved || queued == 0 || state != State::Up {
            self.waiting_since = None;
        }
        match state {
            State::Up if queued > 0 => {
                let since = *self.waiting_since.get_or_insert(now);
                let stalled = now.duration_since(since) >= self.stall_after;
                if stalled { Verdict::Become(State::Stalled) } else { Verdict::Keep }
            }
            State::Up => Verdict::Keep,
            State::Starting | State::Unreachable | State::Stalled if moved => {
                Verdict::Become(State::Up)
            }
            // The broker may answer while the partition's log does not: only an
            // acknowledgement or an empty queue ends a stall.
            State::Stalled if queued > 0 => Verdict::Keep,
            State::Starting | State::Unreachable | State::Stalled | State::Failed => Verdict::Probe,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(2);

    #[test]
    fn records_that_wait_too_long_are_a_stall_and_movement_ends_it() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut progress = Progress::new(STALL);
        assert_eq!(progress.look(State::Up, 5, 0, at(0)), Verdict::Keep);
        assert_eq!(progress.look(State::Up, 5, 1, at(1900)), Verdict::Keep);
        assert_eq!(progress.look(State::Up, 5, 1, at(3800)), Verdict::Keep);
        assert_eq!(progress.look(State::Up, 5, 1, at(3900)), Verdict::Become(State::Stalled));
        assert_eq!(progress.look(State::Stalled, 5, 1, at(4000)), Verdict::Keep);
        assert_eq!(progress.look(State::Stalled, 4, 2, at(4100)), Verdict::Become(State::Up));
        assert_eq!(progress.look(State::Up, 4, 2, at(4200)), Verdict::Keep);
    }

    #[test]
    fn an_idle_gateway_is_not_stalled() {
        let start = Instant::now();
        let mut progress = Progress::new(STALL);
        assert_eq!(progress.look(State::Up, 0, 7, start), Verdict::Keep);
        assert_eq!(progress.look(State::Up, 0, 7, start + STALL * 9), Verdict::Keep);
        assert_eq!(progress.look(State::Up, 1, 7, start + STALL * 10), Verdict::Keep);
    }

    #[test]
    fn an_unreachable_broker_is_asked_until_it_answers() {
        let now = Instant::now();
        let mut progress = Progress::new(STALL);
        assert_eq!(progress.look(State::Starting, 0, 0, now), Verdict::Probe);
        assert_eq!(progress.look(State::Unreachable, 9, 0, now), Verdict::Probe);
        assert_eq!(progress.look(State::Unreachable, 8, 1, now), Verdict::Become(State::Up));
        assert_eq!(progress.look(State::Stalled, 0, 1, now), Verdict::Probe);
    }

    #[test]
    fn an_outage_does_not_count_as_a_stall_once_it_is_over() {
        let start = Instant::now();
        let mut progress = Progress::new(STALL);
        assert_eq!(progress.look(State::Up, 5, 0, start), Verdict::Keep);
        assert_eq!(progress.look(State::Unreachable, 5, 0, start + STALL), Verdict::Probe);
        assert_eq!(progress.look(State::Up, 5, 0, start + STALL * 2), Verdict::Keep);
    }

    #[test]
    fn the_state_survives_its_trip_as_a_number() {
        let availability = Availability::default();
        assert_eq!(availability.state(), State::Starting);
        for state in State::ALL {
            availability.set(state);
            assert_eq!(availability.state(), state);
        }
    }
}
