//! What was found: a count an invariant, and the first few places.

use std::collections::HashSet;

use crate::invariants::{COUNT, Invariant};
use crate::place::{Fingerprint, Place};

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

/// So many places are remembered in order to count each once.
const SEEN_MAX: usize = 100_000;

/// Counts and samples of all invariants.
#[derive(Debug)]
pub struct Findings {
    counts: [u64; COUNT],
    samples: Vec<Vec<Sample>>,
    seen: Option<HashSet<u64>>,
}

impl Default for Findings {
    fn default() -> Self {
        Self { counts: [0; COUNT], samples: vec![Vec::new(); COUNT], seen: None }
    }
}

impl Findings {
    /// For who looks again and again: one invariant counts once an id and place.
    pub fn once() -> Self {
        Self { seen: Some(HashSet::new()), ..Self::default() }
    }

    /// Counts a finding; its sample is made only when it is needed.
    pub fn add(&mut self, invariant: Invariant, sample: impl FnOnce() -> Sample) {
        let Some(seen) = &mut self.seen else { return self.count_one(invariant, sample) };
        let sample = sample();
        let print = print(invariant, &sample);
        let known = seen.contains(&print);
        if !known && seen.len() < SEEN_MAX {
            seen.insert(print);
        }
        if !known {
            self.count_one(invariant, || sample);
        }
    }

    fn count_one(&mut self, invariant: Invariant, sample: impl FnOnce() -> Sample) {
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

/// Of an epoch or a record without a key the id alone says too little.
fn print(invariant: Invariant, sample: &Sample) -> u64 {
    let print = Fingerprint::new().number(invariant as i64).bytes(sample.id.as_bytes());
    let Some(Place { topic, partition, offset }) = sample.place else { return print.finish() };
    print.number(topic as i64).number(i64::from(partition)).number(offset).finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Topic;

    #[test]
    fn who_looks_again_counts_a_place_once() {
        let mut findings = Findings::once();
        let sample = |id: &str| Sample { id: id.to_owned(), place: None, detail: String::new() };
        for id in ["a", "b", "a"] {
            findings.add(Invariant::StockConservation, || sample(id));
        }
        findings.add(Invariant::StockMissing, || sample("a"));
        assert_eq!(findings.count(Invariant::StockConservation), 2);
        assert_eq!(findings.total(), 3);
    }

    #[test]
    fn one_id_in_two_partitions_is_two_places() {
        let mut findings = Findings::once();
        for partition in [0, 1, 0] {
            let place = Some(Place { topic: Topic::Orders, partition, offset: 5 });
            let sample = || Sample { id: "epoch 2".to_owned(), place, detail: String::new() };
            findings.add(Invariant::EpochOrder, sample);
        }
        assert_eq!(findings.count(Invariant::EpochOrder), 2);
    }

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
