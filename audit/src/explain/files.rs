//! What was noted of an order outside of log and tables: the sender's receipts and
//! the notifier's lines.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use uuid::Uuid;

use super::Fact;
use crate::place::Place;
use crate::read::receipts;

/// Receipts have no time of their own: they stand where the order was created.
pub(super) fn receipts(
    files: &[PathBuf],
    order_id: Uuid,
    created_ms: i64,
) -> anyhow::Result<Vec<Fact>> {
    let mut facts = Vec::new();
    for file in files {
        for receipt in receipts::of_order(file, order_id)? {
            let (place, body) = (receipt.place, Uuid::from_bytes(receipt.body).simple());
            let Place { partition, offset, .. } = place;
            facts.push(Fact {
                at_ms: created_ms,
                place: format!("receipt {}", file.display()),
                words: format!("accepted as record orders/{partition}/{offset}, body {body}"),
            });
        }
    }
    Ok(facts)
}

/// The part of a notification that is told again.
#[derive(Deserialize)]
struct Told {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    time: Option<String>,
}

pub(super) fn notifications(files: &[PathBuf], order_id: Uuid) -> anyhow::Result<Vec<Fact>> {
    let (mut facts, key) = (Vec::new(), order_id.to_string());
    for path in files {
        let unreadable = || format!("notifications {} cannot be read", path.display());
        let file = File::open(path).with_context(unreadable)?;
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = line.with_context(unreadable)?;
            if line.contains(&key)
                && let Ok(told) = serde_json::from_str(&line)
            {
                facts.push(notification(path, number + 1, told));
            }
        }
    }
    Ok(facts)
}

fn notification(path: &Path, line: usize, told: Told) -> Fact {
    let time = told.time.and_then(|time| time.parse::<jiff::Timestamp>().ok());
    Fact {
        at_ms: time.unwrap_or_default().as_millisecond(),
        place: format!("{}:{line}", path.display()),
        words: format!("notified of {} {}", told.kind, told.id),
    }
}
