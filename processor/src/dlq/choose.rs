//! Which dead letters are meant.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use service::args::duration;
use sqlx::PgConnection;

use super::Letter;

/// Where a dead record lay: `orders/3/1234`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write TOPIC/PARTITION/OFFSET, such as orders/3/1234".to_owned();
        let mut parts = text.rsplitn(3, '/');
        let offset = parts.next().and_then(|part| part.parse().ok()).ok_or_else(wrong)?;
        let partition = parts.next().and_then(|part| part.parse().ok()).ok_or_else(wrong)?;
        let topic = parts.next().filter(|topic| !topic.is_empty()).ok_or_else(wrong)?.to_owned();
        Ok(Self { topic, partition, offset })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// Dead letters by what they have in common; nothing given is all of them.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Choice {
    /// Only with this reason, such as `invalid_body`
    #[arg(long, value_name = "CODE")]
    pub reason: Option<String>,
    /// Only those that died within this time, such as 1h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub since: Option<Duration>,
    /// Only those that were not redriven
    #[arg(long)]
    pub open: bool,
}

const COLUMNS: &str = "topic, partition, \"offset\", key, value, headers::text as headers, code, message, \
                       died_at::text as died_at, redriven_at::text as redriven_at";

/// Which of more letters than the limit are given, and in which order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// For a person who looks.
    NewestFirst,
    /// An event of an order never comes without those before it.
    OfTheLog,
}

impl Order {
    fn columns(self) -> &'static str {
        match self {
            Self::NewestFirst => "died_at desc, topic, partition, \"offset\" desc",
            Self::OfTheLog => "topic, partition, \"offset\"",
        }
    }
}

pub(super) async fn choose(
    connection: &mut PgConnection,
    choice: &Choice,
    order: Order,
    limit: i64,
) -> anyhow::Result<Vec<Letter>> {
    let sql = format!(
        "select {COLUMNS} from dead_letters \
         where ($1::text is null or code = $1) \
           and ($2::float8 is null or died_at > now() - make_interval(secs => $2)) \
           and (not $3 or redriven_at is null) \
         order by {} limit $4",
        order.columns()
    );
    // Only our own columns are put into the text.
    let letters = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(&choice.reason)
        .bind(choice.since.map(|since| since.as_secs_f64()))
        .bind(choice.open)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    Ok(letters)
}

pub(super) async fn one(connection: &mut PgConnection, place: &Place) -> anyhow::Result<Letter> {
    let sql = format!(
        "select {COLUMNS} from dead_letters where topic = $1 and partition = $2 and \"offset\" = $3"
    );
    let letter = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(&place.topic)
        .bind(place.partition)
        .bind(place.offset)
        .fetch_optional(connection)
        .await?;
    letter.with_context(|| format!("no dead letter {place}; `processor dlq list` shows them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for text in ["orders/3/1234", "a/b/0/0"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for bad in ["", "orders", "orders/3", "/3/4", "orders/x/4", "orders/3/-x"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
