//! A connection with server-side time-outs: the server is what ends a statement that
//! takes too long. Only one that has vanished without a word is given up from here.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contract::topic::Topics;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::sqlstate::{Remedy, remedy};
use crate::lane::{LaneId, Source};

/// How long connecting may take, also over a link that takes its time.
const CONNECT_MAX: Duration = Duration::from_secs(30);

/// How long all statements of a transaction may take together; the server ends each
/// of them after 10 s.
pub const ANSWER_MAX: Duration = Duration::from_secs(120);

/// An answer, or an error when the server gives none.
///
/// # Errors
/// What the server says, or that it said nothing within `max`.
pub async fn answered<T>(
    max: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silence = |_| {
        let words = format!("PostgreSQL gave no answer within {} s", max.as_secs());
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, words)))
    };
    tokio::time::timeout(max, Box::pin(answer)).await.unwrap_or_else(silence)
}

/// Where the tables are and under which topic names lanes are written.
#[derive(Clone, Debug)]
pub struct Database {
    options: PgConnectOptions,
    topics: Topics,
    /// Whether it ever let us in.
    known: Arc<AtomicBool>,
}

impl Database {
    /// Reads the URL.
    ///
    /// # Errors
    /// It is no PostgreSQL URL.
    pub fn new(url: &str, topics: Topics) -> Result<Self, sqlx::Error> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("ordermill-processor");
        Ok(Self { options, topics, known: Arc::default() })
    }

    /// Opens a connection for a worker.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let options = self.options.clone().options([
            ("statement_timeout", "10s"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "30s"),
            // Plans for arrays of any length, made once: what the workers run is
            // always "look up each of these keys", and updates driven from the
            // sorted array lock rows in its order, which keeps workers from
            // deadlocking.
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("enable_seqscan", "off"),
            ("jit", "off"),
        ]);
        match answered(CONNECT_MAX, PgConnection::connect_with(&options)).await {
            Ok(connection) => {
                self.known.store(true, Ordering::Relaxed);
                Ok(connection)
            }
            // It let us in before: somebody has changed a password, a right or a name,
            // and will take it back or start us again.
            Err(error) if self.known.load(Ordering::Relaxed) && remedy(&error) == Remedy::Stop => {
                Err(sqlx::Error::Io(io::Error::other(error)))
            }
            Err(error) => Err(error),
        }
    }

    /// The topic's name as written to tables.
    pub fn topic(&self, lane: LaneId) -> &str {
        lane.topic(&self.topics)
    }

    /// The input that a topic name stands for.
    pub fn source(&self, topic: &str) -> Option<Source> {
        Source::of(topic, &self.topics)
    }
}

/// The number of commits that a lane has seen under this epoch; `None` when
/// another owner has claimed it. Waits for a transaction that still holds the
/// row: one whose answer was lost may not have ended yet.
///
/// # Errors
/// The server cannot answer.
pub async fn committed_seq(
    connection: &mut PgConnection,
    topic: &str,
    partition: i32,
    epoch: i64,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select commit_seq from partition_progress \
         where topic = $1 and partition = $2 and epoch = $3 for no key update",
    )
    .bind(topic)
    .bind(partition)
    .bind(epoch)
    .fetch_optional(connection)
    .await
}
