//! Which partition fills now. librdkafka sends one request for each partition, so
//! orders that come within one linger cost a request each when their keys scatter
//! them. The ids that the gateway mints (those of orders without `Idempotency-Key`)
//! it mints for one partition during one linger, and for another during the next. A
//! key still decides its partition, so a wrong guess does no harm.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use contract::OrderId;
use murmur2::{KAFKA_SEED, murmur2};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// With more, finding an id would cost more than a request of its own.
const PARTITIONS_MAX: u32 = 64;

/// What is known of the topic, and how long a partition fills.
#[derive(Debug)]
pub(super) struct Filling {
    /// Nought while it is not known.
    partitions: AtomicU32,
    window_ms: u64,
    /// Gateways that share a topic fill different partitions, mostly.
    seed: u64,
}

impl Filling {
    /// A partition fills as long as a batch is gathered.
    pub(super) fn new(linger: Duration) -> Self {
        let window_ms = u64::try_from(linger.as_millis()).unwrap_or(0);
        Self { partitions: AtomicU32::new(0), window_ms, seed: u64::from(fastrand::u32(..)) }
    }

    /// The broker has told how many partitions there are.
    pub(super) fn set_partitions(&self, count: usize) {
        self.partitions.store(u32::try_from(count).unwrap_or(0), Ordering::Relaxed);
    }

    /// An id like this one, UUIDv7, whose record goes where records go at its time.
    pub(super) fn steer(&self, id: OrderId) -> OrderId {
        let count = self.partitions.load(Ordering::Relaxed);
        if !(2..=PARTITIONS_MAX).contains(&count) || self.window_ms == 0 {
            return id;
        }
        // The first 48 bits of a UUIDv7 are its time in milliseconds.
        let window = (id.0.as_u64_pair().0 >> 16) / self.window_ms;
        // Drawn, not in turn: a client that orders every 20 ms must not meet the same
        // partition of four each time.
        let wanted = fastrand::Rng::with_seed(self.seed.wrapping_add(window)).u32(..count);
        near(id.0, |key| partition(key, count) == wanted).unwrap_or(id)
    }
}

/// The first id that pleases, of those that differ from this one in their last, random
/// byte only.
fn near(id: Uuid, pleases: impl Fn(&[u8]) -> bool) -> Option<OrderId> {
    let mut bytes = *id.as_bytes();
    let last = bytes[15];
    (0..=u8::MAX).find_map(|step| {
        bytes[15] = last.wrapping_add(step);
        let id = Uuid::from_bytes(bytes);
        let mut text = [0; Hyphenated::LENGTH];
        pleases(id.hyphenated().encode_lower(&mut text).as_bytes()).then_some(OrderId(id))
    })
}

/// Where Kafka's Java client and librdkafka's `murmur2_random` put a key.
fn partition(key: &[u8], count: u32) -> u32 {
    (murmur2(key, KAFKA_SEED) & 0x7fff_ffff) % count
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Kafka's own test vectors (`UtilsTest.testMurmur2`).
    #[test]
    fn keys_are_hashed_as_kafka_does() {
        let vectors: [(&str, i32); 4] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key.as_bytes(), KAFKA_SEED).cast_signed(), hash, "{key}");
        }
    }

    fn at(ms: u64) -> OrderId {
        let time =
            uuid::Timestamp::from_unix(uuid::NoContext, ms / 1000, (ms % 1000) as u32 * 1_000_000);
        OrderId(Uuid::new_v7(time))
    }

    fn filling(partitions: usize) -> Filling {
        // Drawn anew, one run in some thousand would find a partition drawn too seldom.
        let filling = Filling { seed: 7, ..Filling::new(Duration::from_millis(5)) };
        filling.set_partitions(partitions);
        filling
    }

    #[test]
    fn ids_of_one_window_share_a_partition_and_windows_are_spread() {
        let filling = filling(4);
        let of_window = |window: u64| {
            let ids = (0..50).map(|n| filling.steer(at(1_700_000_000_000 + window * 5 + n % 5)));
            ids.map(|id| partition(id.to_string().as_bytes(), 4)).collect::<HashSet<_>>()
        };
        let mut windows_of = [0; 4];
        // Every fourth window, as a client sees it that orders every 20 ms.
        for window in (0..400).step_by(4) {
            let partitions = of_window(window);
            assert_eq!(partitions.len(), 1);
            partitions.into_iter().for_each(|partition| windows_of[partition as usize] += 1);
        }
        assert!(windows_of.iter().all(|windows| (10..=45).contains(windows)), "{windows_of:?}");
    }

    #[test]
    fn a_steered_id_is_a_uuid_of_the_same_time_and_no_other_has_it() {
        let filling = filling(4);
        let ids: Vec<_> = (0..10_000).map(|_| filling.steer(at(1_700_000_000_000))).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        for id in ids {
            assert_eq!(id.0.get_version_num(), 7);
            assert_eq!(id.0.get_timestamp().unwrap().to_unix().0, 1_700_000_000);
        }
    }

    #[test]
    fn without_knowledge_of_the_topic_an_id_stays_as_it_is() {
        let id = OrderId::mint();
        assert_eq!(filling(0).steer(id), id);
        assert_eq!(filling(1).steer(id), id);
        assert_eq!(filling(65).steer(id), id);
    }
}
