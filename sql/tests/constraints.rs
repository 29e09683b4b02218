//! What the tables refuse, whoever writes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test reports by panicking")]

use sqlx::{AssertSqlSafe, Executor, PgConnection};

const ORDER: &str = "01990000-0000-7000-8000-000000000001";

async fn refused(connection: &mut PgConnection, statement: &str) -> String {
    let error = connection.execute(AssertSqlSafe(statement)).await.expect_err(statement);
    error.as_database_error().unwrap().message().to_owned()
}

#[tokio::test]
async fn a_status_goes_one_way() {
    let bed = testkit::bed("constraints").await;
    let mut connection = bed.connect().await;
    let order = format!(
        "insert into orders (order_id, customer_id, status, currency, total_minor, lines, source_partition, \
                             source_offset, created_at, updated_at) \
         values ('{ORDER}', 'c-1', 'RESERVED', 'EUR', 100, '[]', 0, 0, now(), now()); \
         insert into payments (order_id, status, currency, amount_minor, decided_at, updated_at) \
         values ('{ORDER}', 'CAPTURED', 'EUR', 100, now(), now())"
    );
    sqlx::raw_sql(AssertSqlSafe(order)).execute(&mut connection).await.unwrap();
    for (table, allowed, illegal) in [
        ("orders", "PAID", "RESERVED"),
        ("payments", "REFUND_PENDING", "CAPTURED"),
        ("payments", "REFUNDED", "REFUND_PENDING"),
    ] {
        let update = |status| format!("update {table} set status = '{status}'");
        connection.execute(AssertSqlSafe(update(allowed))).await.unwrap();
        let words = refused(&mut connection, &update(illegal)).await;
        assert!(words.ends_with(&format!("cannot go from {allowed} to {illegal}")), "{words}");
    }
}
