//! The `payments` table: the last word of a batch on each payment.

use contract::OrderId;
use sqlx::PgConnection;

use super::columns;
use crate::decide::{Effects, PaymentRow};

pub(super) async fn write(
    connection: &mut PgConnection,
    effects: &Effects<'_>,
) -> Result<(), sqlx::Error> {
    let mut rows: Vec<_> = effects.payments.iter().collect();
    rows.sort_unstable_by_key(|(order_id, _)| **order_id);
    let (first, later): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, row)| is_first(row));
    insert(connection, &first, "").await?;
    insert(connection, &later, UPDATE).await
}

/// A charge is settled once, while its order is reserved and has no payment yet: such
/// a row needs none of the care of an upsert, which doubles what it costs. One that is
/// there all the same is nobody's to overwrite: the process stops.
fn is_first(row: &PaymentRow) -> bool {
    matches!(row.status, "CAPTURED" | "DECLINED")
}

const UPDATE: &str =
    "on conflict (order_id) do update set status = excluded.status, updated_at = now()";

async fn insert(
    connection: &mut PgConnection,
    rows: &[(&OrderId, &PaymentRow)],
    on_conflict: &'static str,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "insert into payments (order_id, status, currency, amount_minor, reason, decided_at, updated_at) \
         select order_id, status::payment_status, currency, amount_minor, reason, now(), now() \
         from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[]) \
              as u(order_id, status, currency, amount_minor, reason) {on_conflict}"
    );
    let rows = rows.iter();
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(columns::of(rows.clone(), |(order_id, _)| order_id.0))
        .bind(columns::of(rows.clone(), |(_, payment)| payment.status))
        .bind(columns::of(rows.clone(), |(_, payment)| payment.amount.currency.code()))
        .bind(columns::of(rows.clone(), |(_, payment)| payment.amount.minor))
        .bind(columns::of(rows, |(_, payment)| payment.reason))
        .execute(connection)
        .await?;
    Ok(())
}
