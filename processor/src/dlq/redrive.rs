//! Puts dead letters back on their topic.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::PgConnection;

use super::{Choice, Letter, Place, Servers, choose, connect};

/// How long the broker may take to acknowledge one record.
const ACK_DEADLINE: Duration = Duration::from_secs(30);
/// Letters of one redrive: all are in memory, and each may have a megabyte.
const LETTERS_MAX: i64 = 1_000;

/// The command.
#[derive(clap::Args)]
pub struct Redrive {
    /// Where they lay, such as orders/3/1234; without any, all that fit and were not redriven
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
        let topics = self.servers.kafka.topics();
        let config = service::kafka::producer(&self.servers.kafka.brokers, "ordermill-redrive");
        let producer: FutureProducer = config.create().context("cannot make a Kafka producer")?;
        for letter in &letters {
            let place = letter.place();
            ensure!(
                [&topics.orders, &topics.stock].contains(&&place.topic),
                "{place} is of a topic that this processor does not read"
            );
            send(&producer, letter).await.with_context(|| format!("cannot redrive {place}"))?;
            // After the acknowledgement: a crash in between sends it once more, and
            // dedupe knows its event id.
            mark(&mut connection, &place).await?;
        }
        lines.push(format!("{} redriven", letters.len()));
        Ok(lines.join("\n"))
    }

    async fn letters(&self, connection: &mut PgConnection) -> anyhow::Result<Vec<Letter>> {
        if self.places.is_empty() {
            let choice = Choice { open: true, ..self.choice.clone() };
            let mut letters = choose::choose(connection, &choice, LETTERS_MAX).await?;
            // In the order of the log, so that an order's events keep theirs.
            letters.sort_by_key(|letter| {
                let Place { topic, partition, offset } = letter.place();
                (topic, partition, offset)
            });
            return Ok(letters);
        }
        let mut letters = Vec::with_capacity(self.places.len());
        for place in &self.places {
            letters.push(choose::one(connection, place).await?);
        }
        Ok(letters)
    }
}

/// To its own partition: where its key belongs, and where a record without a key was.
async fn send(producer: &FutureProducer, letter: &Letter) -> anyhow::Result<()> {
    let place = letter.place();
    let mut headers = OwnedHeaders::new();
    for (key, value) in letter.headers()? {
        headers = headers.insert(Header { key: &key, value: value.as_deref() });
    }
    let mut record =
        FutureRecord::<[u8], [u8]>::to(&place.topic).partition(place.partition).headers(headers);
    (record.key, record.payload) = (letter.key.as_deref(), letter.value.as_deref());
    // Nothing else is in its queue, so that it has room.
    let sent = producer.send_result(record).map_err(|(error, _)| error)?;
    let acknowledged = tokio::time::timeout(ACK_DEADLINE, sent).await;
    acknowledged.context("the broker does not answer")??.map_err(|(error, _)| error)?;
    Ok(())
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
