//! Whether a commit of the membership before may still take place. A client that was
//! given up goes on sending what it was asked to, and the broker takes it until the group
//! has a new generation: only then does the progress tell what counts. Pure.

use std::time::{Duration, Instant};

/// When a new member that gets no partition stops waiting for one: others have them all,
/// and the session of the one before is over.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// A change of the membership.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rejoin {
    since: Option<Instant>,
}

impl Rejoin {
    /// A new member joins. One that joins again and again does not wait longer for it.
    pub(super) fn begin(&mut self, now: Instant) {
        if !self.is_under_way(now) {
            self.since = Some(now);
        }
    }

    /// The group has given it a partition.
    pub(super) fn end(&mut self) {
        self.since = None;
    }

    /// Whether the group may not know the new member yet.
    pub(super) fn is_under_way(self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.duration_since(since) < IDLE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_member_waits_for_a_partition_but_not_for_ever() {
        let (mut rejoin, now) = (Rejoin::default(), Instant::now());
        assert!(!rejoin.is_under_way(now), "nobody has left");
        rejoin.begin(now);
        rejoin.begin(now + Duration::from_secs(20));
        assert!(rejoin.is_under_way(now + Duration::from_secs(29)));
        assert!(!rejoin.is_under_way(now + IDLE_MAX));
        rejoin.end();
        assert!(!rejoin.is_under_way(now));
    }
}
