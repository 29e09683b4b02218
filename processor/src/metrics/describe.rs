//! What each metric says, for the metrics page.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

const COUNTERS: [(&str, &str); 13] = [
    ("orders_committed_total", "Orders taken into the tables"),
    ("settlements_committed_total", "Payments settled"),
    ("duplicates_total", "Records passed over because their event is known"),
    ("refused_events_total", "Readable events that change nothing"),
    ("dead_letters_total", "Records that nobody can read, or PostgreSQL refuses"),
    ("fenced_total", "How often a lane was found to have another owner"),
    ("batch_retries_total", "Transactions run again"),
    ("payment_unanswered_total", "Questions to the payment provider without an answer"),
    ("records_polled_total", "Records read from Kafka"),
    ("rebalances_total", "How often partitions were given or taken"),
    ("kafka_errors_total", "Errors of the Kafka consumer"),
    ("producer_restarts_total", "Producers that died and were replaced"),
    ("retention_deleted_rows_total", "Old rows deleted"),
];

const GAUGES: [(&str, &str); 5] = [
    ("partition_lag_records", "Records from the last commit to the end that was fetched last"),
    ("unsettled_orders", "Orders waiting for their payment"),
    ("payment_circuit_state", "0 closed, 1 half open, 2 open"),
    ("partitions_assigned", "Partitions that this process owns"),
    ("partitions_paused", "Partitions whose records wait for room"),
];

/// Describes every metric; once, after the recorder is installed.
pub fn describe() {
    for (name, words) in COUNTERS {
        describe_counter!(name, words);
    }
    for (name, words) in GAUGES {
        describe_gauge!(name, words);
    }
    describe_histogram!("batch_records", "Records and answers of one commit");
    describe_histogram!("commit_duration_seconds", Unit::Seconds, "From begin to commit");
    describe_histogram!("payment_duration_seconds", Unit::Seconds, "From question to answer");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use metrics_exporter_prometheus::PrometheusBuilder;

    use crate::metrics::{PaymentMetrics, PollMetrics, WorkerMetrics};

    #[test]
    fn every_metric_is_described() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            super::describe();
            let worker = WorkerMetrics::new(0);
            worker.batch.record(1);
            worker.commit.record(1);
            PaymentMetrics::new().answered(std::time::Duration::ZERO);
            PollMetrics::new();
        });
        let page = recorder.handle().render();
        let named = |mark: &str| -> BTreeSet<&str> {
            let marked = page.lines().filter_map(|line| line.strip_prefix(mark));
            marked.filter_map(|line| line.split(' ').next()).collect()
        };
        let shown = named("# TYPE ");
        assert!(shown.len() > 15, "{shown:?}");
        assert_eq!(shown.difference(&named("# HELP ")).count(), 0, "{page}");
    }
}
