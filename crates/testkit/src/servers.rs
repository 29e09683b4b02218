//! The servers that all tests share, and one client of each kind per process.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::FutureProducer;
use stack::{Options, Progress, Stack};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use crate::database;

/// The shared servers, as this process uses them.
pub struct Servers {
    /// Holds the lease until the process ends, however it ends.
    pub stack: Stack,
    /// Creates and deletes topics.
    pub admin: AdminClient<DefaultClientContext>,
    /// Writes records for tests.
    pub producer: FutureProducer,
    /// The migrated database that each bed's is a copy of.
    pub template: String,
}

/// One attempt of a Kafka request.
pub const REQUEST: Duration = Duration::from_secs(20);

static SERVERS: OnceCell<Servers> = OnceCell::const_new();

/// The shared servers; brought up by the first test of the first process that asks.
pub async fn shared() -> &'static Servers {
    SERVERS.get_or_init(start).await
}

async fn start() -> Servers {
    let (stack, template) = match tokio::task::spawn_blocking(bring_up).await {
        Ok(up) => up,
        Err(error) => panic!("the test stack did not come up: {error}"),
    };
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", stack.brokers());
    let (Ok(admin), Ok(producer)) = (
        config.create(),
        config.clone().set("partitioner", "murmur2_random").set("linger.ms", "0").create(),
    ) else {
        panic!("cannot make Kafka clients for {}", stack.brokers());
    };
    Servers { stack, admin, producer, template }
}

fn bring_up() -> (Stack, String) {
    let stack = match stack::up(&Options::for_tests(), &mut Progress::stderr()) {
        Ok(stack) => stack,
        Err(error) => panic!("the test stack did not come up: {error:#}"),
    };
    // Here and not in `start`: sqlx's migrator would keep that, and so every bed, from being Send.
    let template = Handle::current().block_on(database::template(stack.database_url()));
    (stack, template)
}
