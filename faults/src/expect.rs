//! What must be true of a round beside clean books.

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use crate::kafka::FLASH_SKU;
use crate::scenario::Program;
use crate::world::World;

const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// A program that is to end by itself does so within this time.
const END_MAX: Duration = Duration::from_secs(60);

/// Something that a scenario is to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expect {
    /// This metric of a program has risen since it was frozen.
    Counted(Program, &'static str),
    /// No partition of `orders` made no progress for so many milliseconds.
    Standstill(u64),
    /// Events of commits that were lost had been told: made again, they may be others.
    Retold,
    /// No request fails but on a connection that nobody listened for.
    OnlyUnserved,
    /// No request is refused but by a 503, and none goes without an answer.
    OnlyBusy,
    /// The program never had more than so many MiB.
    PeakBelow(Program, u64),
    /// The flash sale reserved or sold exactly what there was.
    SoldOut(i64),
    /// The program ends by itself and says this. The books are not judged:
    /// their log is not whole any more.
    Ends(Program, &'static str),
}

impl Expect {
    /// Whether another fault beside it may keep it from being so: a partition stands still
    /// for that one's reasons, and without a coordinator nobody takes a zombie's place.
    pub(crate) fn is_of_one_fault(self) -> bool {
        matches!(self, Self::Standstill(_) | Self::Counted(..) | Self::PeakBelow(..))
    }
}

/// What is wrong about it; nothing when it holds.
///
/// # Errors
/// It could not be looked at.
pub(crate) async fn check(
    world: &mut World,
    expect: Expect,
    standstill: Duration,
) -> Result<Option<String>> {
    Ok(match expect {
        Expect::Counted(program, name) => {
            let risen = world.squad.risen(program, name).await?;
            (risen <= 0.0).then(|| format!("{name} of {program:?} has not risen since its freeze"))
        }
        Expect::Standstill(max) => {
            let ms = standstill.as_millis();
            (ms > max.into()).then(|| format!("a partition stood still for {ms} ms, above {max}"))
        }
        // Known when the load has ended, and by the audit.
        Expect::OnlyUnserved | Expect::OnlyBusy | Expect::Retold => None,
        Expect::PeakBelow(program, max) => {
            let peak = world.squad.peak_mib(program)?;
            eprintln!("     {program:?} had {peak} MiB at most");
            (peak > max).then(|| format!("{program:?} had {peak} MiB, above {max}"))
        }
        Expect::SoldOut(stock) => sold_out(world, stock).await?,
        Expect::Ends(program, words) => ends(world, program, words).await,
    })
}

async fn sold_out(world: &World, stock: i64) -> Result<Option<String>> {
    let mut connection = PgConnection::connect(world.stack.database_url()).await?;
    let statement = "select available, reserved + sold, received from stock where sku = $1";
    let row: Option<[i64; 3]> = sqlx::query_as(statement)
        .bind(FLASH_SKU)
        .fetch_optional(&mut connection)
        .await?
        .map(|(available, gone, received)| [available, gone, received]);
    Ok(unsold(stock, row.context("the flash sale has no stock")?))
}

/// What is wrong about a sale. There may have been one before it, and goods whose
/// receipt was not confirmed were brought again.
fn unsold(stock: i64, [available, gone, received]: [i64; 3]) -> Option<String> {
    let right = available == 0 && gone == received && received >= stock;
    (!right).then(|| {
        format!("flash sale of {stock}: {available} left, {gone} gone of {received} received")
    })
}

/// What is wrong about the end of a program; nothing when it said these words.
pub(crate) async fn ends(world: &mut World, program: Program, words: &str) -> Option<String> {
    let begin = Instant::now();
    while begin.elapsed() < END_MAX {
        match world.squad.deserter(program) {
            None => sleep(LOOK_INTERVAL).await,
            Some(said) if said.contains(words) => {
                eprintln!("     it said: {}", said.lines().last().unwrap_or_default());
                return None;
            }
            Some(said) => {
                return Some(format!("{program:?} ended without saying {words:?}: {said}"));
            }
        }
    }
    Some(format!("{program:?} did not end within {END_MAX:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_is_right_when_all_that_was_received_is_gone() {
        assert_eq!(unsold(1_000, [0, 1_000, 1_000]), None);
        assert_eq!(unsold(1_000, [0, 2_000, 2_000]), None, "the second one");
        for wrong in [[1, 999, 1_000], [0, 1_001, 1_000], [0, 999, 1_000], [0, 0, 0]] {
            assert!(unsold(1_000, wrong).is_some(), "{wrong:?}");
        }
    }
}
