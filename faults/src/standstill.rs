//! The longest time that a partition of `orders` made no progress, while load
//! came in all the time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

const LOOK_INTERVAL: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_secs(1);

/// A look at the progress every 50 ms, until dropped.
pub(crate) struct Standstill {
    longest: Arc<Mutex<Duration>>,
    looking: JoinHandle<()>,
}

impl Standstill {
    pub(crate) fn watch(database_url: String, orders: String) -> Self {
        let longest = Arc::new(Mutex::new(Duration::ZERO));
        let looking = tokio::spawn(look(database_url, orders, Arc::clone(&longest)));
        Self { longest, looking }
    }

    /// The longest so far; one that goes on counts.
    pub(crate) fn longest(&self) -> Duration {
        *self.longest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn look(database_url: String, orders: String, longest: Arc<Mutex<Duration>>) {
    let mut moved: HashMap<i32, (i64, Instant)> = HashMap::new();
    let mut connection = None;
    loop {
        sleep(LOOK_INTERVAL).await;
        let rows = timeout(LOOK, progress(&mut connection, &database_url, &orders)).await;
        // A server that does not answer commits nothing: the time goes on.
        let Ok(Ok(rows)) = rows else {
            connection = None;
            continue;
        };
        for (partition, next) in rows {
            let (known, since) = moved.entry(partition).or_insert((next, Instant::now()));
            let mut longest = longest.lock().unwrap_or_else(PoisonError::into_inner);
            *longest = (*longest).max(since.elapsed());
            if *known != next {
                (*known, *since) = (next, Instant::now());
            }
        }
    }
}

async fn progress(
    connection: &mut Option<PgConnection>,
    database_url: &str,
    orders: &str,
) -> Result<Vec<(i32, i64)>, sqlx::Error> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => PgConnection::connect(database_url).await?,
    };
    let statement = "select partition, next_offset from partition_progress where topic = $1";
    let rows = sqlx::query_as(statement).bind(orders).fetch_all(&mut open).await?;
    *connection = Some(open);
    Ok(rows)
}
