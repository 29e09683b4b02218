//! Counts requests without touching memory that another thread writes.
//!
//! A histogram handle costs 70 ns alone and 300 ns when two threads meet in it.
//! Each worker therefore counts into a table of its own, with plain loads and
//! stores, and the reporter moves what is new into the recorder once a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use metrics::{Counter, Histogram};

use super::{ORDERS_ACCEPTED, REQUEST_SECONDS};
use crate::routes::Name;

/// Upper bounds, the same as the recorder's. A bucket is reported as its mean,
/// so its samples stay in it and sums stay exact.
const BOUNDS_MICROS: [u64; 17] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000,
    1_000_000, 2_500_000, 5_000_000, 7_500_000, 10_000_000,
];
const BUCKETS: usize = BOUNDS_MICROS.len() + 1;
const STATUSES: [u16; 11] = [200, 202, 400, 404, 405, 408, 411, 413, 415, 500, 503];
const SERIES: usize = Name::ALL.len() * STATUSES.len();

#[derive(Default)]
struct Bucket {
    count: AtomicU64,
    micros: AtomicU64,
}

/// The counts of one worker; only that worker's thread may record.
pub struct Meter {
    buckets: Vec<Bucket>,
}

impl Default for Meter {
    fn default() -> Self {
        Self { buckets: std::iter::repeat_with(Bucket::default).take(SERIES * BUCKETS).collect() }
    }
}

impl Meter {
    /// Counts one answer.
    pub fn record(&self, name: Name, status: StatusCode, elapsed: Duration) {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let series = name as usize * STATUSES.len() + status_index(status);
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(series * BUCKETS + bucket) {
            add(&bucket.micros, micros);
            add(&bucket.count, 1);
        }
    }
}

/// Not an atomic addition: there is one writer, and a locked instruction for
/// each request is what this table is there to avoid.
fn add(cell: &AtomicU64, amount: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

fn status_index(status: StatusCode) -> usize {
    let known = STATUSES.iter().position(|known| *known == status.as_u16());
    known.unwrap_or_else(|| status_index(StatusCode::INTERNAL_SERVER_ERROR))
}

/// A meter and what of it was reported.
struct Source {
    meter: Arc<Meter>,
    seen: Vec<Seen>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    count: u64,
    micros: u64,
}

/// Moves what the meters counted into the metrics recorder.
pub struct Reporter {
    sources: Vec<Source>,
    histograms: Vec<Option<Histogram>>,
    accepted: Counter,
}

impl Reporter {
    /// Reports these meters.
    pub fn new(meters: impl IntoIterator<Item = Arc<Meter>>) -> Self {
        let source = |meter| Source { meter, seen: vec![Seen::default(); SERIES * BUCKETS] };
        Self {
            sources: meters.into_iter().map(source).collect(),
            histograms: vec![None; SERIES],
            accepted: metrics::counter!(ORDERS_ACCEPTED),
        }
    }

    /// Reports what is new.
    pub fn report(&mut self) {
        let accepted =
            Name::PlaceOrder as usize * STATUSES.len() + status_index(StatusCode::ACCEPTED);
        for Source { meter, seen } in &mut self.sources {
            for (index, (bucket, seen)) in meter.buckets.iter().zip(seen).enumerate() {
                let count = bucket.count.load(Ordering::Relaxed);
                let new = count.wrapping_sub(seen.count);
                if new == 0 {
                    continue;
                }
                let micros = bucket.micros.load(Ordering::Relaxed);
                let mean = micros.wrapping_sub(seen.micros) as f64 / new as f64 / 1e6;
                *seen = Seen { count, micros };
                let series = index / BUCKETS;
                let histogram = self.histograms[series].get_or_insert_with(|| histogram(series));
                histogram.record_many(mean, usize::try_from(new).unwrap_or(usize::MAX));
                if series == accepted {
                    self.accepted.increment(new);
                }
            }
        }
    }
}

fn histogram(series: usize) -> Histogram {
    let route = Name::ALL[series / STATUSES.len()].as_str();
    let status = STATUSES[series % STATUSES.len()].to_string();
    metrics::histogram!(REQUEST_SECONDS, "route" => route, "status" => status)
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

    use super::*;

    #[test]
    fn what_workers_counted_is_what_prometheus_reads() {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &[0.0005, 0.001, 0.0025])
            .unwrap()
            .build_recorder();
        let meters = [Arc::new(Meter::default()), Arc::new(Meter::default())];
        metrics::with_local_recorder(&recorder, || {
            let mut reporter = Reporter::new(meters.iter().cloned());
            for micros in [400, 600, 800] {
                meters[0].record(
                    Name::PlaceOrder,
                    StatusCode::ACCEPTED,
                    Duration::from_micros(micros),
                );
            }
            reporter.report();
            meters[1].record(Name::PlaceOrder, StatusCode::ACCEPTED, Duration::from_micros(200));
            meters[1].record(Name::Other, StatusCode::IM_A_TEAPOT, Duration::from_micros(1));
            reporter.report();
            reporter.report();
        });
        let text = recorder.handle().render();
        let line =
            |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        let series = r#"{route="place_order",status="202""#;
        assert_eq!(line("orders_accepted_total"), "orders_accepted_total 4");
        assert!(line(&format!("{REQUEST_SECONDS}_bucket{series},le=\"0.0005\"")).ends_with(" 2"));
        assert!(line(&format!("{REQUEST_SECONDS}_bucket{series},le=\"0.001\"")).ends_with(" 4"));
        assert!(line(&format!("{REQUEST_SECONDS}_sum{series}")).ends_with(" 0.002"));
        assert!(text.contains(r#"route="other",status="500""#));
    }
}
