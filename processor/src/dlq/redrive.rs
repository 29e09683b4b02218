//! Puts dead letters back on their topic.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::PgConnection;

use super::{Choice, Letter, Order, Place, Servers, choose, connect};

/// How long the broker may take to acknowledge one record.
const ACK_DEADLINE: Duration = Duration::from_secs(30);
/// Letters of one redrive: all are in memory, and each may have a megabyte.
const LETTERS_MAX: i64 = 1_000;

/// The command.
#[derive(clap::Args)]
pub struct Redrive {
    /// Where they lay, such as orders/3/1234; without any, the first 1,000 that fit and were not
    /// redriven
    #[arg(conflicts_with_all = ["reason", "since", "open"])]
    pub places: Vec<Place>,
    /// Which of them.
    #[command(flatten)]
    pub choice: Choice,
    /// Do it; without this only say what would be done
    #[arg(long)]
    pub yes: bool,
    /// Where they are.
    #[command(flatten)]
    pub servers: Servers,
}

impl Redrive {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let mut connection = connect(&self.servers.database).await?;
        let letters = self.letters(&mut connection).await?;
        let mut lines: Vec<_> = letters.iter().map(Letter::line).collect();
        if !self.yes {
            lines.push(format!("{} would be redriven; add --yes to do it", letters.len()));
            return Ok(lines.join("\n"));
        }
        lines.push(self.redrive(&mut connection, &letters).await?);
        Ok(lines.join("\n"))
    }

    /// Goes on after a letter that cannot be sent, so that every run gets further; but
    /// what is of its key stays with it.
    async fn redrive(
        &self,
        connection: &mut PgConnection,
        letters: &[Letter],
    ) -> anyhow::Result<String> {
        let topics = self.servers.kafka.topics();
        let producer = producer(&self.servers.kafka.brokers)?;
        let (mut left, mut held) = (Vec::new(), HashSet::new());
        for letter in letters {
            let (place, key) = (letter.place(), letter.key.as_deref());
            let sent = if ![&topics.orders, &topics.stock].contains(&&place.topic) {
                Sent::Refused("is of a topic that this processor does not read".to_owned())
            } else if key.is_some_and(|key| held.contains(key)) {
                Sent::Refused("has the key of one before it".to_owned())
            } else {
                send(&producer, letter).await.with_context(|| format!("cannot redrive {place}"))?
            };
            match sent {
                // After the acknowledgement: a crash in between sends it once more, and
                // dedupe knows its event id.
                Sent::Acknowledged => mark(connection, &place).await?,
                Sent::Refused(why) => {
                    held.extend(key);
                    left.push(format!("{place} {why}"));
                }
            }
        }
        let redriven = letters.len() - left.len();
        ensure!(left.is_empty(), "{redriven} redriven, {} not:\n{}", left.len(), left.join("\n"));
        Ok(format!("{redriven} redriven"))
    }

    async fn letters(&self, connection: &mut PgConnection) -> anyhow::Result<Vec<Letter>> {
        if self.places.is_empty() {
            let choice = Choice { open: true, ..self.choice.clone() };
            return choose::choose(connection, &choice, Order::OfTheLog, LETTERS_MAX).await;
        }
        let mut letters = Vec::with_capacity(self.places.len());
        for place in &self.places {
            letters.push(choose::one(connection, place).await?);
        }
        Ok(letters)
    }
}

fn producer(brokers: &str) -> anyhow::Result<FutureProducer> {
    let mut config = service::kafka::producer(brokers, "ordermill-redrive");
    // The topic judges what is too large, and it looks at what is left after compression.
    config.set("message.max.bytes", "1000000000");
    config.create().context("cannot make a Kafka producer")
}

/// What became of one letter.
enum Sent {
    Acknowledged,
    /// It is to blame itself: the next one may well be taken.
    Refused(String),
}

/// To its own partition: where its key belongs, and where a record without a key was.
async fn send(producer: &FutureProducer, letter: &Letter) -> anyhow::Result<Sent> {
    let place = letter.place();
    let mut headers = OwnedHeaders::new();
    for (key, value) in letter.headers()? {
        headers = headers.insert(Header { key: &key, value: value.as_deref() });
    }
    let mut record =
        FutureRecord::<[u8], [u8]>::to(&place.topic).partition(place.partition).headers(headers);
    (record.key, record.payload) = (letter.key.as_deref(), letter.value.as_deref());
    let refused = |error| Sent::Refused(format!("cannot be sent: {error}"));
    // Nothing else is in its queue, so that it has room.
    let acknowledged = match producer.send_result(record) {
        Ok(sent) => tokio::time::timeout(ACK_DEADLINE, sent).await,
        Err((error, _)) => return Ok(refused(error)),
    };
    Ok(match acknowledged.context("the broker does not answer")?? {
        Ok(_) => Sent::Acknowledged,
        Err((error, _)) => refused(error),
    })
}

async fn mark(connection: &mut PgConnection, place: &Place) -> anyhow::Result<()> {
    sqlx::query(
        "update dead_letters set redriven_at = now() \
         where topic = $1 and partition = $2 and \"offset\" = $3",
    )
    .bind(&place.topic)
    .bind(place.partition)
    .bind(place.offset)
    .execute(connection)
    .await?;
    Ok(())
}
