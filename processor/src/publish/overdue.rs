//! What the broker owes an acknowledgement for too long. A client asks a partition
//! that does not take a record again and again and says nothing; others may be
//! acknowledged meanwhile, so that each parcel is watched by itself.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::Receipt;
use super::receipt::Delivery;

/// How long an acknowledgement may take; a broker that works takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Parcels that were handed to the broker, oldest first.
#[derive(Default)]
pub(super) struct Overdue(Mutex<Vec<Parcel>>);

struct Parcel {
    topic: String,
    since: Instant,
    /// Gone with the client that had it, or told its outcome.
    receipt: Weak<Receipt>,
}

impl Overdue {
    /// Begins to watch a parcel.
    pub(super) fn watch(&self, topic: &str, receipt: &Arc<Receipt>, now: Instant) {
        let parcel =
            Parcel { topic: topic.to_owned(), since: now, receipt: Arc::downgrade(receipt) };
        self.parcels().push(parcel);
    }

    /// What is wrong, in words; forgets what was answered.
    pub(super) fn problem(&self, now: Instant) -> Option<String> {
        let mut parcels = self.parcels();
        parcels.retain(Parcel::is_under_way);
        let Parcel { topic, since, .. } = parcels.first()?;
        let waited = now.duration_since(*since);
        (waited >= PATIENCE)
            .then(|| format!("{topic} has not acknowledged a record for {} s", waited.as_secs()))
    }

    fn parcels(&self) -> std::sync::MutexGuard<'_, Vec<Parcel>> {
        // A panicking holder leaves a list that is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parcel {
    fn is_under_way(&self) -> bool {
        let receipt = self.receipt.upgrade();
        receipt.is_some_and(|receipt| receipt.delivery() == Delivery::UnderWay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_that_waits_is_not_hidden_by_later_ones() {
        let (overdue, begun) = (Overdue::default(), Instant::now());
        let hand_over = |topic, at| {
            let receipt = Receipt::new(1, 0, Arc::default());
            overdue.watch(topic, &receipt, at);
            receipt
        };
        let stuck = hand_over("events", begun);
        let (later, late) = (begun + Duration::from_secs(9), begun + Duration::from_secs(12));
        let other = hand_over("letters", later);
        other.acknowledge();
        assert_eq!(overdue.problem(later), None);
        let problem = overdue.problem(late).unwrap();
        assert_eq!(problem, "events has not acknowledged a record for 12 s");
        let waits = hand_over("letters", late);
        stuck.acknowledge();
        assert_eq!(overdue.problem(late), None);
        // Sent again it has another receipt.
        waits.fail();
        assert_eq!(overdue.problem(late + PATIENCE), None);
        assert!(overdue.parcels().is_empty());
    }
}
