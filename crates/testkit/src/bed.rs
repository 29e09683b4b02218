//! One test's own place: a database and topics that nobody else uses.

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use sqlx::postgres::PgConnection;
use stack::topics::DEAD_LETTER_LIMIT;
use uuid::Uuid;

use crate::database;
use crate::janitor::{self, Leftover};
use crate::records::{self, OwnedRecord};
use crate::servers::{self, REQUEST, Servers};
use crate::wait::wait_until_named;

/// A migrated, empty database and empty topics; removed some time after it is dropped.
pub struct Bed {
    /// Bootstrap servers of the broker.
    pub brokers: String,
    /// The database.
    pub database_url: String,
    /// The topics.
    pub topics: Topics,
    database: String,
    servers: &'static Servers,
}

/// Names of a bed's topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// Orders and what happens to them, in.
    pub orders: String,
    /// Restocks and corrections, in.
    pub stock: String,
    /// What became of each order, out.
    pub order_events: String,
    /// Records nobody could read.
    pub dlq: String,
}

/// A bed with other than the default partition counts.
#[derive(Debug, Clone)]
pub struct Builder {
    name: String,
    partitions: Vec<(String, u16)>,
}

/// A bed for the test `name` (letters, digits, dashes and underscores).
pub async fn bed(name: &str) -> Bed {
    Bed::builder(name).start().await
}

impl Bed {
    /// A bed that is still to be configured.
    #[must_use]
    pub fn builder(name: &str) -> Builder {
        let partitions =
            stack::env::TOPICS.iter().map(|&(variable, count)| (variable.to_owned(), count));
        Builder { name: name.to_owned(), partitions: partitions.collect() }
    }

    /// `NAME=value` for a process that is to use this bed.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = stack::env::exports(&self.brokers, &self.database_url);
        for (variable, topic) in stack::env::TOPICS.iter().zip(self.topics.all()) {
            if let Some((_, value)) = env.iter_mut().find(|(name, _)| name == variable.0) {
                topic.clone_into(value);
            }
        }
        env
    }

    /// A connection to the database.
    pub async fn connect(&self) -> PgConnection {
        database::connect(&self.database_url).await
    }

    /// Writes a record and waits for the broker; gives its partition and offset.
    pub async fn produce(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) -> (i32, i64) {
        self.send(record(topic, key, value, headers)).await
    }

    /// Like [`Bed::produce`], to a topic and partition of the caller's choice.
    pub async fn produce_to(
        &self,
        (topic, partition): (&str, i32),
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) -> (i32, i64) {
        self.send(record(topic, key, value, headers).partition(partition)).await
    }

    /// Deletes a topic that holds records and makes it anew, empty.
    pub async fn remake(&self, topic: &str, partitions: i32) {
        let (admin, options) = (&self.servers.admin, options());
        match admin.delete_topics(&[topic], &options).await.as_deref() {
            Ok([Ok(_)]) => {}
            other => panic!("topic {topic} was not deleted: {other:?}"),
        }
        let anew = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        wait_until_named("a topic made anew", REQUEST, async || {
            match admin.create_topics([&anew], &options).await.as_deref() {
                Ok([Ok(_)]) => true,
                // The broker is still at the deletion.
                Ok([Err((_, RDKafkaErrorCode::TopicAlreadyExists))]) => false,
                other => panic!("topic {topic} was not made anew: {other:?}"),
            }
        })
        .await;
        // The controller answers before the broker that leads the topic has heard of it:
        // until then records are taken, and acknowledged, into the log that is to go.
        wait_until_named("the end of the old log", REQUEST, async || {
            let end = |partition| admin.inner().fetch_watermarks(topic, partition, REQUEST);
            (0..partitions).all(|partition| matches!(end(partition), Ok((_, 0))))
        })
        .await;
    }

    /// Every record of a topic, by partition and offset.
    pub async fn read_all(&self, topic: &str) -> Vec<OwnedRecord> {
        let (brokers, topic) = (self.brokers.clone(), topic.to_owned());
        let read = move || records::read_all(&brokers, &topic);
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(records)) => records,
            Ok(Err(why)) => panic!("cannot read the topic: {why}"),
            Err(error) => panic!("cannot read the topic: {error}"),
        }
    }

    async fn send(&self, record: FutureRecord<'_, [u8], [u8]>) -> (i32, i64) {
        let delivery = match self.servers.producer.send_result(record) {
            Ok(delivery) => delivery.await,
            Err((error, _)) => panic!("cannot queue a record: {error}"),
        };
        match delivery {
            Ok(Ok(delivery)) => (delivery.partition, delivery.offset),
            Ok(Err((error, _))) => panic!("the broker did not take a record: {error}"),
            Err(_) => panic!("the producer ended before the broker answered"),
        }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let topics = self.topics.all().map(str::to_owned).to_vec();
        janitor::remove(self.servers, Leftover { database: self.database.clone(), topics });
    }
}

