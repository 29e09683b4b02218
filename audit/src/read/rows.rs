//! One row of a table to what the fold wants to know of it: the same for the audit
//! at rest and for the watch. The types of the columns of the tables that grow are
//! those of our own statements, and not checked for each value.

use contract::topic::Topics;
use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::{Decode, Postgres, Row};
use uuid::Uuid;

use crate::fold::{dead_letters, orders, payments, processed, refused};
use crate::place::{Place, Topic};

/// A time, in microseconds since 1970.
struct Micros(i64);

/// PostgreSQL counts from the year 2000.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

impl<'r> Decode<'r, Postgres> for Micros {
    fn decode(value: PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        let since_2000 = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        Ok(Self(since_2000.saturating_add(POSTGRES_EPOCH_US)))
    }
}

/// Topic, partition and offset of the first three columns.
pub(super) fn place(row: &PgRow, topics: &Topics) -> Result<Option<Place>, sqlx::Error> {
    let (partition, offset) = (row.try_get(1)?, row.try_get(2)?);
    let topic = Topic::input(row.try_get(0)?, topics);
    Ok(topic.map(|topic| Place { topic, partition, offset }))
}

/// Status, currency, amount, reason and time of a payment, from column `at` on; nothing
/// where an outer join found none.
pub(super) fn payment(
    row: &PgRow,
    order_id: Uuid,
    at: usize,
) -> Result<Option<payments::Row<'_>>, sqlx::Error> {
    let Some(status) = row.try_get_unchecked(at)? else { return Ok(None) };
    let (currency, amount_minor) = (row.try_get_unchecked(at + 1)?, row.try_get_unchecked(at + 2)?);
    let reason = row.try_get_unchecked(at + 3)?;
    let decided_us = row.try_get_unchecked::<Micros, _>(at + 4)?.0;
    Ok(Some(payments::Row { order_id, status, currency, amount_minor, reason, decided_us }))
}

/// An order from column `at` on, in the order of the table but for its id.
pub(super) fn order(
    row: &PgRow,
    order_id: Uuid,
    at: usize,
) -> Result<orders::Row<'_>, sqlx::Error> {
    let (partition, offset) = (row.try_get_unchecked(at + 7)?, row.try_get_unchecked(at + 8)?);
    Ok(orders::Row {
        order_id,
        customer_id: row.try_get_unchecked(at)?,
        status: row.try_get_unchecked(at + 1)?,
        currency: row.try_get_unchecked(at + 2)?,
        total_minor: row.try_get_unchecked(at + 3)?,
        lines: row.try_get_unchecked(at + 4)?,
        reason: row.try_get_unchecked(at + 5)?,
        shipment: row.try_get_unchecked(at + 6)?,
        source: Place { topic: Topic::Orders, partition, offset },
        created_us: row.try_get_unchecked::<Micros, _>(at + 9)?.0,
    })
}

/// A processed event from column `at` on; nothing where an outer join found none, or
/// of a topic that is not audited.
pub(super) fn processed(
    row: &PgRow,
    event_id: Uuid,
    at: usize,
    topics: &Topics,
) -> Result<Option<processed::Row>, sqlx::Error> {
    let topic = row.try_get_unchecked::<Option<&str>, _>(at)?;
    let Some(topic) = topic.and_then(|topic| Topic::input(topic, topics)) else {
        return Ok(None);
    };
    let place = Place {
        topic,
        partition: row.try_get_unchecked(at + 1)?,
        offset: row.try_get_unchecked(at + 2)?,
    };
    Ok(Some(processed::Row {
        event_id,
        place,
        epoch: row.try_get_unchecked(at + 3)?,
        // A hash of another length is no hash of any record.
        body: row.try_get_unchecked::<&[u8], _>(at + 4)?.try_into().unwrap_or([0xff; 16]),
        processed_us: row.try_get_unchecked::<Micros, _>(at + 5)?.0,
    }))
}

/// A row of `refused_events`; nothing of a topic that is not audited.
pub fn refused<'r>(
    row: &'r PgRow,
    topics: &Topics,
) -> Result<Option<refused::Row<'r>>, sqlx::Error> {
    let Some(place) = place(row, topics)? else { return Ok(None) };
    let (event_id, event_type) = (row.try_get(3)?, row.try_get(4)?);
    let (subject, reason) = (row.try_get(5)?, row.try_get(6)?);
    Ok(Some(refused::Row { place, event_id, event_type, subject, reason }))
}

/// A row of `dead_letters`; nothing of a topic that is not audited.
pub fn dead_letter<'r>(
    row: &'r PgRow,
    topics: &Topics,
) -> Result<Option<dead_letters::Row<'r>>, sqlx::Error> {
    let Some(place) = place(row, topics)? else { return Ok(None) };
    let (key, value, headers) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
    let (code, published) = (row.try_get(6)?, row.try_get(7)?);
    Ok(Some(dead_letters::Row { place, key, value, headers, code, published }))
}
