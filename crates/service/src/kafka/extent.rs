//! Where a partition begins and ends.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;

const PAUSE: Duration = Duration::from_millis(100);

/// The first offset of a partition and its end. Asks again for `patience`: a topic that
/// was just made, and a broker that was just started, have partitions without a leader
/// for a moment, and the client gives such an answer back as it is. Blocks.
///
/// # Errors
/// What the last answer was when `patience` was over.
pub fn extent<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    patience: Duration,
) -> KafkaResult<(i64, i64)> {
    let deadline = Instant::now() + patience;
    loop {
        match consumer.fetch_watermarks(topic, partition, patience) {
            Err(_not_yet) if Instant::now() < deadline => sleep(PAUSE),
            answer => return answer,
        }
    }
}
