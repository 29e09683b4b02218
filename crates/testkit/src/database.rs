//! A database for each test, copied from a template that is migrated once.

use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// Locked while the template is looked for or made ("test" in ASCII).
const TEMPLATE_LOCK: i64 = 0x7465_7374;

/// The same server, another database.
#[must_use]
pub fn url_of(server_url: &str, database: &str) -> String {
    options(server_url).database(database).to_url_lossy().to_string()
}

/// Name of the migrated template; made when no process has made it yet.
pub async fn template(server_url: &str) -> String {
    let name = template_name();
    let mut connection = maintenance(server_url).await;
    sqlx::query("select pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut connection)
        .await
        .unwrap_or_else(|error| panic!("cannot lock the template: {error}"));
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&name)
            .fetch_one(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("cannot look for the template: {error}"));
    if !exists {
        make_template(server_url, &name, &mut connection).await;
    }
    close(connection).await;
    name
}

/// Copies the template into a new database.
pub async fn create(server_url: &str, template: &str, name: &str) {
    let mut connection = maintenance(server_url).await;
    run(&mut connection, format!("create database \"{name}\" template \"{template}\"")).await;
    close(connection).await;
}

/// Removes a database, whoever is still connected to it.
pub async fn remove(server_url: &str, name: &str) -> Result<(), sqlx::Error> {
    let mut connection = options(server_url).database("postgres").connect().await?;
    let statement = format!("drop database if exists \"{name}\" with (force)");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}

/// Opens a connection; the test fails when that cannot be done.
pub async fn connect(url: &str) -> PgConnection {
    match options(url).connect().await {
        Ok(connection) => connection,
        Err(error) => panic!("cannot connect to the test database: {error}"),
    }
}

/// Made under another name and renamed at the end, so that a half-made one is never copied.
async fn make_template(server_url: &str, name: &str, connection: &mut PgConnection) {
    let unfinished = format!("{name}_unfinished");
    run(connection, format!("drop database if exists \"{unfinished}\" with (force)")).await;
    run(connection, format!("create database \"{unfinished}\"")).await;
    if let Err(error) = sql::migrate(&url_of(server_url, &unfinished)).await {
        panic!("the migrations fail on an empty database: {error}");
    }
    // A template that nobody is connected to can be copied at any time.
    run(connection, format!("alter database \"{unfinished}\" with allow_connections false")).await;
    run(connection, format!("alter database \"{unfinished}\" rename to \"{name}\"")).await;
}

/// Carries a hash of the migrations, so that a changed one makes a new template.
fn template_name() -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in sql::MIGRATOR.iter().flat_map(|migration| migration.checksum.iter()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("template_{hash:016x}")
}

async fn maintenance(server_url: &str) -> PgConnection {
    connect(&url_of(server_url, "postgres")).await
}

async fn run(connection: &mut PgConnection, statement: String) {
    if let Err(error) = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(connection).await {
        panic!("`{statement}` failed: {error}");
    }
}

async fn close(connection: PgConnection) {
    // It would end with the server's knowledge of it anyway.
    drop(connection.close().await);
}

fn options(url: &str) -> PgConnectOptions {
    match PgConnectOptions::from_str(url) {
        Ok(options) => options,
        Err(error) => panic!("the database url cannot be read: {error}"),
    }
}
