//! Carries an action out.

mod postgres;
mod standby;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use stack::Server;
use tokio::time::{sleep, timeout};

use crate::expect;
use crate::scenario::Action;
use crate::world::World;

/// Copies made by one redelivery, of each partition.
const COPIES: i64 = 500;

/// How long PostgreSQL may take for an action. What stops it, or holds what the action
/// waits for, ends with a later step, which has to get its turn.
const DATABASE_MAX: Duration = Duration::from_secs(10);

/// Does one thing to the system.
///
/// # Errors
/// It could not be done, and may be tried again.
pub(crate) async fn act(world: &mut World, action: Action) -> Result<()> {
    match action {
        Action::Kill(program) => world.squad.kill(program).await,
        Action::Stop(program) => world.squad.stop(program).await,
        Action::Start(program) => world.start(program, &[]),
        Action::StartWith(program, settings) => world.start(program, settings),
        Action::Freeze(program) => world.squad.freeze(program).await,
        Action::Thaw(program) => world.squad.thaw(program),
        Action::Broker(signal) => world.stack.signal(Server::Kafka, signal),
        Action::StartBroker => world.stack.start(Server::Kafka),
        Action::Postgres(signal) => world.stack.signal(Server::Postgres, signal),
        Action::StartPostgres => world.stack.start(Server::Postgres),
        Action::Standby(_) | Action::StopStandby | Action::FailOver => {
            standby::act(world, action).await
        }
        Action::AwaitEnd(program, words) => match expect::ends(world, program, words).await {
            None => Ok(()),
            Some(wrong) => bail!(wrong),
        },
        Action::KillBackend
        | Action::LockHotRow
        | Action::OpenTransaction
        | Action::TakeSessions
        | Action::EndSessions
        | Action::Migrate
        | Action::Writable(_)
        | Action::Release => within_max(postgres::act(world, action)).await,
        Action::Link(link, weather) => {
            world.links.set(link, weather);
            Ok(())
        }
        Action::Hold(moment) => world.links.hold(moment).await,
        Action::BreakHeld => {
            world.links.break_held();
            Ok(())
        }
        Action::LetGo => {
            world.links.let_go();
            Ok(())
        }
        Action::Wait(milliseconds) => {
            sleep(Duration::from_millis(milliseconds)).await;
            Ok(())
        }
        Action::Poison => world.kafka.poison(),
        Action::Refusable => world.kafka.refusable(),
        Action::Redeliver => world.kafka.redeliver(COPIES),
        Action::Replay => world.kafka.redeliver(i64::MAX),
        Action::AddPartitions(by) => world.kafka.grow(by).await,
        Action::DeleteRecords => world.kafka.delete_records().await,
        Action::RemakeTopic => world.kafka.remake().await,
        Action::FillDisk => world.small_disk()?.fill(),
        Action::FreeDisk => world.small_disk()?.free(),
        Action::KillLoad => world.load()?.kill().await,
        Action::StopLoad => world.load()?.stop().await,
        Action::StartLoad => world.load()?.start_again(),
        Action::FlashSale(orders, stock) => world.load()?.flash_sale(orders, stock).await,
        Action::Overload(rate, seconds) => world.load()?.overload(rate, seconds).await,
    }
}

async fn within_max(action: impl Future<Output = Result<()>>) -> Result<()> {
    timeout(DATABASE_MAX, action).await.context("PostgreSQL does not get it done")?
}
