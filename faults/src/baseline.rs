//! What the programs hold: files, memory, sessions. After a fault they must hold
//! about what they held before it.

use std::collections::BTreeMap;

use sqlx::{Connection, PgConnection};

use crate::scenario::Program;
use crate::world::World;

/// Sockets to servers come and go; a leak takes one for each try.
const FILES_MAX: i64 = 24;
/// Allocators keep what a backlog once needed; a leak grows past it.
const MEMORY_MAX_MIB: i64 = 128;
const SESSIONS_MAX: i64 = 4;
/// Files of a gateway with all of the load's connections open; after a calm start
/// fewer may be.
const GATEWAY_FILES: i64 = 256 + 48;

/// What is held at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Baseline {
    files: BTreeMap<Program, i64>,
    memory_mib: BTreeMap<Program, i64>,
    /// Sessions of our programs on PostgreSQL.
    sessions: i64,
}

/// What is held more than before, by the program that gained most.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Gained {
    pub(crate) files: i64,
    pub(crate) memory_mib: i64,
    pub(crate) sessions: i64,
}

impl Baseline {
    pub(crate) async fn take(world: &World) -> Self {
        let sessions = sessions(world.stack.database_url()).await.unwrap_or_default();
        let (mut files, memory_mib) = (world.squad.open_files(), world.squad.memory_mib());
        if let Some(files) = files.get_mut(&Program::Ingest) {
            *files = (*files).max(GATEWAY_FILES);
        }
        Self { files, memory_mib, sessions }
    }

    pub(crate) fn gained(&self, now: &Self) -> Gained {
        Gained {
            files: most(&self.files, &now.files),
            memory_mib: most(&self.memory_mib, &now.memory_mib),
            sessions: now.sessions - self.sessions,
        }
    }
}

impl Gained {
    /// What is more than chance.
    pub(crate) fn wrong(self) -> Vec<String> {
        let grown = [
            ("open files", self.files, FILES_MAX),
            ("MiB of memory", self.memory_mib, MEMORY_MAX_MIB),
            ("sessions on PostgreSQL", self.sessions, SESSIONS_MAX),
        ];
        let over = grown.iter().filter(|(_, gained, max)| gained > max);
        over.map(|(what, gained, max)| format!("{gained} {what} more than before, above {max}"))
            .collect()
    }
}

fn most(before: &BTreeMap<Program, i64>, now: &BTreeMap<Program, i64>) -> i64 {
    let gains = now.iter().filter_map(|(program, held)| Some(held - before.get(program)?));
    gains.max().unwrap_or_default()
}

async fn sessions(database_url: &str) -> Result<i64, sqlx::Error> {
    let mut connection = PgConnection::connect(database_url).await?;
    let statement =
        "select count(*) from pg_stat_activity where application_name like 'ordermill-%'";
    let count = sqlx::query_scalar(statement).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_that_gained_most_counts_and_a_new_one_does_not() {
        let held = |files: &[(Program, i64)]| Baseline {
            files: files.iter().copied().collect(),
            ..Baseline::default()
        };
        let before = held(&[(Program::Ingest, 20), (Program::Notifier, 20)]);
        let now =
            held(&[(Program::Ingest, 50), (Program::Notifier, 10), (Program::Processor(1), 90)]);
        let gained = before.gained(&now);
        assert_eq!(gained.files, 30);
        assert_eq!(gained.wrong(), ["30 open files more than before, above 24"]);
        assert!(before.gained(&before).wrong().is_empty());
    }
}
