//! What a new owner of a lane finds: what is pending, dead letters whose copy
//! may not be published, and orders without an answer from the payment provider.

use std::collections::HashMap;
use std::slice;

use contract::OrderId;
use foldhash::fast::FixedState;
use sqlx::PgConnection;

use super::{Database, Pending, dead_letters, orders, pending};
use crate::decide::OrderState;
use crate::lane::{Claim, Record, Source};

/// Work that an earlier owner left.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Events and refunds.
    pub pending: Pending,
    /// Dead letters with code and message.
    pub dead: Vec<(Record, String, String)>,
    /// Orders that wait for their payment.
    pub reserved: HashMap<OrderId, OrderState, FixedState>,
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
    let reserved = match lane.source {
        Source::Orders => orders::reserved(connection, lane.partition, claim.resume_offset).await?,
        Source::Stock => HashMap::default(),
    };
    Ok(Recovered {
        pending: pending(connection, database, slice::from_ref(claim), &[]).await?,
        dead: dead_letters::unpublished(connection, topic, lane).await?,
        reserved,
    })
}
