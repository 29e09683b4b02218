//! The table `processed_events` against the log, and the epochs along each
//! partition.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::causes::Causes;
use super::ledger::Ledger;
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;
use crate::place::{BodyHash, Place, Topic};

/// A row.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Row {
    pub event_id: Uuid,
    pub place: Place,
    pub epoch: i64,
    pub body: BodyHash,
    pub processed_us: i64,
}

/// The offsets that each epoch of each partition processed: first and last.
#[derive(Default, Debug)]
pub struct Epochs {
    spans: BTreeMap<(Topic, i32, i64), (i64, i64)>,
}

/// Judges one row and notes it.
pub fn judge(ledger: &mut Ledger, causes: &mut Causes, row: &Row, findings: &mut Findings) {
    let sample = |detail: &'static str| {
        move || Sample {
            id: row.event_id.to_string(),
            place: Some(row.place),
            detail: detail.to_owned(),
        }
    };
    let known = if let Some(number) = ledger.orders.find(row.event_id) {
        let order = ledger.orders.get(number);
        if order.place() != row.place && order.status.is_none() {
            ledger.adopt_order(number, row.place);
        }
        causes.decided(number, row.processed_us);
        let order = ledger.orders.get_mut(number);
        let before = std::mem::replace(&mut order.processed, true);
        Some((order.place(), order.body, before))
    } else if let Some(number) = ledger.requests.find(row.event_id) {
        if ledger.requests.get(number).place != row.place {
            ledger.adopt_request(number, row.place);
        }
        let request = ledger.requests.get_mut(number);
        let before = request.processed_us.replace(row.processed_us).is_some();
        Some((request.place, request.body, before))
    } else {
        None
    };
    let detail = match known {
        None => "no record has this event id",
        Some((.., true)) => "a second row of this event",
        Some((place, ..)) if place != row.place => "the record of this event lies elsewhere",
        Some((_, body, _)) if body != row.body => "the record has another body",
        Some(_) => return,
    };
    findings.add(Invariant::ProcessedEventUnexpected, sample(detail));
}

/// After the last row: records without one.
pub fn judge_missing(ledger: &Ledger, findings: &mut Findings) {
    let orders = ledger.orders.items().iter().filter(|order| !order.processed);
    let orders = orders.map(|order| (order.id, order.place(), order.logged_s));
    let requests = ledger.requests.items().iter().filter(|r| r.processed_us.is_none());
    let requests = requests.map(|request| (request.id, request.place, request.logged_s));
    for (id, place, logged_s) in orders.chain(requests) {
        if !ledger.may_be_forgotten(logged_s) {
            add_missing(id, place, findings);
        }
    }
}

/// Notes that the event has no row.
pub fn add_missing(id: Uuid, place: Place, findings: &mut Findings) {
    findings.add(Invariant::ProcessedEventMissing, || Sample {
        id: id.to_string(),
        place: Some(place),
        detail: "the record left no trace in processed_events".to_owned(),
    });
}

impl Epochs {
    /// Notes under which epoch a record was processed.
    pub fn note(&mut self, place: Place, epoch: i64) {
        let key = (place.topic, place.partition, epoch);
        let span = self.spans.entry(key).or_insert((place.offset, place.offset));
        *span = (span.0.min(place.offset), span.1.max(place.offset));
    }

    /// An epoch may begin only behind the last offset of every lower one.
    /// Spans of one partition come in the order of their epochs.
    pub fn judge(&self, findings: &mut Findings) {
        let mut highest: Option<(Topic, i32, i64, i64)> = None;
        for ((topic, partition, epoch), (first, last)) in &self.spans {
            let before = highest.filter(|(t, p, ..)| (t, p) == (topic, partition));
            let behind = before.filter(|(.., offset)| first < offset);
            if let Some((_, _, lower, offset)) = behind {
                findings.add(Invariant::EpochOrder, || Sample {
                    id: format!("epoch {epoch}"),
                    place: Some(Place { topic: *topic, partition: *partition, offset: *first }),
                    detail: format!("processed before offset {offset}, which is of epoch {lower}"),
                });
            }
            highest = match before {
                Some(before) if before.3 > *last => Some(before),
                _ => Some((*topic, *partition, *epoch, *last)),
            };
        }
    }

    /// The newest epoch that processed anything of a partition.
    pub fn newest(&self, topic: Topic, partition: i32) -> Option<i64> {
        let mut spans =
            self.spans.range((topic, partition, i64::MIN)..=(topic, partition, i64::MAX));
        spans.next_back().map(|((.., epoch), _)| *epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(processed: &[(i32, i64, i64)]) -> Vec<(String, i64)> {
        let mut epochs = Epochs::default();
        for (partition, offset, epoch) in processed {
            let place = Place { topic: Topic::Orders, partition: *partition, offset: *offset };
            epochs.note(place, *epoch);
        }
        let mut findings = Findings::default();
        epochs.judge(&mut findings);
        let samples = findings.samples(Invariant::EpochOrder).iter();
        samples.map(|s| (s.id.clone(), s.place.map_or(-1, |p| p.offset))).collect()
    }

    #[test]
    fn epochs_rise_along_a_partition_and_each_partition_has_its_own() {
        assert_eq!(found(&[(0, 1, 1), (0, 5, 2), (0, 3, 1), (1, 0, 7), (1, 9, 9)]), []);
        assert_eq!(found(&[(0, 1, 1), (0, 5, 2), (0, 6, 1)]), [("epoch 2".to_owned(), 5)]);
        assert_eq!(found(&[(0, 8, 1), (0, 3, 2), (0, 5, 3)]).len(), 2);
    }

    #[test]
    fn the_newest_epoch_of_a_partition_is_known() {
        let mut epochs = Epochs::default();
        let place = |partition| Place { topic: Topic::Stock, partition, offset: 0 };
        epochs.note(place(0), 3);
        epochs.note(place(1), 9);
        assert_eq!(epochs.newest(Topic::Stock, 0), Some(3));
        assert_eq!(epochs.newest(Topic::Orders, 0), None);
    }
}
