//! Where the log of each partition ends, out of librdkafka's statistics: asked of Kafka it
//! would be a question for each partition, and a stalled broker would keep the poll loop.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

/// How often librdkafka tells, in milliseconds.
pub(super) const STATISTICS_INTERVAL_MS: &str = "5000";

/// The ends of the partitions, as they were fetched last.
#[derive(Default)]
pub(super) struct Ends(Mutex<BTreeMap<(String, i32), i64>>);

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
    /// Negative while nothing was fetched.
    hi_offset: i64,
}

impl Ends {
    /// Takes note of what librdkafka tells.
    pub(super) fn hear(&self, statistics: &[u8]) {
        let Ok(Statistics { topics }) = serde_json::from_slice(statistics) else { return };
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (topic, Topic { partitions }) in topics {
            for known in partitions.into_values().filter(|known| known.hi_offset >= 0) {
                ends.insert((topic.clone(), known.partition), known.hi_offset);
            }
        }
    }

    /// Records from an offset to the end; nothing while that is not known.
    pub(super) fn lag(&self, topic: &str, partition: i32, offset: i64) -> Option<i64> {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(&(topic.to_owned(), partition)).map(|end| (end - offset).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_each_partition_is_heard() {
        let ends = Ends::default();
        ends.hear(
            br#"{"name":"x","topics":{"orders":{"topic":"orders","partitions":{
            "0":{"partition":0,"hi_offset":9,"consumer_lag":-1},
            "1":{"partition":1,"hi_offset":-1001},
            "-1":{"partition":-1,"hi_offset":-1001}}}}}"#,
        );
        let lags =
            [(0, 2), (0, 12), (1, 0)].map(|(partition, at)| ends.lag("orders", partition, at));
        assert_eq!(lags, [Some(7), Some(0), None]);
        ends.hear(b"?");
    }
}
