//! The rows of one window of the log, out of a short snapshot: found by index,
//! never by a scan of a table that grows.

use std::collections::HashSet;

use contract::topic::Topics;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::rows;
use crate::fold::{orders, payments, processed};
use crate::place::Topic;

/// The indexes serve every question here, and a scan would never end.
const SESSION: &str = "set enable_seqscan = off; set enable_hashjoin = off; \
    set enable_mergejoin = off; set enable_memoize = off; set jit = off; set max_parallel_workers_per_gather = 0";

const ORDER: &str = "o.order_id, o.customer_id, o.status::text, o.currency, o.total_minor, \
    o.lines::text, o.reason::text, o.shipment::text, o.source_partition, o.source_offset, \
    o.created_at";
const PAYMENT: &str = "p.status::text, p.currency, p.amount_minor, p.reason, p.decided_at";
const PROCESSED: &str = "e.topic, e.partition, e.\"offset\", e.epoch, e.body_hash, e.processed_at";
/// Where the columns of an order, a payment and a processed event begin in a row
/// that has all three; before them stand the id that was asked for and the order's.
const ORDER_AT: usize = 2;
const PAYMENT_AT: usize = 12;
const PROCESSED_AT: usize = 17;

/// Offsets of one partition: from here, and before there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// In which topic.
    pub topic: Topic,
    /// In which partition.
    pub partition: i32,
    /// The first.
    pub from: i64,
    /// The first that is not meant.
    pub to: i64,
}

/// Ids that lie together.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Span {
    /// The first and the last.
    pub ends: Option<(Uuid, Uuid)>,
    /// So many rows are worth it.
    pub rows_max: i64,
}

impl Span {
    /// Ids whose rows are not among those that the span gave.
    pub fn lacking<'a>(
        &self,
        ids: impl Iterator<Item = &'a Uuid>,
        rows: &[PgRow],
    ) -> Result<Vec<Uuid>, sqlx::Error> {
        let got: HashSet<Uuid> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let whole = i64::try_from(rows.len()).is_ok_and(|rows| rows < self.rows_max);
        let span = self.ends.filter(|_| whole);
        let lies_within = |id: &Uuid| span.is_some_and(|(first, last)| (first..=last).contains(id));
        Ok(ids.filter(|id| !got.contains(id) && !lies_within(id)).copied().collect())
    }
}

/// What the tables say about one id.
#[derive(Debug)]
pub struct Found<'a> {
    /// Of the order or event.
    pub id: Uuid,
    /// `orders`.
    pub order: Option<orders::Row<'a>>,
    /// `payments`.
    pub payment: Option<payments::Row<'a>>,
    /// `processed_events`.
    pub processed: Option<processed::Row>,
}

/// Prepares a connection for questions about windows.
pub async fn prepare(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(SESSION).execute(connection).await?;
    Ok(())
}

/// Orders by the place of their records.
pub async fn orders(
    snapshot: &mut PgConnection,
    ranges: &[Range],
) -> Result<Vec<PgRow>, sqlx::Error> {
    // `offset 0` keeps the planner from turning the ranges into a join of its liking.
    let sql = format!(
        "select o.order_id, {ORDER} \
         from unnest($1::int[], $2::bigint[], $3::bigint[]) as r(partition, low, high) \
         cross join lateral (select * from orders where source_partition = r.partition \
         and source_offset >= r.low and source_offset < r.high offset 0) o"
    );
    let ranges = ranges.iter().filter(|range| range.topic == Topic::Orders);
    let ranges = ranges.map(|range| (range.partition, (range.from, range.to)));
    let (partitions, offsets): (Vec<_>, Vec<_>) = ranges.unzip();
    let (low, high): (Vec<_>, Vec<_>) = offsets.into_iter().unzip();
    sqlx::query(AssertSqlSafe(sql)).bind(partitions).bind(low).bind(high).fetch_all(snapshot).await
}

/// Orders, payments and processed events by id.
pub async fn by_id(snapshot: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = format!(
        "select w.id, {ORDER}, {PAYMENT}, {PROCESSED} from unnest($1::uuid[]) as w(id) \
         left join orders o on o.order_id = w.id \
         left join payments p on p.order_id = w.id \
         left join processed_events e on e.event_id = w.id"
    );
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(snapshot).await
}

/// Orders with their payments, by id.
pub async fn again(snapshot: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = format!(
        "select w.id, {ORDER}, {PAYMENT} from unnest($1::uuid[]) as w(id) \
         left join orders o on o.order_id = w.id left join payments p on p.order_id = w.id"
    );
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(snapshot).await
}

/// Payments of ids in a span. Ids rise with time, so those of one window lie
/// together; a span that holds many others gives only the first rows.
pub async fn payments(snapshot: &mut PgConnection, span: &Span) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = format!(
        "select p.order_id, {PAYMENT} from payments p \
         where p.order_id >= $1 and p.order_id <= $2 order by p.order_id limit $3"
    );
    in_span(snapshot, sql, span).await
}

