//! Waits for PostgreSQL, makes the database when it is missing, and migrates it.

use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::options::Schema;

/// A server given by address may still be starting.
const DEADLINE: Duration = Duration::from_secs(60);

/// The database that every server has.
const MAINTENANCE: &str = "postgres";

/// SQLSTATE `invalid_catalog_name`: the server is there, the database is not.
const NO_SUCH_DATABASE: &str = "3D000";

/// SQLSTATE `duplicate_database`: somebody else has just made it.
const DATABASE_EXISTS: &str = "42P04";

/// Waits for the server at `url` and brings its database to the newest schema.
///
/// # Errors
/// When the server does not answer in time, or a migration fails.
pub async fn ensure(url: &str, schema: Schema) -> Result<()> {
    let options = PgConnectOptions::from_str(url).context("DATABASE_URL cannot be read")?;
    match schema {
        Schema::Untouched => wait(&options.database(MAINTENANCE)).await,
        Schema::Migrated => {
            wait(&options).await?;
            sql::migrate(url).await.context(
                "the database could not be migrated (one that another version of the \
                 migrations made goes away with `cargo stack down --purge`)",
            )
        }
    }
}

/// Refuses a database that holds orders: who asks for fresh data would load it,
/// audit it and leave orders behind.
///
/// # Errors
/// It holds orders, or does not answer.
pub async fn refuse_used(url: &str) -> Result<()> {
    let mut connection = PgConnectOptions::from_str(url)?.connect().await?;
    let used: bool =
        sqlx::query_scalar("select exists (select from orders)").fetch_one(&mut connection).await?;
    connection.close().await?;
    if used {
        bail!(
            "the database that DATABASE_URL names holds orders, and this run would add its own; \
             unset DATABASE_URL and KAFKA_BROKERS to let it bring servers of its own"
        );
    }
    Ok(())
}

async fn wait(options: &PgConnectOptions) -> Result<()> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match options.connect().await {
            Ok(connection) => return Ok(connection.close().await?),
            Err(error) if has_code(&error, NO_SUCH_DATABASE) => return create(options).await,
            // A wrong password does not get better by waiting.
            Err(error @ sqlx::Error::Database(_)) if !is_starting(&error) => {
                return Err(error).context("PostgreSQL refuses the connection");
            }
            Err(error) if Instant::now() > deadline => {
                let waited = DEADLINE.as_secs();
                return Err(error).with_context(|| {
                    format!("PostgreSQL at {} did not answer for {waited} s", address(options))
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn create(options: &PgConnectOptions) -> Result<()> {
    let name = options.get_database().unwrap_or_default();
    let mut connection = options.clone().database(MAINTENANCE).connect().await?;
    let statement = format!("create database \"{}\"", name.replace('"', "\"\""));
    match sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await {
        Err(error) if !has_code(&error, DATABASE_EXISTS) => {
            Err(error).with_context(|| format!("cannot create the database {name}"))
        }
        _ => Ok(connection.close().await?),
    }
}

/// SQLSTATE `cannot_connect_now`: the server is starting or recovering.
fn is_starting(error: &sqlx::Error) -> bool {
    has_code(error, "57P03")
}

fn has_code(error: &sqlx::Error, code: &str) -> bool {
    let found = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    found.is_some_and(|found| found == code)
}

fn address(options: &PgConnectOptions) -> String {
    format!("{}:{}", options.get_host(), options.get_port())
}
