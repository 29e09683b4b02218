//! A second PostgreSQL that takes over.

use std::time::Duration;

use anyhow::{Result, bail};
use sqlx::{Connection, PgConnection};
use stack::StandbyStep;
use tokio::time::{Instant, sleep};

use crate::scenario::{Action, Replication};
use crate::world::World;

const FOLLOWS_WITHIN: Duration = Duration::from_secs(30);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Does one thing with the standby.
///
/// # Errors
/// It could not be done.
pub(super) async fn act(world: &mut World, action: Action) -> Result<()> {
    match action {
        Action::Standby(replication) => follow(world, replication).await,
        Action::StopStandby => world.stack.standby(StandbyStep::Stop),
        _ => world.stack.standby(StandbyStep::TakePlace),
    }
}

async fn follow(world: &World, replication: Replication) -> Result<()> {
    world.stack.standby(StandbyStep::Follow)?;
    let mut primary = PgConnection::connect(world.stack.database_url()).await?;
    let (names, state) = match replication {
        Replication::Synchronous => ("*", "sync"),
        Replication::Asynchronous => ("", "async"),
    };
    let setting = format!("alter system set synchronous_standby_names = '{names}'");
    for statement in [setting.as_str(), "select pg_reload_conf()"] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut primary).await?;
    }
    let begin = Instant::now();
    let statement =
        "select count(*) from pg_stat_replication where state = 'streaming' and sync_state = $1";
    while begin.elapsed() < FOLLOWS_WITHIN {
        let count: i64 = sqlx::query_scalar(statement).bind(state).fetch_one(&mut primary).await?;
        if count > 0 {
            return Ok(());
        }
        sleep(LOOK_INTERVAL).await;
    }
    bail!("the standby does not follow within {FOLLOWS_WITHIN:?}")
}
