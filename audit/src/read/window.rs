//! The rows of one window of the log, out of a short snapshot: found by index,
//! never by a scan of a table that grows.

use contract::topic::Topics;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::tables::Micros;
use crate::fold::{dead_letters, orders, payments, processed, refused};
use crate::place::{Place, Topic};

/// The indexes serve every question here, and a scan would never end.
const SESSION: &str = "set enable_seqscan = off; set enable_hashjoin = off; \
    set enable_mergejoin = off; set jit = off; set max_parallel_workers_per_gather = 0";

const COLUMNS: &str = "o.order_id, o.customer_id, o.status::text, o.currency, o.total_minor, \
    o.lines::text, o.reason::text, o.shipment::text, o.source_partition, o.source_offset, \
    o.created_at, p.status::text, p.currency, p.amount_minor, p.reason, \
    e.topic, e.partition, e.\"offset\", e.epoch, e.body_hash, e.processed_at";

const JOINS: &str = "left join payments p on p.order_id = o.order_id \
    left join processed_events e on e.event_id = o.order_id";

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

/// Orders by the place of their records, with payment and processed event.
pub async fn orders(
    snapshot: &mut PgConnection,
    ranges: &[Range],
) -> Result<Vec<PgRow>, sqlx::Error> {
    // `offset 0` keeps the planner from turning the ranges into a join of its liking.
    let sql = format!(
        "select o.order_id, {COLUMNS} \
         from unnest($1::int[], $2::bigint[], $3::bigint[]) as r(partition, low, high) \
         cross join lateral (select * from orders where source_partition = r.partition \
         and source_offset >= r.low and source_offset < r.high offset 0) o {JOINS}"
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
        "select w.id, {COLUMNS} from unnest($1::uuid[]) as w(id) \
         left join orders o on o.order_id = w.id \
         left join payments p on p.order_id = w.id \
         left join processed_events e on e.event_id = w.id"
    );
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(snapshot).await
}

/// Orders whose partition is none of the log's.
pub async fn beside(
    snapshot: &mut PgConnection,
    partitions: i32,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = format!(
        "select o.order_id, {COLUMNS} from ((select * from orders where source_partition < 0 \
         limit 100) union all (select * from orders where source_partition >= $1 limit 100)) o \
         {JOINS}"
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

/// Reads a row of [`orders`], [`by_id`] or [`beside`].
pub fn found<'r>(row: &'r PgRow, topics: &Topics) -> Result<Found<'r>, sqlx::Error> {
    let id: Uuid = row.try_get(0)?;
    let order = match row.try_get::<Option<Uuid>, _>(1)? {
        Some(order_id) => Some(order(row, order_id)?),
        None => None,
    };
    let payment = match row.try_get::<Option<&str>, _>(12)? {
        Some(status) => Some(payments::Row {
            order_id: id,
            status,
            currency: row.try_get(13)?,
            amount_minor: row.try_get(14)?,
            reason: row.try_get(15)?,
        }),
        None => None,
    };
    let processed = match row.try_get::<Option<&str>, _>(16)? {
        Some(topic) => processed(row, id, Topic::input(topic, topics))?,
        None => None,
    };
    Ok(Found { id, order, payment, processed })
}

fn order<'r>(row: &'r PgRow, order_id: Uuid) -> Result<orders::Row<'r>, sqlx::Error> {
    let (partition, offset) = (row.try_get(9)?, row.try_get(10)?);
    Ok(orders::Row {
        order_id,
        customer_id: row.try_get(2)?,
        status: row.try_get(3)?,
        currency: row.try_get(4)?,
        total_minor: row.try_get(5)?,
        lines: row.try_get(6)?,
        reason: row.try_get(7)?,
        shipment: row.try_get(8)?,
        source: Place { topic: Topic::Orders, partition, offset },
        created_us: row.try_get::<Micros, _>(11)?.0,
    })
}

fn processed(
    row: &PgRow,
    event_id: Uuid,
    topic: Option<Topic>,
) -> Result<Option<processed::Row>, sqlx::Error> {
    let Some(topic) = topic else { return Ok(None) };
    let place = Place { topic, partition: row.try_get(17)?, offset: row.try_get(18)? };
    Ok(Some(processed::Row {
        event_id,
        place,
        epoch: row.try_get(19)?,
        // A hash of another length is no hash of any record.
        body: row.try_get::<&[u8], _>(20)?.try_into().unwrap_or([0xff; 16]),
        processed_us: row.try_get::<Micros, _>(21)?.0,
    }))
}

/// Reads a row of [`refused`].
pub fn refused_row<'r>(
    row: &'r PgRow,
    topics: &Topics,
) -> Result<Option<refused::Row<'r>>, sqlx::Error> {
    let Some(place) = super::tables::place(row, topics)? else { return Ok(None) };
    let (event_id, event_type) = (row.try_get(3)?, row.try_get(4)?);
    let (subject, reason) = (row.try_get(5)?, row.try_get(6)?);
    Ok(Some(refused::Row { place, event_id, event_type, subject, reason }))
}

/// Reads a row of [`dead_letters`].
pub fn dead_letter<'r>(
    row: &'r PgRow,
    topics: &Topics,
) -> Result<Option<dead_letters::Row<'r>>, sqlx::Error> {
    let Some(place) = super::tables::place(row, topics)? else { return Ok(None) };
    let (key, value, headers) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
    let (code, published) = (row.try_get(6)?, row.try_get(7)?);
    Ok(Some(dead_letters::Row { place, key, value, headers, code, published }))
}
