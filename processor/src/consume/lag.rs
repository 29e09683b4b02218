//! How far each partition is behind the end of its log, out of librdkafka's statistics:
//! asked of Kafka it would be a question for each partition, and a stalled broker would
//! keep the poll loop.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How often librdkafka tells, in milliseconds.
pub(super) const STATISTICS_INTERVAL_MS: &str = "5000";

/// What is read of the statistics.
#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    topics: BTreeMap<String, Topic>,
}

#[derive(Deserialize)]
struct Topic {
    #[serde(default)]
    partitions: BTreeMap<String, Partition>,
}

#[derive(Deserialize)]
struct Partition {
    partition: i32,
    /// Records from the offset that Kafka was told to the end; -1 when there is none.
    consumer_lag: i64,
}

/// Shows the lag of each partition; 0 of one that this process does not own.
pub(super) fn show(statistics: &[u8]) {
    for (topic, partition, lag) in lags(statistics) {
        crate::metrics::show_lag(&topic, partition, lag);
    }
}

fn lags(statistics: &[u8]) -> Vec<(String, i32, i64)> {
    let Ok(Statistics { topics }) = serde_json::from_slice(statistics) else { return Vec::new() };
    let of_topic = |(topic, Topic { partitions }): (String, Topic)| {
        // -1 stands for what is not assigned to any partition.
        let known = partitions.into_values().filter(|known| known.partition >= 0);
        known.map(move |known| (topic.clone(), known.partition, known.consumer_lag.max(0)))
    };
    topics.into_iter().flat_map(of_topic).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_of_each_partition_is_read() {
        let statistics = br#"{"name":"x","topics":{"orders":{"topic":"orders","partitions":{
            "0":{"partition":0,"hi_offset":9,"consumer_lag":7},
            "1":{"partition":1,"consumer_lag":-1},
            "-1":{"partition":-1,"consumer_lag":-1}}}}}"#;
        let orders = |partition, lag| ("orders".to_owned(), partition, lag);
        assert_eq!(lags(statistics), [orders(0, 7), orders(1, 0)]);
        assert!(lags(b"{}").is_empty() && lags(b"?").is_empty());
    }
}
