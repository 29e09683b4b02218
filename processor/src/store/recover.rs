//! What a new owner of a lane finds: events that may not be published, dead
//! letters whose copy may not be, orders without an answer from the payment
//! provider and refunds without confirmation.

use std::collections::HashMap;

use contract::{Amount, Currency, OrderId};
use foldhash::fast::FixedState;
use sqlx::{PgConnection, Row};

use super::{Database, dead_letters, orders, outbox};
use crate::decide::{EventOut, OrderState, Refund};
use crate::lane::{Claim, LaneId, Record, Source};

/// Work that an earlier owner left.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Outbox rows, oldest first.
    pub outbox: Vec<(i64, Vec<EventOut>)>,
    /// Dead letters with code and message.
    pub dead: Vec<(Record, String, String)>,
    /// Orders that wait for their payment.
    pub reserved: HashMap<OrderId, OrderState, FixedState>,
    /// Refunds that wait for their confirmation.
    pub refunds: Vec<Refund>,
}

/// Reads what is left of a lane.
///
/// # Errors
/// The server cannot answer.
pub async fn recover(
    connection: &mut PgConnection,
    database: &Database,
    claim: &Claim,
) -> Result<Recovered, sqlx::Error> {
    let (topic, lane) = (database.topic(claim.lane), claim.lane);
    let mut recovered = Recovered {
        outbox: outbox::pending(connection, topic, lane.partition).await?,
        dead: dead_letters::unpublished(connection, topic, lane).await?,
        ..Recovered::default()
    };
    if lane.source == Source::Orders {
        recovered.reserved =
            orders::reserved(connection, lane.partition, claim.resume_offset).await?;
        recovered.refunds = refunds(connection, lane).await?;
    }
    Ok(recovered)
}

async fn refunds(connection: &mut PgConnection, lane: LaneId) -> Result<Vec<Refund>, sqlx::Error> {
    let rows = sqlx::query(
        "select p.order_id, p.amount_minor, p.currency \
         from payments p join orders o on o.order_id = p.order_id \
         where p.status = 'REFUND_PENDING' and o.source_partition = $1",
    )
    .bind(lane.partition)
    .fetch_all(connection)
    .await?;
    let refund = |row: &sqlx::postgres::PgRow| {
        let currency = Currency::parse(row.try_get(2)?).unwrap_or(Currency::DEFAULT);
        let amount = Amount { minor: row.try_get(1)?, currency };
        Ok(Refund { order_id: OrderId(row.try_get(0)?), amount, lane })
    };
    rows.iter().map(refund).collect()
}
