//! The table `dead_letters` and the dead letter topic against the unreadable
//! records of the log: each there once, bytes untouched.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contract::header;
use contract::topic::Topics;

use super::ledger::{Ledger, Unreadable, print_content};
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;
use crate::place::{Place, Topic, of_text};
use crate::rules::{Defect, Record};

/// The headers that a dead letter has on top of the record's own.
const ADDED: [&str; 5] = [
    header::DLQ_TOPIC,
    header::DLQ_PARTITION,
    header::DLQ_OFFSET,
    header::DLQ_CODE,
    header::DLQ_MESSAGE,
];

/// From this size on a dead letter may tell only of its reasons: with them the whole
/// would not fit into the 2 MiB of a record. The row has all of it.
const OMITTED_FROM: usize = 2_096_128 - 4_096;

/// A row.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Row<'a> {
    pub place: Place,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a str,
    pub code: &'a str,
    pub published: bool,
}

/// Judges one row and notes it.
pub fn judge(ledger: &mut Ledger, row: &Row<'_>, findings: &mut Findings) {
    let sample =
        |detail: String| move || Sample { id: row.code.to_owned(), place: Some(row.place), detail };
    if is_refused_copy(ledger, row.place, Some(row.code)) {
        return;
    }
    let Some(unreadable) = ledger.unreadable.get_mut(&row.place) else {
        let detail = "no record lies there that cannot be read".to_owned();
        return findings.add(Invariant::DeadLetterUnexpected, sample(detail));
    };
    unreadable.row = Some(of_text(row.code));
    unreadable.marked = row.published;
    if !unreadable.defects.name(row.code) {
        let detail = format!("what is wrong with the record: {}", unreadable.defects);
        findings.add(Invariant::DeadLetterContent, sample(detail));
    }
    let intact = headers_of(row.headers).is_some_and(|headers| {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        print_content(row.key, row.value, headers) == unreadable.content
    });
    if !intact {
        let detail = "key, value or headers are not the record's".to_owned();
        findings.add(Invariant::DeadLetterContent, sample(detail));
    }
}

type HeaderList = Vec<(String, Option<Vec<u8>>)>;

fn headers_of(json: &str) -> Option<HeaderList> {
    let list: Vec<(String, Option<String>)> = serde_json::from_str(json).ok()?;
    let decode = |(name, value): (String, Option<String>)| {
        let value = value.map(|value| STANDARD.decode(value).ok());
        match value {
            Some(None) => None,
            value => Some((name, value.flatten())),
        }
    };
    list.into_iter().map(decode).collect()
}

/// Judges one record of the dead letter topic and notes it.
pub fn judge_published(
    ledger: &mut Ledger,
    topics: &Topics,
    record: &Record<'_>,
    findings: &mut Findings,
) {
    let origin = origin(record, topics);
    let sample = |detail: &'static str| {
        let id = origin.map_or("?".to_owned(), |o| {
            format!("{} {}/{}", o.topic.name(topics), o.partition, o.offset)
        });
        move || Sample { id, place: Some(record.place), detail: detail.to_owned() }
    };
    let code = last_text(record, header::DLQ_CODE);
    if origin.is_some_and(|origin| is_refused_copy(ledger, origin, code)) {
        return;
    }
    let unreadable = origin.and_then(|origin| ledger.unreadable.get_mut(&origin));
    let Some(unreadable) = unreadable else {
        let detail = "no unreadable record is its origin";
        return findings.add(Invariant::DlqRecordUnexpected, sample(detail));
    };
    unreadable.published = true;
    let headers = without_added(record);
    let told = print_content(record.key, record.value, headers.iter().copied());
    let without = record.key.is_none() && record.value.is_none() && headers.is_empty();
    let omitted = without && unreadable.size >= OMITTED_FROM;
    if told != unreadable.content && !omitted {
        let detail = "key, value or headers are not the record's";
        findings.add(Invariant::DlqRecordContent, sample(detail));
    }
    if unreadable.row.is_some() && code.map(of_text) != unreadable.row {
        let detail = "another reason than in dead_letters";
        findings.add(Invariant::DlqRecordContent, sample(detail));
    }
}

/// Whether a dead letter is the copy of an order that only the order's row remembers.
fn is_refused_copy(ledger: &Ledger, origin: Place, code: Option<&str>) -> bool {
    code == Some(Defect::RefusedByDatabase.code()) && ledger.is_late_repeat(origin)
}

/// The place of the record that a record of the dead letter topic is a copy of.
pub fn origin(record: &Record<'_>, topics: &Topics) -> Option<Place> {
    let topic = Topic::input(last_text(record, header::DLQ_TOPIC)?, topics)?;
    let partition = last_text(record, header::DLQ_PARTITION)?.parse().ok()?;
    let offset = last_text(record, header::DLQ_OFFSET)?.parse().ok()?;
    Some(Place { topic, partition, offset })
}

fn last_text<'a>(record: &Record<'a>, name: &str) -> Option<&'a str> {
    let (_, value) = record.headers.0.iter().rfind(|(key, _)| *key == name)?;
    std::str::from_utf8((*value)?).ok()
}

/// The record's own headers: a dead letter that was sent again and died again
/// has the added ones twice, and the first ones are its own.
fn without_added<'a>(record: &Record<'a>) -> Vec<(&'a str, Option<&'a [u8]>)> {
    let mut headers = record.headers.0.clone();
    for added in ADDED {
        if let Some(last) = headers.iter().rposition(|(name, _)| *name == added) {
            headers.remove(last);
        }
    }
    headers
}

/// After the last row and record: unreadable records that are missing.
pub fn judge_missing(ledger: &Ledger, findings: &mut Findings) {
    let mut all: Vec<_> = ledger.unreadable.iter().collect();
    all.sort_unstable_by_key(|(place, _)| **place);
    for (place, unreadable) in all {
        if unreadable.row.is_none() && !ledger.may_be_forgotten(unreadable.logged_s) {
            findings.add(Invariant::DeadLetterMissing, || sample(*place, unreadable));
        }
        judge_sent(*place, unreadable, findings);
    }
}

/// Whether an unreadable record is on the dead letter topic, and marked so.
pub fn judge_sent(place: Place, unreadable: &Unreadable, findings: &mut Findings) {
    if unreadable.row.is_some() && !unreadable.marked {
        findings.add(Invariant::DeadLetterUnpublished, || sample(place, unreadable));
    }
    if !unreadable.published {
        findings.add(Invariant::DlqRecordMissing, || sample(place, unreadable));
    }
}

/// An unreadable record as a sample.
pub fn sample(place: Place, unreadable: &Unreadable) -> Sample {
    Sample {
        id: unreadable.key.map_or("?".to_owned(), |key| key.to_string()),
        place: Some(place),
        detail: unreadable.defects.to_string(),
    }
}
