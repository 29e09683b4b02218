//! The orders of a lane that wait for their payment. One that gets no answer for days
//! keeps the resume offset where it is, so the place to look from may be any number of
//! orders back: they are read in ranges, each within the time of one statement. An index
//! of what is reserved would cost each order more than this costs a claim.

use sqlx::PgConnection;

use super::orders::{STATE_COLUMNS, state};
use super::{ANSWER_MAX, answered};
use crate::decide::OrdersById;
use crate::lane::Claim;

/// Offsets of one statement.
const RANGE: usize = 100_000;

/// Reads the orders that a new owner of a lane of orders has to settle.
pub(super) async fn reserved(
    connection: &mut PgConnection,
    claim: &Claim,
) -> Result<OrdersById, sqlx::Error> {
    let mut found = OrdersById::default();
    for (from, to) in ranges(claim.resume_offset, claim.next_offset) {
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement()))
            .bind(claim.lane.partition)
            .bind(from)
            .bind(to)
            .fetch_all(&mut *connection);
        for row in answered(ANSWER_MAX, rows).await? {
            let (order_id, order) = state(&row)?;
            found.insert(order_id, order);
        }
    }
    Ok(found)
}

fn statement() -> String {
    format!(
        "select {STATE_COLUMNS} from orders o \
         where o.source_partition = $1 and o.source_offset >= $2 and o.source_offset < $3 \
           and o.status = 'RESERVED'"
    )
}

/// Cuts the offsets from `resume` up to `next` into ranges, each without its end.
fn ranges(resume: i64, next: i64) -> impl Iterator<Item = (i64, i64)> {
    let firsts = (resume..next).step_by(RANGE);
    firsts.map(move |first| (first, next.min(first + RANGE as i64)))
}

#[cfg(test)]
mod tests {
    use contract::topic::Topics;

    use super::*;
    use crate::store::Database;

    #[test]
    fn ranges_leave_nothing_out_and_meet_at_their_ends() {
        let all = |resume, next| ranges(resume, next).collect::<Vec<_>>();
        assert_eq!(all(7, 7), []);
        assert_eq!(all(7, 8), [(7, 8)]);
        assert_eq!(all(7, 100_007), [(7, 100_007)]);
        assert_eq!(all(7, 200_008), [(7, 100_007), (100_007, 200_007), (200_007, 200_008)]);
    }

    #[tokio::test]
    async fn a_statement_reads_its_range_and_no_more() {
        let bed = testkit::bed("reserved-plan").await;
        let database = Database::new(&bed.database_url, Topics::default()).unwrap();
        let mut connection = database.connect().await.unwrap();
        let explain = format!("explain {}", statement());
        let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(explain))
            .bind(0)
            .bind(0_i64)
            .bind(100_000_i64)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let bound = "(source_offset < '100000'::bigint)";
        let in_index = |line: &String| line.contains("Index Cond: ") && line.contains(bound);
        assert!(plan.iter().any(in_index), "{plan:#?}");
    }
}
