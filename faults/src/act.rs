//! Carries an action out.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use stack::Server;

use crate::scenario::Action;
use crate::world::World;

/// Does one thing to the system.
///
/// # Errors
/// It could not be done, which voids the scenario.
pub(crate) async fn act(world: &mut World, action: Action) -> Result<()> {
    match action {
        Action::Kill(program) => world.squad.signal(program, Signal::KILL),
        Action::Stop(program) => world.squad.stop(program).await,
        Action::Start(program) => world.start(program, &[]),
        Action::StartWith(program, settings) => world.start(program, settings),
        Action::Freeze(program) => world.squad.signal(program, Signal::STOP),
        Action::Thaw(program) => world.squad.signal(program, Signal::CONT),
        Action::Broker(signal) => world.stack.signal(Server::Kafka, signal),
        Action::StartBroker => world.stack.start(Server::Kafka),
        Action::Postgres(signal) => world.stack.signal(Server::Postgres, signal),
        Action::StartPostgres => world.stack.start(Server::Postgres),
        Action::KillBackend => kill_backend(world).await,
        Action::LockHotRow => hold(world, LOCK_HOT_ROW).await,
        Action::OpenTransaction => hold(world, OPEN_TRANSACTION).await,
        Action::Release => {
            // A closed connection gives up its transaction and its locks.
            world.held.clear();
            Ok(())
        }
        Action::Link(link, weather) => {
            world.links.set(link, weather);
            Ok(())
        }
        Action::Hold(moment) => world.links.hold(moment).await,
        Action::BreakHeld => {
            world.links.break_held();
            Ok(())
        }
        Action::Poison => world.kafka.poison(),
        Action::Redeliver => world.kafka.redeliver(),
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