/// The same of processed events.
pub async fn processed_events(
    snapshot: &mut PgConnection,
    span: &Span,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = format!(
        "select e.event_id, {PROCESSED} from processed_events e \
         where e.event_id >= $1 and e.event_id <= $2 order by e.event_id limit $3"
    );
    in_span(snapshot, sql, span).await
}

/// Payments by order.
pub async fn payments_of(
    snapshot: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = format!("select p.order_id, {PAYMENT} from payments p where p.order_id = any($1)");
    of_ids(snapshot, sql, ids).await
}

/// Processed events by id.
pub async fn processed_of(
    snapshot: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = format!(
        "select e.event_id, {PROCESSED} from processed_events e where e.event_id = any($1)"
    );
    of_ids(snapshot, sql, ids).await
}

async fn of_ids(
    snapshot: &mut PgConnection,
    sql: String,
    ids: &[Uuid],
) -> Result<Vec<PgRow>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(snapshot).await
}

async fn in_span(
    snapshot: &mut PgConnection,
    sql: String,
    span: &Span,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let Some((first, last)) = span.ends else { return Ok(Vec::new()) };
    let query = sqlx::query(AssertSqlSafe(sql)).bind(first).bind(last).bind(span.rows_max);
    query.fetch_all(snapshot).await
}

/// Orders whose partition is none of the log's.
pub async fn beside(
    snapshot: &mut PgConnection,
    partitions: i32,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = format!(
        "select o.order_id, {ORDER} from ((select * from orders where source_partition < 0 \
         limit 100) union all (select * from orders where source_partition >= $1 limit 100)) o"
    );
    sqlx::query(AssertSqlSafe(sql)).bind(partitions).fetch_all(snapshot).await
}

/// `refused_events` by place.
pub async fn refused(
    snapshot: &mut PgConnection,
    topics: &Topics,
    ranges: &[Range],
) -> Result<Vec<PgRow>, sqlx::Error> {
    const SQL: &str = "t.topic, t.partition, t.\"offset\", t.event_id, t.event_type, t.subject, \
        t.reason from refused_events t";
    in_ranges(snapshot, topics, ranges, SQL).await
}

/// `dead_letters` by place.
pub async fn dead_letters(
    snapshot: &mut PgConnection,
    topics: &Topics,
    ranges: &[Range],
) -> Result<Vec<PgRow>, sqlx::Error> {
    const SQL: &str = "t.topic, t.partition, t.\"offset\", t.key, t.value, t.headers::text, \
        t.code, t.published_at is not null from dead_letters t";
    in_ranges(snapshot, topics, ranges, SQL).await
}

async fn in_ranges(
    snapshot: &mut PgConnection,
    topics: &Topics,
    ranges: &[Range],
    select: &str,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = format!(
        "select {select} join unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) \
         as r(topic, partition, low, high) on t.topic = r.topic and t.partition = r.partition \
         and t.\"offset\" >= r.low and t.\"offset\" < r.high"
    );
    let names: Vec<_> = ranges.iter().map(|range| range.topic.name(topics)).collect();
    let partitions: Vec<_> = ranges.iter().map(|range| range.partition).collect();
    let low: Vec<_> = ranges.iter().map(|range| range.from).collect();
    let high: Vec<_> = ranges.iter().map(|range| range.to).collect();
    let query = sqlx::query(AssertSqlSafe(sql)).bind(names).bind(partitions).bind(low).bind(high);
    query.fetch_all(snapshot).await
}

/// Reads a row of [`orders()`], [`again`], [`by_id`] or [`beside`].
pub fn found<'r>(row: &'r PgRow, topics: &Topics) -> Result<Found<'r>, sqlx::Error> {
    let id: Uuid = row.try_get(0)?;
    let order = match row.try_get::<Option<Uuid>, _>(1)? {
        Some(order_id) => Some(rows::order(row, order_id, ORDER_AT)?),
        None => None,
    };
    let columns = row.columns().len();
    let payment = if columns > PAYMENT_AT { rows::payment(row, id, PAYMENT_AT)? } else { None };
    let processed =
        if columns > PROCESSED_AT { rows::processed(row, id, PROCESSED_AT, topics)? } else { None };
    Ok(Found { id, order, payment, processed })
}

/// Reads a row of [`payments()`].
pub fn payment_row(row: &PgRow) -> Result<Found<'_>, sqlx::Error> {
    let id = row.try_get(0)?;
    Ok(Found { id, order: None, payment: rows::payment(row, id, 1)?, processed: None })
}

/// Reads a row of [`processed_events`].
pub fn processed_row<'r>(row: &'r PgRow, topics: &Topics) -> Result<Found<'r>, sqlx::Error> {
    let id = row.try_get(0)?;
    Ok(Found { id, order: None, payment: None, processed: rows::processed(row, id, 1, topics)? })
}
