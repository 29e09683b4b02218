//! Creates the topics of a stack through Kafka's admin API.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;

use crate::env;
use crate::options::Topic;

/// A broker that has just begun to listen answers within a second; one given
/// by address may still be starting.
const DEADLINE: Duration = Duration::from_secs(60);

/// Setting of a topic for dead letters: one is as large as any record, and its
/// reasons come on top.
pub const DEAD_LETTER_LIMIT: (&str, &str) = ("max.message.bytes", "2097152");

/// Setting of all topics: a record goes when its whole segment is older than the
/// retention of 7 days. With segments of a day none outlives the 8 days for which the
/// processor remembers what it has counted.
const SEGMENT_AGE: (&str, &str) = ("segment.ms", "86400000");

/// One attempt.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Creates the topics that do not exist; says which exist with fewer partitions.
///
/// # Errors
/// When the broker does not answer or refuses a topic.
pub async fn ensure(brokers: &str, topics: &[Topic]) -> Result<Vec<String>> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        // A broker that is still starting is dialled again soon.
        .set("reconnect.backoff.max.ms", "200")
        .create()
        .context("cannot make a Kafka client")?;
    let deadline = Instant::now() + DEADLINE;
    loop {
        match create(&admin, topics).await {
            Ok(existing) => {
                let names: Vec<_> = topics.iter().map(|topic| topic.name.as_str()).collect();
                until_told(&admin, &names).await?;
                return partition_notes(&admin, &existing);
            }
            Err(error) if Instant::now() < deadline => {
                drop(error);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => {
                return Err(error.context(format!(
                    "Kafka at {brokers} did not create the topics within {} s",
                    DEADLINE.as_secs()
                )));
            }
        }
    }
}

/// Creates topics; gives those that exist already.
async fn create<'a>(
    admin: &AdminClient<DefaultClientContext>,
    topics: &'a [Topic],
) -> Result<Vec<&'a Topic>> {
    let wanted: Vec<_> = topics.iter().map(new_topic).collect();
    let options =
        AdminOptions::new().request_timeout(Some(ATTEMPT)).operation_timeout(Some(ATTEMPT));
    let mut existing = Vec::new();
    for result in admin.create_topics(&wanted, &options).await? {
        match result {
            Ok(_) => {}
            Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => {
                existing.extend(topics.iter().find(|topic| topic.name == name));
            }
            Err((name, code)) => bail!("topic {name} could not be created: {code}"),
        }
    }
    Ok(existing)
}

/// Waits until the broker tells clients about the topics: the controller creates
/// them, and the broker that answers clients hears of it a moment later.
///
/// # Errors
/// When the broker does not answer, or does not know a topic after a minute.
pub async fn until_told(admin: &AdminClient<DefaultClientContext>, topics: &[&str]) -> Result<()> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let metadata = admin.inner().fetch_metadata(None, ATTEMPT)?;
        let told = |name: &&str| {
            metadata.topics().iter().any(|topic| {
                topic.name() == *name
                    && !topic.partitions().is_empty()
                    && topic.partitions().iter().all(|partition| partition.error().is_none())
            })
        };
        let Some(untold) = topics.iter().find(|name| !told(name)) else { return Ok(()) };
        if Instant::now() >= deadline {
            bail!(
                "the broker does not know topic {untold} {} s after its creation",
                DEADLINE.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn new_topic(topic: &Topic) -> NewTopic<'_> {
    let new = NewTopic::new(&topic.name, i32::from(topic.partitions), TopicReplication::Fixed(1));
    let new = new.set(SEGMENT_AGE.0, SEGMENT_AGE.1);
    if topic.name == env::value("DLQ_TOPIC") {
        new.set(DEAD_LETTER_LIMIT.0, DEAD_LETTER_LIMIT.1)
    } else {
        new
    }
}

/// Partitions are never added: that would send the keys of running orders elsewhere.
fn partition_notes(
    admin: &AdminClient<DefaultClientContext>,
    existing: &[&Topic],
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for topic in existing {
        let metadata = admin.inner().fetch_metadata(Some(&topic.name), ATTEMPT)?;
        let has = metadata.topics().first().map_or(0, |found| found.partitions().len());
        if has < usize::from(topic.partitions) {
            notes.push(format!(
                "topic {} has {has} partitions, not the {} asked for, and is left as it is",
                topic.name, topic.partitions
            ));
        }
    }
    Ok(notes)
}
