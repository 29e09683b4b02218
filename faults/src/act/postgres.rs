//! What is done to PostgreSQL from inside.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};

use crate::scenario::Action;
use crate::world::World;

/// More than PostgreSQL has.
const SESSIONS_MAX: usize = 1_000;

/// Does one thing to PostgreSQL.
///
/// # Errors
/// It could not be done.
pub(super) async fn act(world: &mut World, action: Action) -> Result<()> {
    match action {
        Action::KillBackend => kill_backend(world).await,
        Action::LockHotRow => hold(world, LOCK_HOT_ROW).await,
        Action::OpenTransaction => hold(world, OPEN_TRANSACTION).await,
        Action::TakeSessions => take_sessions(world).await,
        Action::EndSessions => {
            end_sessions(&mut PgConnection::connect(world.stack.database_url()).await?).await
        }
        Action::Migrate => migrate(world).await,
        Action::Writable(writable) => self::writable(world, writable).await,
        // A closed connection gives up its transaction and its locks.
        _ => {
            world.held.clear();
            Ok(())
        }
    }
}

const LOCK_HOT_ROW: &str = "select sku from stock where sku = (select sku from stock order by sold desc limit 1) for update";
/// The snapshot of a repeatable read is what keeps dead rows alive.
const OPEN_TRANSACTION: &str = "select count(*)::text from orders";

async fn hold(world: &mut World, statement: &'static str) -> Result<()> {
    let mut connection = PgConnection::connect(world.stack.database_url()).await?;
    sqlx::query("begin isolation level repeatable read").execute(&mut connection).await?;
    sqlx::query(statement).execute(&mut connection).await?;
    world.held.push(connection);
    Ok(())
}

/// Takes every session there is: those that are free, then those of the processors,
/// before the processors can have them again.
async fn take_sessions(world: &mut World) -> Result<()> {
    take_free(world).await;
    let mut own = world.held.pop().context("PostgreSQL has no session to give")?;
    end_sessions(&mut own).await?;
    world.held.push(own);
    take_free(world).await;
    Ok(())
}

async fn take_free(world: &mut World) {
    for _ in 0..SESSIONS_MAX {
        match PgConnection::connect(world.stack.database_url()).await {
            Ok(connection) => world.held.push(connection),
            Err(_refused) => break,
        }
    }
}

/// Ends the sessions of the processors.
async fn end_sessions(connection: &mut PgConnection) -> Result<()> {
    let statement = "select pg_terminate_backend(pid) from pg_stat_activity \
                     where application_name = 'ordermill-processor'";
    sqlx::query(statement).execute(connection).await?;
    Ok(())
}

/// Adds what no program knows of, then makes it unseen again: both directions of a
/// migration, each while orders come in. Can be tried again from any of its steps.
async fn migrate(world: &World) -> Result<()> {
    let mut connection = PgConnection::connect(world.stack.database_url()).await?;
    for statement in [
        "set lock_timeout = '1s'",
        // Beside an open transaction the index waits; it has to end before we give up.
        "set statement_timeout = '8s'",
        "alter table orders add column if not exists gift boolean not null default false",
        "create index concurrently if not exists orders_gift on orders (created_at) where gift",
        "alter table payments add column if not exists wallet text",
        "drop index concurrently if exists orders_gift",
        "alter table orders drop column if exists gift",
        "alter table payments drop column if exists wallet",
    ] {
        sqlx::query(statement).execute(&mut connection).await.context(statement)?;
    }
    Ok(())
}

/// As after a failover to a standby that is not promoted yet.
async fn writable(world: &World, writable: bool) -> Result<()> {
    let mut connection = PgConnection::connect(world.stack.database_url()).await?;
    let on = if writable { "off" } else { "on" };
    let setting = format!("alter system set default_transaction_read_only = {on}");
    let statements = [
        "set default_transaction_read_only = off".to_owned(),
        setting,
        "select pg_reload_conf()".to_owned(),
    ];
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    end_sessions(&mut connection).await
}

async fn kill_backend(world: &World) -> Result<()> {
    let mut connection = PgConnection::connect(world.stack.database_url()).await?;
    let pid: Option<i32> = sqlx::query_scalar(
        "select pid from pg_stat_activity \
         where backend_type = 'client backend' and datname = current_database() \
           and application_name = 'ordermill-processor' limit 1",
    )
    .fetch_optional(&mut connection)
    .await?;
    let pid = pid.context("no processor has a connection")?;
    send(u32::try_from(pid)?, Signal::KILL)
}

fn send(pid: u32, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("no such process")?;
    kill_process(pid, signal).context("cannot send a signal to PostgreSQL")
}
