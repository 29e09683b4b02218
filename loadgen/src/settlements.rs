//! Matches acknowledged orders with the events that settle them; pure.
//!
//! An event may overtake the acknowledgement of its order, so settlements of
//! orders not known yet are kept for a while. Both sides are bounded.

use std::collections::{HashMap, VecDeque};

use contract::event::EventType;
use foldhash::fast::RandomState;
use serde::Serialize;
use uuid::Uuid;

use crate::latency::Latency;

/// Orders waiting for their settlement: 24 bytes each, 4 minutes at 16k/s. More
/// are counted as unresolved at once.
const PENDING_MAX: usize = 4_000_000;
/// Settlements waiting for their acknowledgement: seconds at the highest rate.
const EARLY_MAX: usize = 65_536;

/// How an order was settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// The money is there.
    Paid,
    /// The payment was declined.
    PaymentFailed,
    /// There was no stock.
    Rejected,
    /// Cancelled before anything else.
    Cancelled,
}

impl Settled {
    /// What an event says, when it settles an order.
    pub fn by(kind: EventType) -> Option<Self> {
        match kind {
            EventType::PaymentCompleted => Some(Self::Paid),
            EventType::PaymentFailed => Some(Self::PaymentFailed),
            EventType::InventoryFailed => Some(Self::Rejected),
            EventType::OrderCancelled => Some(Self::Cancelled),
            EventType::OrderCreated
            | EventType::OrderCancelRequested
            | EventType::OrderShipped
            | EventType::StockAdjusted
            | EventType::InventoryReserved
            | EventType::StockLow => None,
        }
    }
}

/// How many orders were settled in which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct SettledCounts {
    /// Money captured.
    pub paid: u64,
    /// Payment declined.
    pub payment_failed: u64,
    /// No stock.
    pub rejected: u64,
    /// Cancelled first.
    pub cancelled: u64,
    /// Acknowledged, and no event seen for it.
    pub unresolved: u64,
}

/// Orders between acknowledgement and settlement.
#[derive(Debug, Default)]
pub struct Settlements {
    pending: HashMap<Uuid, u64, RandomState>,
    early: HashMap<Uuid, (u64, Settled), RandomState>,
    early_order: VecDeque<Uuid>,
    window: Latency,
    counts: SettledCounts,
}

impl Settlements {
    /// An order was acknowledged.
    pub fn acknowledged(&mut self, order_id: Uuid, intended_ns: u64) {
        if let Some((seen_ns, how)) = self.early.remove(&order_id) {
            return self.count(how, intended_ns, seen_ns);
        }
        if self.pending.len() < PENDING_MAX {
            self.pending.insert(order_id, intended_ns);
        } else {
            self.counts.unresolved += 1;
            self.window.record_never(1);
        }
    }

    /// An event that settles an order was seen.
    pub fn settled(&mut self, order_id: Uuid, how: Settled, seen_ns: u64) {
        match self.pending.remove(&order_id) {
            Some(intended_ns) => self.count(how, intended_ns, seen_ns),
            None => self.keep_early(order_id, how, seen_ns),
        }
    }

    /// Acknowledged orders without a settlement yet.
    pub fn pending(&self) -> u64 {
        self.pending.len() as u64
    }

    /// Moves latencies seen since the last call into `into`.
    pub fn take_window(&mut self, into: &mut Latency) {
        into.absorb(&self.window);
        self.window.clear();
    }

    /// Ends the wait: what is pending never settled.
    pub fn give_up(&mut self) -> SettledCounts {
        self.counts.unresolved += self.pending();
        self.window.record_never(self.pending());
        self.pending.clear();
        self.counts
    }

    fn count(&mut self, how: Settled, intended_ns: u64, seen_ns: u64) {
        self.window.record_ns(seen_ns.saturating_sub(intended_ns));
        match how {
            Settled::Paid => self.counts.paid += 1,
            Settled::PaymentFailed => self.counts.payment_failed += 1,
            Settled::Rejected => self.counts.rejected += 1,
            Settled::Cancelled => self.counts.cancelled += 1,
        }
    }

    fn keep_early(&mut self, order_id: Uuid, how: Settled, seen_ns: u64) {
        if self.early_order.len() >= EARLY_MAX
            && let Some(oldest) = self.early_order.pop_front()
        {
            self.early.remove(&oldest);
        }
        self.early_order.push_back(order_id);
        // The first event settles; a later one of the same order changes nothing.
        self.early.entry(order_id).or_insert((seen_ns, how));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> Uuid {
        Uuid::from_u64_pair(1, n)
    }

    #[test]
    fn the_first_settlement_counts_from_the_intended_instant() {
        let mut settlements = Settlements::default();
        settlements.acknowledged(id(1), 1_000_000);
        settlements.settled(id(1), Settled::Paid, 5_000_000);
        settlements.settled(id(1), Settled::Cancelled, 9_000_000);
        let mut latency = Latency::new();
        settlements.take_window(&mut latency);
        assert_eq!((latency.count(), latency.summary().mean), (1, Some(4.0)));
        let counts = settlements.give_up();
        assert_eq!(counts, SettledCounts { paid: 1, ..SettledCounts::default() });
    }

    #[test]
    fn an_event_may_come_before_the_acknowledgement() {
        let mut settlements = Settlements::default();
        settlements.settled(id(1), Settled::Rejected, 5_000_000);
        settlements.acknowledged(id(1), 1_000_000);
        assert_eq!(settlements.pending(), 0);
        assert_eq!(settlements.give_up().rejected, 1);
    }

    #[test]
    fn an_order_without_settlement_is_infinitely_slow() {
        let mut settlements = Settlements::default();
        settlements.acknowledged(id(1), 0);
        assert_eq!(settlements.give_up().unresolved, 1);
        let mut latency = Latency::new();
        settlements.take_window(&mut latency);
        assert_eq!(latency.quantile_ms(0.5), Some(f64::INFINITY));
    }

    #[test]
    fn events_of_other_senders_do_not_pile_up() {
        let mut settlements = Settlements::default();
        for n in 0..(EARLY_MAX as u64 + 10) {
            settlements.settled(id(n), Settled::Paid, n);
        }
        assert_eq!(
            (settlements.early.len(), settlements.early_order.len()),
            (EARLY_MAX, EARLY_MAX)
        );
        settlements.acknowledged(id(0), 0);
        settlements.acknowledged(id(EARLY_MAX as u64), 0);
        assert_eq!(settlements.pending(), 1);
    }
}
