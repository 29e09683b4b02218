//! The `outbox` table: one row a commit and lane, deleted by a later commit.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::PgConnection;

use super::{Database, columns};
use crate::decide::EventOut;
use crate::lane::LaneId;

/// Inserts one row a lane, in lane order; returns the ids in that order.
pub(super) async fn insert(
    connection: &mut PgConnection,
    database: &Database,
    events: &BTreeMap<LaneId, Vec<EventOut>>,
) -> Result<Vec<i64>, sqlx::Error> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let lanes = events.keys();
    sqlx::query_scalar(
        "insert into outbox (topic, partition, events) \
         select topic, partition, events from unnest($1::text[], $2::int[], $3::text[]) \
              with ordinality as u(topic, partition, events, n) order by n \
         returning id",
    )
    .bind(columns::of(lanes.clone(), |lane| database.topic(*lane)))
    .bind(columns::of(lanes, |lane| lane.partition))
    .bind(events.values().map(|events| encode(events)).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
}

/// Deletes rows that the broker has acknowledged.
pub(super) async fn delete(connection: &mut PgConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from outbox where id = any($1)").bind(ids).execute(connection).await?;
    Ok(())
}

/// CloudEvents in structured form, as a JSON array. Ids, subjects and times
/// have nothing to escape.
pub fn encode(events: &[EventOut]) -> String {
    let size = events.iter().map(|event| event.data.len() + 230).sum::<usize>();
    let mut json = String::with_capacity(size);
    for event in events {
        let separator = if json.is_empty() { "[" } else { "," };
        // Pieces, not a format: this is written for every event.
        let pieces = [
            separator,
            r#"{"specversion":"1.0","id":""#,
            &event.id,
            r#"","type":""#,
            event.kind,
            r#"","source":"/processor","subject":""#,
            &event.subject,
            r#"","time":""#,
            &event.time,
            r#"","data":"#,
            &event.data,
            "}",
        ];
        pieces.iter().for_each(|piece| json.push_str(piece));
    }
    json.push(']');
    json
}

#[derive(Deserialize)]
struct Structured<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    time: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// It is no such array; the text says why.
pub fn decode(text: &str) -> Result<Vec<EventOut>, String> {
    let events: Vec<Structured<'_>> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    events.into_iter().map(Structured::into_event).collect()
}

impl Structured<'_> {
    fn into_event(self) -> Result<EventOut, String> {
        let kind = contract::event::EventType::parse(&self.kind)
            .ok_or_else(|| format!("this version knows no event type {}", self.kind))?;
        Ok(EventOut {
            id: self.id,
            kind: kind.as_str(),
            subject: self.subject,
            time: self.time.into(),
            data: self.data.get().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_out_of_the_outbox_as_it_went_in() {
        let event = |n: u32| EventOut {
            id: format!("a-{n}/payment.completed"),
            kind: "payment.completed.v1",
            subject: format!("a-{n}"),
            time: "2026-11-21T08:00:00Z".into(),
            data: r#"{"b":1,"a":"\"x\""}"#.into(),
        };
        let events = vec![event(1), event(2)];
        assert_eq!(decode(&encode(&events)), Ok(events));
        assert!(decode("[{}]").is_err());
    }
}
