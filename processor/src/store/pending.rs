//! Events that may not be published and refunds that are not confirmed: what a
//! new owner of a lane finds, and what a request in another lane than its
//! order's leaves to the order's owner.

use contract::{Amount, Currency, OrderId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::{Database, columns, outbox};
use crate::decide::{EventOut, Refund};
use crate::lane::{Claim, LaneId, Source};

/// What is to be published and to be asked.
#[derive(Debug, Default)]
pub struct Pending {
    /// Outbox rows by lane, oldest first.
    pub outbox: Vec<(LaneId, i64, Vec<EventOut>)>,
    /// Refunds that wait for their confirmation.
    pub refunds: Vec<Refund>,
    /// Lanes whose progress is not where our last commit left it; of these nothing
    /// is read.
    pub lost: Vec<LaneId>,
}

/// Reads what these claims have to do beside the outbox rows `known`.
///
/// # Errors
/// The server cannot answer.
pub async fn pending(
    connection: &mut PgConnection,
    database: &Database,
    claims: &[Claim],
    known: &[i64],
) -> Result<Pending, sqlx::Error> {
    let claims: Vec<&Claim> = claims.iter().collect();
    let mut pending = rows(connection, database, &claims, known).await?;
    let of_orders = claims.into_iter().filter(|claim| claim.lane.source == Source::Orders);
    pending.refunds = refunds(connection, database, &of_orders.collect::<Vec<_>>()).await?;
    Ok(pending)
}

/// `claimed`: those of the claims that still hold, numbered from one.
const CLAIMED: &str = "with claimed as ( \
     select u.n, u.topic, u.partition \
     from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) with ordinality \
               as u(topic, partition, epoch, commit_seq, n) \
          join partition_progress p using (topic, partition, epoch, commit_seq))";

async fn rows(
    connection: &mut PgConnection,
    database: &Database,
    claims: &[&Claim],
    known: &[i64],
) -> Result<Pending, sqlx::Error> {
    let sql = format!(
        "{CLAIMED} select c.n, o.id, o.events \
         from claimed c left join outbox o \
              on o.topic = c.topic and o.partition = c.partition and not o.id = any($5) \
         order by o.id"
    );
    let rows = ask(sql, database, claims).bind(known).fetch_all(connection).await?;
    let lost = claims.iter().map(|claim| claim.lane).collect();
    let mut pending = Pending { lost, ..Pending::default() };
    for row in &rows {
        let lane = lane(row, claims)?;
        pending.lost.retain(|lost| *lost != lane);
        if let (Some(id), Some(text)) = (row.try_get(1)?, row.try_get(2)?) {
            let unreadable = |why| sqlx::Error::Decode(format!("outbox row {id}: {why}").into());
            let events = outbox::decode(text).map_err(unreadable)?;
            pending.outbox.push((lane, id, events));
        }
    }
    Ok(pending)
}

async fn refunds(
    connection: &mut PgConnection,
    database: &Database,
    claims: &[&Claim],
) -> Result<Vec<Refund>, sqlx::Error> {
    let sql = format!(
        "{CLAIMED} select c.n, p.order_id, p.amount_minor, p.currency \
         from payments p join orders o using (order_id) join claimed c on c.partition = o.source_partition \
         where p.status = 'REFUND_PENDING'"
    );
    let rows = ask(sql, database, claims).fetch_all(connection).await?;
    let refund = |row: &PgRow| {
        let currency = Currency::parse(row.try_get(3)?).unwrap_or(Currency::DEFAULT);
        let amount = Amount { minor: row.try_get(2)?, currency };
        Ok(Refund { order_id: OrderId(row.try_get(1)?), amount, lane: lane(row, claims)? })
    };
    rows.iter().map(refund).collect()
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn ask<'q>(sql: String, database: &'q Database, claims: &'q [&Claim]) -> Query<'q> {
    let claims = claims.iter();
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(columns::of(claims.clone(), |claim| database.topic(claim.lane)))
        .bind(columns::of(claims.clone(), |claim| claim.lane.partition))
        .bind(columns::of(claims.clone(), |claim| claim.epoch))
        .bind(columns::of(claims, |claim| claim.commit_seq))
}

/// The lane of the claim that a row was found for.
fn lane(row: &PgRow, claims: &[&Claim]) -> Result<LaneId, sqlx::Error> {
    let number: i64 = row.try_get(0)?;
    let claim = usize::try_from(number - 1).ok().and_then(|index| claims.get(index));
    claim.map(|claim| claim.lane).ok_or(sqlx::Error::RowNotFound)
}
