//! `GET /orders/{id}` and `GET /orders?customerId=…`.

use contract::{Amount, Currency, CustomerId, OrderId, OrderStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::time;
use crate::problem::Problem;
use crate::query::{Query, invalid};
use crate::reply::{self, Reply};

const PAGE_DEFAULT: u16 = 50;
const PAGE_MAX: u16 = 200;
/// A page ends early before the order that would make it larger than this: it lies in
/// memory until its reader has taken it.
const PAGE_BYTES: usize = 256 * 1024;
/// An order's document without its lines, reason and shipment, rounded up.
const DOCUMENT_BYTES: usize = 512;

/// An order as JSON shows it.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    order_id: Uuid,
    customer_id: String,
    status: String,
    currency: String,
    total_price: Option<Amount>,
    items: Vec<ItemView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipment: Option<Value>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct ItemView {
    product_id: String,
    quantity: i64,
    price: Option<Amount>,
}

#[derive(Serialize, Debug)]
struct PaymentView {
    status: String,
    amount: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl OrderView {
    /// Whether its payment is decided.
    pub fn is_settled(&self) -> bool {
        self.status != OrderStatus::Reserved.as_str()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    order_id: Uuid,
    customer_id: String,
    status: String,
    currency: String,
    total_minor: i64,
    lines: String,
    reason: Option<String>,
    shipment: Option<String>,
    created_millis: i64,
    updated_millis: i64,
    payment_status: Option<String>,
    payment_minor: Option<i64>,
    payment_reason: Option<String>,
}

impl Row {
    /// The length of its document, rounded up: names are longer in the table's lines.
    fn document_bytes(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        DOCUMENT_BYTES + self.lines.len() + length(&self.reason) + length(&self.shipment)
    }
}

/// A line as the table holds it.
#[derive(Deserialize)]
struct StoredLine {
    sku: String,
    quantity: i64,
    price_minor: i64,
}

impl TryFrom<Row> for OrderView {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let currency = Currency::parse(&row.currency);
        let amount = |minor| currency.map(|currency| Amount { minor, currency });
        let lines: Vec<StoredLine> = json(&row.lines)?;
        let items = lines.into_iter().map(|line| ItemView {
            product_id: line.sku,
            quantity: line.quantity,
            price: amount(line.price_minor),
        });
        let payment = row.payment_status.map(|status| PaymentView {
            status,
            amount: row.payment_minor.and_then(amount),
            reason: row.payment_reason,
        });
        Ok(Self {
            order_id: row.order_id,
            customer_id: row.customer_id,
            status: row.status,
            total_price: amount(row.total_minor),
            currency: row.currency,
            items: items.collect(),
            reason: row.reason.as_deref().map(json).transpose()?,
            payment,
            shipment: row.shipment.as_deref().map(json).transpose()?,
            created_at: time(row.created_millis),
            updated_at: time(row.updated_millis),
        })
    }
}

fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

const SELECT: &str = "\
    select o.order_id, o.customer_id, o.status::text as status, o.currency, o.total_minor, \
           o.lines::text as lines, o.reason::text as reason, o.shipment::text as shipment, \
           (extract(epoch from o.created_at) * 1000)::bigint as created_millis, \
           (extract(epoch from o.updated_at) * 1000)::bigint as updated_millis, \
           p.status::text as payment_status, p.amount_minor as payment_minor, \
           p.reason as payment_reason \
    from orders o left join payments p using (order_id)";

/// One order.
pub async fn find(lent: &mut PgConnection, id: OrderId) -> Result<Option<OrderView>, sqlx::Error> {
    let statement = AssertSqlSafe(format!("{SELECT} where o.order_id = $1"));
    let row: Option<Row> = sqlx::query_as(statement).bind(id.0).fetch_optional(lent).await?;
    row.map(OrderView::try_from).transpose()
}

/// Which page of whose orders.
#[derive(Debug)]
pub struct ListQuery {
    customer: CustomerId,
    limit: u16,
    after: Option<OrderId>,
}

impl ListQuery {
    /// Reads the query string.
    pub fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let query = Query::parse(text, &["customerId", "limit", "after"])?;
        let customer = query.get("customerId", "a customer id", CustomerId::parse)?;
        let customer = customer.ok_or_else(|| invalid("customerId is required"))?;
        let limit = query.get("limit", &format!("1 to {PAGE_MAX}"), |text| {
            text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit))
        })?;
        let after = query.get("after", "an order id", OrderId::parse)?;
        Ok(Self { customer, limit: limit.unwrap_or(PAGE_DEFAULT), after })
    }

    fn next(&self, last: Uuid) -> String {
        // Both ids are of grammars that need no escapes.
        format!("/orders?customerId={}&limit={}&after={last}", self.customer, self.limit)
    }
}

/// Orders of one customer, newest id first.
#[derive(Serialize)]
pub struct Page {
    orders: Vec<OrderView>,
    next: Option<String>,
}

/// One page: a range of the index on customer and order id, however far down.
pub async fn page(lent: &mut PgConnection, query: &ListQuery) -> Result<Page, sqlx::Error> {
    let statement = AssertSqlSafe(format!(
        "{SELECT} where o.customer_id = $1 and o.order_id < $2 order by o.order_id desc limit $3"
    ));
    let mut rows: Vec<Row> = sqlx::query_as(statement)
        .bind(query.customer.as_str())
        .bind(query.after.map_or(Uuid::max(), |after| after.0))
        // One more than asked for tells whether there is a next page.
        .bind(i64::from(query.limit) + 1)
        .fetch_all(lent)
        .await?;
    let found = rows.len();
    rows.truncate(usize::from(query.limit));
    rows.truncate(fitting(rows.iter().map(Row::document_bytes)));
    let full = rows.len() < found;
    let orders = rows.into_iter().map(OrderView::try_from).collect::<Result<Vec<_>, _>>()?;
    let next = orders.last().filter(|_| full).map(|last| query.next(last.order_id));
    Ok(Page { orders, next })
}

/// How many orders of these lengths make a page: as many as fit, and at least one.
fn fitting(lengths: impl Iterator<Item = usize>) -> usize {
    let mut left = PAGE_BYTES;
    let fits = |length: &usize| {
        left = left.saturating_sub(*length);
        left > 0
    };
    lengths.take_while(fits).count().max(1)
}

impl Page {
    /// The page, with a link to the next one.
    pub fn into_reply(self) -> Result<Reply, Problem> {
        let reply = reply::ok(&self)?;
        Ok(match &self.next {
            Some(next) => reply::with_next(reply, next),
            None => reply,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_an_owner_and_a_limit() {
        let query = ListQuery::parse(Some("customerId=c-1")).unwrap();
        assert_eq!((query.limit, query.after), (50, None));
        let next = query.next(Uuid::nil());
        let next = ListQuery::parse(next.split_once('?').map(|(_, text)| text)).unwrap();
        assert_eq!(next.after, Some(OrderId(Uuid::nil())));
        for bad in [
            "",
            "limit=5",
            "customerId=a%20b",
            "customerId=c&limit=0",
            "customerId=c&limit=201",
            "customerId=c&after=7",
        ] {
            assert!(ListQuery::parse(Some(bad)).is_err(), "{bad}");
        }
    }
    #[test]
    fn a_page_ends_with_the_bytes_it_may_have_and_is_never_empty() {
        assert_eq!(fitting([1_000; 20].into_iter()), 20);
        assert_eq!(fitting([100_000; 20].into_iter()), 2);
        assert_eq!(fitting([PAGE_BYTES + 1, 1].into_iter()), 1);
    }
}
