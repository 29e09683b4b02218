//! The `payments` table: the last word of a batch on each payment.

use sqlx::PgConnection;

use super::columns;
use crate::decide::Effects;

pub(super) async fn upsert(
    connection: &mut PgConnection,
    effects: &Effects<'_>,
) -> Result<(), sqlx::Error> {
    if effects.payments.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<_> = effects.payments.iter().collect();
    rows.sort_unstable_by_key(|(order_id, _)| **order_id);
    let rows = rows.iter();
    sqlx::query(
        "insert into payments (order_id, status, currency, amount_minor, reason, decided_at, updated_at) \
         select order_id, status::payment_status, currency, amount_minor, reason, now(), now() \
         from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[]) \
              as u(order_id, status, currency, amount_minor, reason) \
         on conflict (order_id) do update set status = excluded.status, updated_at = now()",
    )
    .bind(columns::of(rows.clone(), |(order_id, _)| order_id.0))
    .bind(columns::of(rows.clone(), |(_, payment)| payment.status))
    .bind(columns::of(rows.clone(), |(_, payment)| payment.amount.currency.code()))
    .bind(columns::of(rows.clone(), |(_, payment)| payment.amount.minor))
    .bind(columns::of(rows, |(_, payment)| payment.reason))
    .execute(connection)
    .await?;
    Ok(())
}
