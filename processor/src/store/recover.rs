//! What a new owner of a lane finds: what is pending, dead letters whose copy
//! may not be published, and orders without an answer from the payment provider.

use std::slice;

use sqlx::PgConnection;

use super::reserved::reserved;
use super::{ANSWER_MAX, Database, Pending, answered, dead_letters, pending};
use crate::decide::OrdersById;
use crate::lane::{Claim, Record, Source};

/// Work that an earlier owner left.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Events and refunds.
    pub pending: Pending,
    /// Dead letters with code and message.
    pub dead: Vec<(Record, String, String)>,
    /// Orders that wait for their payment.
    pub reserved: OrdersById,
}

/// Reads what is left of a lane, for as long as each statement has its answer in time.
///
/// # Errors
/// The server cannot answer, or has vanished.
pub async fn recover(
    connection: &mut PgConnection,
    database: &Database,
    claim: &Claim,
) -> Result<Recovered, sqlx::Error> {
    let (topic, lane) = (database.topic(claim.lane), claim.lane);
    let reserved = match lane.source {
        Source::Orders => reserved(connection, claim).await?,
        Source::Stock => OrdersById::default(),
    };
    let pending = pending(connection, database, slice::from_ref(claim), &[]);
    let pending = answered(ANSWER_MAX, pending).await?;
    let dead = answered(ANSWER_MAX, dead_letters::unpublished(connection, topic, lane)).await?;
    Ok(Recovered { pending, dead, reserved })
}
