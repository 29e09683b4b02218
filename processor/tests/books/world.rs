//! A processor in this process, and hands to feed it and look at its books.

use std::time::Duration;

use clap::Parser;
use contract::OrderId;
use processor::config::RunArgs;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use service::admin::Admin;
use service::health::Health;
use sqlx::PgConnection;
use testkit::{Bed, wait_until_named};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SOON: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    run: RunArgs,
}

/// A running processor.
pub(crate) struct Running {
    stop: CancellationToken,
    health: Health,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    pub(crate) async fn start(bed: &Bed, flags: &[&str]) -> Self {
        let mut words =
            vec!["processor", "--brokers", &bed.brokers, "--database-url", &bed.database_url];
        let topics = &bed.topics;
        words.extend(["--orders-topic", &topics.orders, "--stock-topic", &topics.stock]);
        words.extend(["--order-events-topic", &topics.order_events, "--dlq-topic", &topics.dlq]);
        // One group a bed: groups span databases.
        words.extend(["--group", &topics.orders]);
        words.extend(flags);
        let args = Cli::try_parse_from(words).unwrap().run;
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let health = Health::default();
        let admin = Admin { health: health.clone(), metrics: recorder.handle() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stop = CancellationToken::new();
        let run = processor::pipeline::run(args, listener, admin, stop.clone());
        // Said at once: a test may wait for its effects before it asks how it ended.
        let task = tokio::spawn(async {
            run.await.inspect_err(|error| eprintln!("the processor ended: {error:#}"))
        });
        Self { stop, health, task }
    }

    /// Waits until this condition of its readiness fails.
    pub(crate) async fn until_unready(&self, condition: &'static str) {
        let what = format!("a failure of {condition}");
        wait_until_named(&what, SOON, async || self.health.is_failing(condition)).await;
    }

    /// Waits until nothing is wrong with it.
    pub(crate) async fn until_ready(&self) {
        wait_until_named("readiness", SOON, async || self.health.problem().is_none()).await;
    }

    /// Waits until this is part of what is wrong with it.
    pub(crate) async fn until_problem(&self, words: &str) {
        self.until_problem_within(SOON, words).await;
    }

    pub(crate) async fn until_problem_within(&self, deadline: Duration, words: &str) {
        let says = async || self.health.problem().is_some_and(|problem| problem.contains(words));
        wait_until_named(words, deadline, says).await;
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// What it says when it ends by itself.
    pub(crate) async fn last_words(self) -> String {
        let ended = tokio::time::timeout(SOON, self.task).await.expect("it goes on");
        format!("{:#}", ended.unwrap().unwrap_err())
    }
}

/// A test's bed with a connection to look at.
pub(crate) struct World {
    pub(crate) bed: Bed,
    pub(crate) books: PgConnection,
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        let bed = testkit::bed(name).await;
        let books = bed.connect().await;
        Self { bed, books }
    }

    pub(crate) async fn order(&self, order_id: OrderId, body: &str) -> (i32, i64) {
        self.send(order_id, "order.created.v1", order_id, body).await
    }

    pub(crate) async fn ask(&self, order_id: OrderId, kind: &str, body: &str) -> (i32, i64) {
        self.send(order_id, kind, OrderId::mint(), body).await
    }

    pub(crate) async fn send(
        &self,
        order_id: OrderId,
        kind: &str,
        event_id: OrderId,
        body: &str,
    ) -> (i32, i64) {
        let (key, event_id) = (order_id.to_string(), event_id.to_string());
        let headers = headers(&event_id, kind);
        self.bed
            .produce(&self.bed.topics.orders, Some(key.as_bytes()), Some(body.as_bytes()), &headers)
            .await
    }

    pub(crate) async fn adjust(&self, sku: &str, quantity: i64, reason: &str) -> (i32, i64) {
        let event_id = OrderId::mint().to_string();
        let body = format!(r#"{{"quantity":{quantity},"reason":"{reason}"}}"#);
        let headers = headers(&event_id, "stock.adjusted.v1");
        self.bed
            .produce(&self.bed.topics.stock, Some(sku.as_bytes()), Some(body.as_bytes()), &headers)
            .await
    }

    /// Stocks a product and waits until it is on the shelf.
    pub(crate) async fn stock(&mut self, sku: &str, quantity: i64) {
        self.adjust(sku, quantity, "restock").await;
        let sql =
            format!("select coalesce(max(available), 0)::text from stock where sku = '{sku}'");
        self.until(&sql, &quantity.to_string()).await;
    }

    /// Waits until a query that gives one text gives this one.
    pub(crate) async fn until(&mut self, sql: &str, expected: &str) {
        let deadline = tokio::time::Instant::now() + SOON;
        loop {
            let found = self.text(sql).await;
            if found == expected {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{sql}\n gives {found:?}, not {expected:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn text(&mut self, sql: &str) -> String {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        let found: Option<String> =
            sqlx::query_scalar(sql).fetch_one(&mut self.books).await.unwrap();
        found.unwrap_or_default()
    }

    pub(crate) async fn until_status(&mut self, order_id: OrderId, status: &str) {
        let sql = format!(
            "select coalesce(max(status::text), 'none') from orders where order_id = '{order_id}'"
        );
        self.until(&sql, status).await;
    }

    /// Event types of an order as consumers see them, each id once.
    pub(crate) async fn told(&self, order_id: OrderId) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let mut told = Vec::new();
        for record in self.bed.read_all(&self.bed.topics.order_events).await {
            let header = |name: &str| {
                let value = record
                    .headers
                    .iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.clone());
                String::from_utf8(value.unwrap_or_default()).unwrap()
            };
            if record.key.as_deref() == Some(order_id.to_string().as_bytes())
                && seen.insert(header("ce_id"))
            {
                told.push(header("ce_type"));
            }
        }
        told
    }

    /// Hands for the topics.
    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        service::kafka::client(&self.bed.brokers, "test").create().unwrap()
    }

    /// The largest batch that the topic of events takes, in bytes.
    pub(crate) async fn limit_events(&self, bytes: &str) {
        let topic = ResourceSpecifier::Topic(&self.bed.topics.order_events);
        let limit = AlterConfig::new(topic).set("max.message.bytes", bytes);
        let altered = self.admin().alter_configs([&limit], &AdminOptions::new()).await.unwrap();
        altered.into_iter().for_each(|altered| drop(altered.unwrap()));
    }

    /// Waits until nothing is left to publish.
    pub(crate) async fn until_published(&mut self) {
        self.until("select count(*)::text from outbox", "0").await;
    }
}

pub(crate) fn headers<'a>(event_id: &'a str, kind: &'a str) -> Vec<(&'a str, &'a [u8])> {
    vec![
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.as_bytes()),
        ("ce_source", b"/ingest"),
        ("ce_type", kind.as_bytes()),
        ("ce_time", b"2026-11-21T08:46:10.123Z"),
        ("content-type", b"application/json"),
    ]
}

/// An order of one line.
pub(crate) fn body(sku: &str, quantity: i64, price: &str) -> String {
    format!(
        r#"{{"customerId":"c-1","items":[{{"productId":"{sku}","quantity":{quantity},"price":{price}}}]}}"#
    )
}
