//! The table `refused_events` against the log: which readable events had no
//! effect, and why.

use uuid::Uuid;

use super::ledger::Ledger;
use super::request::{Ask, Refusal};
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;
use crate::place::Place;

/// A row.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Row<'a> {
    pub place: Place,
    pub event_id: Uuid,
    pub event_type: &'a str,
    pub subject: &'a str,
    pub reason: &'a str,
}

/// Judges one row and notes it.
pub fn judge(ledger: &mut Ledger, row: &Row<'_>, findings: &mut Findings) {
    let outcome = match row.reason {
        "body_mismatch" => flag(ledger, row),
        "unknown_order" => refuse(ledger, row, Refusal::UnknownOrder),
        "illegal_step" => refuse(ledger, row, Refusal::IllegalStep),
        "below_zero" => refuse(ledger, row, Refusal::BelowZero),
        _ => Err("no reason of ours"),
    };
    if let Err(why) = outcome {
        findings.add(Invariant::RefusedEventUnexpected, || Sample {
            id: row.event_id.to_string(),
            place: Some(row.place),
            detail: format!("{}: {why}", row.reason),
        });
    }
}

fn flag(ledger: &mut Ledger, row: &Row<'_>) -> Result<(), &'static str> {
    let first = ledger.body_of(row.event_id);
    let repeat = ledger.repeats.get_mut(&row.place);
    let repeat = repeat.filter(|repeat| repeat.id == row.event_id);
    let repeat = repeat.ok_or("no repetition of this event lies there")?;
    if first == Some(repeat.body) {
        return Err("the body is the same");
    }
    repeat.flagged = true;
    Ok(())
}

fn refuse(ledger: &mut Ledger, row: &Row<'_>, refusal: Refusal) -> Result<(), &'static str> {
    let number = ledger.requests.find(row.event_id).ok_or("no request has this event id")?;
    if ledger.requests.get(number).place != row.place {
        ledger.adopt_request(number, row.place);
    }
    let request = ledger.requests.get_mut(number);
    if request.place != row.place {
        return Err("the request lies elsewhere");
    }
    let (kind, subject) = match request.ask {
        Ask::Cancel(order, _) => ("order.cancel_requested.v1", order.to_string()),
        Ask::Ship(order, _) => ("order.shipped.v1", order.to_string()),
        Ask::Adjust(sku, _) => ("stock.adjusted.v1", ledger.skus.name(sku).to_owned()),
    };
    if (kind, subject.as_str()) != (row.event_type, row.subject) {
        return Err("type or subject are not the record's");
    }
    let fits = match request.ask {
        Ask::Cancel(..) | Ask::Ship(..) => refusal != Refusal::BelowZero,
        Ask::Adjust(_, pieces) => refusal == Refusal::BelowZero && pieces < 0,
    };
    request.refused = Some(refusal);
    if fits { Ok(()) } else { Err("not a reason for such an event") }
}

/// After the last row: repetitions with another body that nobody flagged.
pub fn judge_unflagged(ledger: &Ledger, findings: &mut Findings) {
    let mut unflagged: Vec<_> = ledger
        .repeats
        .iter()
        .filter(|(_, repeat)| !repeat.flagged && ledger.body_of(repeat.id) != Some(repeat.body))
        .filter(|(_, repeat)| !ledger.may_be_forgotten(repeat.logged_s))
        .collect();
    unflagged.sort_unstable_by_key(|(place, _)| **place);
    for (place, repeat) in unflagged {
        findings.add(Invariant::BodyMismatchUnflagged, || Sample {
            id: repeat.id.to_string(),
            place: Some(*place),
            detail: "another body than the first record of this event".to_owned(),
        });
    }
}
