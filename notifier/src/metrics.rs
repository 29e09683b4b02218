//! Every metric of the notifier; each has the label `sink`.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::record::Skip;

/// Handles of one lane.
pub struct LaneMetrics {
    sink: String,
    /// `notifier_told_total`: events that the sink took, or refused for good.
    pub told: Counter,
    /// `notifier_duplicates_total`: copies of events seen before, not told.
    pub duplicates: Counter,
    /// `notifier_retries_total`: attempts after which the sink was found down.
    pub retries: Counter,
    /// `notifier_sink_up`: 1 when the last attempt worked, else 0.
    pub up: Gauge,
    /// `notifier_chunk_records`: events told at once.
    pub chunk: Histogram,
}

impl LaneMetrics {
    /// The handles for this sink.
    pub fn new(sink: &str) -> Self {
        let sink = sink.to_owned();
        let up = gauge!("notifier_sink_up", "sink" => sink.clone());
        up.set(1.0);
        Self {
            told: counter!("notifier_told_total", "sink" => sink.clone()),
            duplicates: counter!("notifier_duplicates_total", "sink" => sink.clone()),
            retries: counter!("notifier_retries_total", "sink" => sink.clone()),
            up,
            chunk: histogram!("notifier_chunk_records", "sink" => sink.clone()),
            sink,
        }
    }

    /// `notifier_skipped_total{reason}`: records that are no event of ours.
    pub fn skipped(&self, why: Skip) {
        let sink = self.sink.clone();
        counter!("notifier_skipped_total", "sink" => sink, "reason" => why.as_str()).increment(1);
    }
}

/// `notifier_refused_total`: events that a webhook refused for good.
pub fn refused(sink: &str) -> Counter {
    counter!("notifier_refused_total", "sink" => sink.to_owned())
}
