//! One consistent view of all tables: a repeatable-read, read-only transaction.

use std::str::FromStr;

use service::args::without_password;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use crate::error::CannotJudge;

/// Connects for an audit.
pub async fn connect(url: &str) -> Result<PgConnection, CannotJudge> {
    let unreachable = |error: sqlx::Error| {
        let server = without_password(url);
        CannotJudge::because(format!("PostgreSQL at {server} does not answer: {error}"))
    };
    let options = PgConnectOptions::from_str(url)
        .map_err(unreachable)?
        .application_name("audit")
        // Reading a whole table is slow and no trouble.
        .disable_statement_logging()
        // A snapshot outlives the reading of the log, and a table is one statement.
        .options([("idle_in_transaction_session_timeout", "0"), ("statement_timeout", "0")]);
    options.connect().await.map_err(unreachable)
}

/// Begins a view: it is of the moment of the first statement that follows.
pub async fn begin(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let sql = "begin isolation level repeatable read read only";
    sqlx::raw_sql(sql).execute(connection).await?;
    Ok(())
}

/// Lets go of the view.
pub async fn end(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("rollback").execute(connection).await?;
    Ok(())
}

/// What is under way as the view shows it, each in a sentence.
pub async fn unrest(connection: &mut PgConnection) -> Result<Vec<String>, CannotJudge> {
    const COUNTS: [(&str, &str); 4] = [
        ("select count(*) from outbox", "rows in the outbox"),
        (
            "select count(*) from dead_letters where published_at is null",
            "unpublished dead letters",
        ),
        ("select count(*) from payments where status = 'REFUND_PENDING'", "open refunds"),
        ("select count(*) from orders where status = 'RESERVED'", "orders wait for their payment"),
    ];
    let mut unrest = Vec::new();
    for (sql, what) in COUNTS {
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
        if count > 0 {
            unrest.push(format!("{count} {what}"));
        }
    }
    Ok(unrest)
}
