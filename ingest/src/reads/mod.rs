//! The read side: its own thread, its own small pool, possibly another server.
//!
//! Reads run on the runtime that called [`crate::run`], never on a worker, and
//! only so many may wait: more are refused at once. A slow or absent database
//! therefore costs a write nothing.

mod orders;
mod sales;
mod stock;
mod wait;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use contract::OrderId;
use jiff::Timestamp;
use metrics::Counter;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use self::orders::OrderView;
use crate::config::Config;
use crate::metrics::{READ_ERRORS, READS_REFUSED};
use crate::problem::{Kind, Problem};
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::routes::Route;

/// Reads that may wait for a connection, for each connection.
const WAITING_PER_CONNECTION: usize = 16;
/// Requests that may wait for an order to settle.
const LONG_POLLS_MAX: usize = 256;
/// How long a read may wait for a connection, and one that waits for an order for its place.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the server works on one statement.
const STATEMENT_TIMEOUT: &str = "2s";
/// How long until a server that does not even refuse is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a connection may take for the sign of life with which it goes back.
const RETURN_TIMEOUT: Duration = Duration::from_secs(1);

/// The read side; cheap to clone.
#[derive(Clone)]
pub struct Reads {
    runtime: Handle,
    pool: PgPool,
    places: Arc<Semaphore>,
    long_polls: Arc<Semaphore>,
    /// Ends long polls early.
    stop: CancellationToken,
    refused: Counter,
    errors: Counter,
}

impl Reads {
    /// A read side on the calling runtime. It connects when the first read
    /// comes, so the gateway starts without a database.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(config: &Config, stop: CancellationToken) -> anyhow::Result<Self> {
        let options = PgConnectOptions::from_str(config.read_url())
            .context("the database URL for reads is not one of PostgreSQL")?
            .application_name("ordermill-ingest")
            .options([
                ("statement_timeout", STATEMENT_TIMEOUT),
                ("default_transaction_read_only", "on"),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(config.read_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        let waiting = config.read_connections as usize * (1 + WAITING_PER_CONNECTION);
        Ok(Self {
            runtime: Handle::current(),
            pool,
            places: Arc::new(Semaphore::new(waiting)),
            long_polls: Arc::new(Semaphore::new(LONG_POLLS_MAX)),
            stop,
            refused: metrics::counter!(READS_REFUSED),
            errors: metrics::counter!(READ_ERRORS),
        })
    }

    /// Answers a reading route.
    pub async fn answer(&self, route: Route, query: Option<&str>) -> Result<Reply, Problem> {
        let reads = self.clone();
        let query = query.map(str::to_owned);
        // Dropped with this future when the client hangs up.
        let ended = self.stop.child_token();
        let _hang_up = ended.clone().drop_guard();
        // The worker only waits; statements and rows are the other runtime's.
        let read =
            self.runtime.spawn(async move { reads.read(route, query.as_deref(), &ended).await });
        read.await.unwrap_or_else(|_| Err(Problem::new(Kind::Internal, "the read ended early")))
    }

    async fn read(
        &self,
        route: Route,
        query: Option<&str>,
        ended: &CancellationToken,
    ) -> Result<Reply, Problem> {
        match route {
            Route::GetOrder(id) => {
                let query = Query::parse(query, &["wait"])?;
                let wait = wait::duration(&query)?;
                self.order(id, wait, ended).await
            }
            Route::ListOrders => {
                let query = orders::ListQuery::parse(query)?;
                let page = self.guarded(async |lent| orders::page(lent, &query).await).await?;
                page.into_reply()
            }
            Route::GetStock(sku) => {
                Query::parse(query, &[])?;
                let find = async |lent: &mut PgConnection| stock::find(lent, sku.as_str()).await;
                match self.guarded(find).await? {
                    Some(level) => reply::ok(&level),
                    None => Err(not_found(format!("no stock of {sku} was ever recorded"))),
                }
            }
            Route::GetSales => {
                let query = sales::SalesQuery::parse(query)?;
                reply::ok(&self.guarded(async |lent| sales::list(lent, &query).await).await?)
            }
            Route::PlaceOrder
            | Route::CancelOrder(_)
            | Route::ShipOrder(_)
            | Route::AdjustStock(_) => Err(Problem::new(Kind::Internal, "not a read")),
        }
    }

    async fn order(
        &self,
        id: OrderId,
        wait: Option<Duration>,
        ended: &CancellationToken,
    ) -> Result<Reply, Problem> {
        let found = match wait {
            None => self.find(id, self.permit(&self.places)?).await?,
            Some(patience) => {
                // Those who wait may wait for a place too: they are not more than these.
                let look = || async move { self.find(id, self.place().await?).await };
                let _permit = self.permit(&self.long_polls)?;
                wait::until_settled(look, patience, ended).await?
            }
        };
        match found {
            Some(order) => reply::ok(&order),
            None => Err(wait::unknown_order(id, service::clock::now())),
        }
    }

    async fn find(
        &self,
        id: OrderId,
        place: OwnedSemaphorePermit,
    ) -> Result<Option<OrderView>, Problem> {
        self.guarded_at(place, async |lent| orders::find(lent, id).await).await
    }

    /// Runs one statement under the limits that keep reads bounded.
    async fn guarded<T>(
        &self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Problem> {
        self.guarded_at(self.permit(&self.places)?, statement).await
    }

    async fn guarded_at<T>(
        &self,
        _place: OwnedSemaphorePermit,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Problem> {
        self.on_connection(statement).await.map_err(|error| {
            self.errors.increment(1);
            tracing::warn!(error, "read failed");
            Problem::new(Kind::ReadsAway, "orders are still taken; ask again later")
        })
    }

    async fn on_connection<T>(
        &self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, String> {
        let mut lent = self.pool.acquire().await.map_err(|error| error.to_string())?;
        // A read that is given up leaves a connection of which nobody knows whether it
        // will ever answer.
        lent.close_on_drop();
        let outcome = tokio::time::timeout(READ_TIMEOUT, statement(&mut lent)).await;
        let outcome = outcome.map_err(|_| "no answer".to_owned())?;
        give_back(lent).await;
        outcome.map_err(|error| error.to_string())
    }

    fn permit(&self, places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(places).try_acquire_owned().map_err(|_| self.crowded())
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(ACQUIRE_TIMEOUT, place).await;
        place.ok().and_then(Result::ok).ok_or_else(|| self.crowded())
    }

    fn crowded(&self) -> Problem {
        self.refused.increment(1);
        Problem::new(Kind::ReadsAway, "too many reads are waiting; ask again later")
    }
}

/// Gives a connection back. Left to its drop it would wait for the server's sign of life
/// without a limit, and its place in the pool with it; what takes too long is closed.
async fn give_back(mut lent: PoolConnection<Postgres>) {
    if tokio::time::timeout(RETURN_TIMEOUT, lent.return_to_pool()).await.is_err() {
        tracing::warn!("a connection gave no sign of life after its read; closed");
    }
}

fn not_found(detail: String) -> Problem {
    Problem::new(Kind::NotFound, detail)
}

/// A time of the database as JSON shows it.
fn time(epoch_millis: i64) -> Option<String> {
    Timestamp::from_millisecond(epoch_millis).ok().map(|time| format!("{time:.3}"))
}
