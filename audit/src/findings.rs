//! What was found: a count an invariant, and the first few places.

use crate::invariants::{COUNT, Invariant};
use crate::place::Place;

/// So many places of one invariant are kept; the rest are counted.
pub const SAMPLES_MAX: usize = 10;

/// One place where an invariant is false.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// The order, event, SKU or metric.
    pub id: String,
    /// The record, where there is one.
    pub place: Option<Place>,
    /// What is the case, and what should be.
    pub detail: String,
}

/// Counts and samples of all invariants.
#[derive(Debug)]
pub struct Findings {
    counts: [u64; COUNT],
    samples: Vec<Vec<Sample>>,
}

impl Default for Findings {
    fn default() -> Self {
        Self { counts: [0; COUNT], samples: vec![Vec::new(); COUNT] }
    }
}

impl Findings {
    /// Counts a finding; its sample is made only when it is kept.
    pub fn add(&mut self, invariant: Invariant, sample: impl FnOnce() -> Sample) {
        self.counts[invariant as usize] += 1;
        let samples = &mut self.samples[invariant as usize];
        if samples.len() < SAMPLES_MAX {
            samples.push(sample());
        }
    }

    /// How often the invariant is false.
    pub fn count(&self, invariant: Invariant) -> u64 {
        self.counts[invariant as usize]
    }

    /// The first places.
    pub fn samples(&self, invariant: Invariant) -> &[Sample] {
        &self.samples[invariant as usize]
    }

    /// All findings of all invariants.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_places_are_kept_and_all_are_counted() {
        let mut findings = Findings::default();
        for n in 0..25 {
            findings.add(Invariant::StockMissing, || Sample {
                id: n.to_string(),
                place: None,
                detail: String::new(),
            });
        }
        assert_eq!(findings.count(Invariant::StockMissing), 25);
        assert_eq!(findings.total(), 25);
        let kept: Vec<_> =
            findings.samples(Invariant::StockMissing).iter().map(|s| s.id.as_str()).collect();
        assert_eq!(kept, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        assert!(findings.samples(Invariant::StockUnexpected).is_empty());
    }
}
