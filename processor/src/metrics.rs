//! Every metric of the processor, with handles made once: a macro look-up per
//! record would cost more than the record.

mod describe;

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

pub use describe::describe;

use crate::payment::BreakerState;

/// `partition_lag_records`: from what is committed to the end of the log, as it was fetched
/// last.
pub fn show_lag(topic: &str, partition: i32, records: i64) {
    let labels = [("topic", topic.to_owned()), ("partition", partition.to_string())];
    gauge!("partition_lag_records", &labels).set(records as f64);
}

/// Metrics of one worker.
pub struct WorkerMetrics {
    /// `orders_committed_total`: orders taken into the tables.
    pub orders: Counter,
    /// `settlements_committed_total`: payments settled.
    pub settlements: Counter,
    /// `duplicates_total`: records passed over because their event is known.
    pub duplicates: Counter,
    /// `refused_events_total`: readable events that change nothing.
    pub refused: Counter,
    /// `dead_letters_total`: unreadable records.
    pub dead_letters: Counter,
    /// `fenced_total`: how often a lane was found to have another owner, by a batch
    /// that was refused or by the look every second.
    pub fenced: Counter,
    /// `batch_retries_total`: transactions run again.
    pub retries: Counter,
    /// `batch_records`: records and outcomes of a commit.
    pub batch: Histogram,
    /// `commit_duration_seconds`: begin to commit.
    pub commit: Histogram,
    /// `unsettled_orders`: orders waiting for their payment.
    pub unsettled: Gauge,
}

impl WorkerMetrics {
    /// Handles labelled with the worker's number.
    pub fn new(worker: usize) -> Self {
        let worker = worker.to_string();
        Self {
            orders: counter!("orders_committed_total", "worker" => worker.clone()),
            settlements: counter!("settlements_committed_total", "worker" => worker.clone()),
            duplicates: counter!("duplicates_total", "worker" => worker.clone()),
            refused: counter!("refused_events_total", "worker" => worker.clone()),
            dead_letters: counter!("dead_letters_total", "worker" => worker.clone()),
            fenced: counter!("fenced_total", "worker" => worker.clone()),
            retries: counter!("batch_retries_total", "worker" => worker.clone()),
            batch: histogram!("batch_records", "worker" => worker.clone()),
            commit: histogram!("commit_duration_seconds", "worker" => worker.clone()),
            unsettled: gauge!("unsettled_orders", "worker" => worker),
        }
    }
}

/// Metrics of the payment port.
pub struct PaymentMetrics {
    /// `payment_duration_seconds`: question to answer.
    duration: Histogram,
    /// `payment_unanswered_total`: questions without an answer.
    unanswered: Counter,
    /// `payment_circuit_state`: 0 closed, 1 half open, 2 open.
    breaker: Gauge,
}

impl PaymentMetrics {
    /// Handles.
    pub fn new() -> Self {
        Self {
            duration: histogram!("payment_duration_seconds"),
            unanswered: counter!("payment_unanswered_total"),
            breaker: gauge!("payment_circuit_state"),
        }
    }

    pub(crate) fn answered(&self, after: Duration) {
        self.duration.record(after);
    }

    pub(crate) fn unanswered(&self) {
        self.unanswered.increment(1);
    }

    pub(crate) fn breaker(&self, state: BreakerState) {
        self.breaker.set(crate::payment::breaker_gauge(state));
    }
}

impl Default for PaymentMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Metrics of the poll loop.
pub struct PollMetrics {
    /// `records_polled_total`
    pub polled: Counter,
    /// `partitions_assigned`
    pub assigned: Gauge,
    /// `partitions_paused`
    pub paused: Gauge,
    /// `rebalances_total`
    pub rebalances: Counter,
    /// `kafka_errors_total`
    pub errors: Counter,
}

impl PollMetrics {
    /// Handles.
    pub fn new() -> Self {
        Self {
            polled: counter!("records_polled_total"),
            assigned: gauge!("partitions_assigned"),
            paused: gauge!("partitions_paused"),
            rebalances: counter!("rebalances_total"),
            errors: counter!("kafka_errors_total"),
        }
    }
}

impl Default for PollMetrics {
    fn default() -> Self {
        Self::new()
    }
}