impl Topics {
    fn named(prefix: &str) -> Self {
        Self {
            orders: format!("{prefix}-orders"),
            stock: format!("{prefix}-stock"),
            order_events: format!("{prefix}-order-events"),
            dlq: format!("{prefix}-orders-dlq"),
        }
    }

    /// In the order of [`stack::env::TOPICS`].
    fn all(&self) -> [&str; 4] {
        [&self.orders, &self.stock, &self.order_events, &self.dlq]
    }
}

impl Builder {
    /// Sets the partition count of a topic: `orders`, `stock`, `order_events` or `dlq`.
    #[must_use]
    pub fn partitions(mut self, topic: &str, count: u16) -> Self {
        let variable = format!("{}_TOPIC", topic.to_uppercase());
        match self.partitions.iter_mut().find(|(name, _)| *name == variable) {
            Some((_, partitions)) => *partitions = count,
            None => panic!("no topic {topic}: one of orders, stock, order_events, dlq"),
        }
        self
    }

    /// Makes the database and the topics.
    pub async fn start(self) -> Bed {
        let servers = servers::shared().await;
        // Unique over all processes that share the servers; short, as PostgreSQL cuts names at 63.
        let unique = Uuid::new_v4().simple().to_string();
        let prefix = format!("{}-{}", self.name, &unique[..12]);
        let topics = Topics::named(&prefix);
        let database = format!("test-{prefix}");
        let server_url = servers.stack.database_url();
        tokio::join!(
            database::create(server_url, &servers.template, &database),
            create_topics(servers, topics.clone(), self.partitions),
        );
        Bed {
            brokers: servers.stack.brokers().to_owned(),
            database_url: database::url_of(server_url, &database),
            topics,
            database,
            servers,
        }
    }
}

async fn create_topics(servers: &Servers, topics: Topics, partitions: Vec<(String, u16)>) {
    let options = options();
    let names = topics.all();
    let mut wanted = Vec::with_capacity(names.len());
    for (name, (_, count)) in names.into_iter().zip(&partitions) {
        // As the stack allows on the dead letter topic; here on all.
        let topic = NewTopic::new(name, i32::from(*count), TopicReplication::Fixed(1));
        wanted.push(topic.set(DEAD_LETTER_LIMIT.0, DEAD_LETTER_LIMIT.1));
    }
    match servers.admin.create_topics(&wanted, &options).await {
        Ok(results) => {
            if let Some(Err((name, code))) = results.iter().find(|result| result.is_err()) {
                panic!("topic {name} could not be created: {code}");
            }
        }
        Err(error) => panic!("the topics could not be created: {error}"),
    }
    if let Err(error) = stack::topics::until_told(&servers.admin, &names).await {
        panic!("the topics were created in vain: {error:#}");
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST)).operation_timeout(Some(REQUEST))
}

fn record<'a>(
    topic: &'a str,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &[(&str, &[u8])],
) -> FutureRecord<'a, [u8], [u8]> {
    let headers = headers.iter().fold(OwnedHeaders::new(), |headers, &(key, value)| {
        headers.insert(Header { key, value: Some(value) })
    });
    let mut record = FutureRecord::to(topic).headers(headers);
    record.key = key;
    record.payload = value;
    record
}
