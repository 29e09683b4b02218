//! Latencies of which some never ended: a request without an answer is slower
//! than every answered one, so it stands at infinity instead of being left out.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Anything longer than an hour counts as an hour.
const LONGEST_US: u64 = 3_600_000_000;

/// A distribution of latencies in microseconds, three digits exact.
#[derive(Clone, Debug)]
pub struct Latency {
    micros: Histogram<u64>,
    never: u64,
}

/// A distribution in milliseconds. A quantile is null in JSON when there is no
/// sample, or when it falls on samples that never ended (see `never`).
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Samples, those without end included.
    pub count: u64,
    /// Samples without end.
    pub never: u64,
    /// Mean of those that ended.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90 of 100 are not slower.
    pub p90: Option<f64>,
    /// 95 of 100 are not slower.
    pub p95: Option<f64>,
    /// 99 of 100 are not slower.
    pub p99: Option<f64>,
    /// 999 of 1000 are not slower.
    #[serde(rename = "p99.9")]
    pub p99_9: Option<f64>,
    /// The slowest.
    pub max: Option<f64>,
}

impl Latency {
    /// No samples.
    #[expect(clippy::missing_panics_doc, reason = "the bounds are constants that are valid")]
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that are valid")]
        let micros = Histogram::new_with_bounds(1, LONGEST_US, 3).expect("valid bounds");
        Self { micros, never: 0 }
    }

    /// Adds one sample.
    pub fn record_ns(&mut self, nanos: u64) {
        self.micros.saturating_record((nanos / 1000).max(1));
    }

    /// Adds samples that never ended.
    pub fn record_never(&mut self, count: u64) {
        self.never += count;
    }

    /// Adds the samples of `other`.
    pub fn absorb(&mut self, other: &Self) {
        // Both have the same bounds, so every sample fits.
        let _same_bounds = self.micros.add(&other.micros);
        self.never += other.never;
    }

    /// Forgets all samples, keeps the memory.
    pub fn clear(&mut self) {
        self.micros.reset();
        self.never = 0;
    }

    /// Samples, those without end included.
    pub fn count(&self) -> u64 {
        self.micros.len() + self.never
    }

    /// The latency in milliseconds that a share `quantile` of the samples does
    /// not exceed; infinite when it falls on one that never ended.
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let rank = ((quantile * self.count() as f64).ceil() as u64).clamp(1, self.count().max(1));
        match self.micros.len() {
            _ if self.count() == 0 => None,
            ended if rank > ended => Some(f64::INFINITY),
            ended => Some(self.micros.value_at_quantile(rank as f64 / ended as f64) as f64 / 1e3),
        }
    }

    /// The whole distribution in a few numbers.
    pub fn summary(&self) -> Summary {
        let at = |quantile| self.quantile_ms(quantile).filter(|ms| ms.is_finite());
        let mean = (!self.micros.is_empty()).then(|| (self.micros.mean() / 10.0).round() / 100.0);
        Summary {
            count: self.count(),
            never: self.never,
            mean,
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p99_9: at(0.999),
            max: at(1.0),
        }
    }

    /// The histogram of those that ended, in microseconds.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.micros
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ended_is_slower_than_everything_else() {
        let mut latency = Latency::new();
        assert_eq!(latency.quantile_ms(0.5), None);
        (1..=98).for_each(|ms| latency.record_ns(ms * 1_000_000));
        latency.record_never(2);
        assert_eq!(latency.count(), 100);
        assert_eq!(latency.quantile_ms(0.5).map(f64::round), Some(50.0));
        assert_eq!(latency.quantile_ms(0.98).map(f64::round), Some(98.0));
        assert_eq!(latency.quantile_ms(0.99), Some(f64::INFINITY));
        let summary = latency.summary();
        assert_eq!((summary.p99, summary.max, summary.never), (None, None, 2));
    }

    #[test]
    fn distributions_add_up() {
        let (mut left, mut right) = (Latency::new(), Latency::new());
        left.record_ns(1_000_000);
        right.record_ns(3_000_000);
        right.record_never(1);
        left.absorb(&right);
        assert_eq!((left.count(), left.summary().mean), (3, Some(2.0)));
        left.clear();
        assert_eq!(left.count(), 0);
    }
}
