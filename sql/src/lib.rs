//! The schema: numbered migrations, and the questions people ask of the tables.
//! Statements that a process runs live beside that process, not here.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, PgConnection};

/// Every migration, in order.
pub static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// Brings the database at `database_url` to the current schema. Several callers
/// at once are safe: each waits for an advisory lock.
///
/// # Errors
/// When the server cannot be reached or a migration fails; each migration is
/// one transaction, so a failed one leaves nothing behind.
pub async fn migrate(database_url: &str) -> Result<(), MigrateError> {
    let mut connection = PgConnection::connect(database_url).await?;
    MIGRATOR.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
