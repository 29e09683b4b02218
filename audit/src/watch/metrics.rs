//! Every metric of the watch.

use metrics::{counter, gauge, histogram};

use super::standing::Standing;
use crate::findings::Findings;
use crate::invariants::Invariant;

/// Shows a standing and what was found:
/// - `audit_watermark_offset{topic,partition}`: everything below is proved;
/// - `audit_lag_seconds`: how far behind the head that is, at most;
/// - `audit_proved_records_total`, `audit_proved_orders_total`;
/// - `audit_late`: what waits for something longer than a step;
/// - `audit_findings_total{invariant}`: places where an invariant is false.
pub fn show(standing: &Standing, lag_seconds: f64, findings: &Findings) {
    for watermark in &standing.watermarks {
        let (topic, partition) = (watermark.topic.clone(), watermark.partition.to_string());
        gauge!("audit_watermark_offset", "topic" => topic, "partition" => partition)
            .set(watermark.offset as f64);
    }
    gauge!("audit_lag_seconds").set(lag_seconds);
    gauge!("audit_late").set(standing.late as f64);
    counter!("audit_proved_records_total").absolute(standing.proved_records);
    counter!("audit_proved_orders_total").absolute(standing.proved_orders);
    for invariant in Invariant::all() {
        counter!("audit_findings_total", "invariant" => invariant.name())
            .absolute(findings.count(invariant));
    }
}

/// `audit_step_duration_seconds`: one step, from asking where the log ends to
/// the new watermark. `audit_retained`: orders and requests that are kept.
pub fn step(seconds: f64, retained: usize) {
    histogram!("audit_step_duration_seconds").record(seconds);
    gauge!("audit_retained").set(retained as f64);
}

/// `audit_retries_total`: steps that a server did not let happen.
pub fn retry() {
    counter!("audit_retries_total").increment(1);
}
