//! One dead letter, for a person.

use std::fmt;

use sqlx::FromRow;

use super::Place;
use crate::store::{OwnedHeader, headers_from_json};

/// Characters of a message in a list.
const MESSAGE_MAX: usize = 80;

/// A row of `dead_letters`.
#[derive(FromRow, Clone, Debug)]
pub struct Letter {
    topic: String,
    partition: i32,
    offset: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    headers: String,
    code: String,
    message: String,
    died_at: String,
    redriven_at: Option<String>,
}

impl Letter {
    /// Where it lay.
    pub fn place(&self) -> Place {
        Place { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }

    /// Its headers: name and value.
    ///
    /// # Errors
    /// The row was not written by us.
    pub(crate) fn headers(&self) -> Result<Vec<OwnedHeader>, sqlx::Error> {
        headers_from_json(&self.headers)
    }

    /// Place, time, reason, and what became of it, in one line.
    pub fn line(&self) -> String {
        let message: String = self.message.chars().take(MESSAGE_MAX).collect();
        let redriven = self.redriven_at.as_ref().map_or("", |_| "  redriven");
        format!(
            "{:<20} {}  {:<20} {message}{redriven}",
            self.place().to_string(),
            self.died_at,
            self.code
        )
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_ref().map_or("(none)".to_owned(), |bytes| {
                String::from_utf8_lossy(bytes).escape_debug().to_string()
            })
        };
        writeln!(f, "place     {}", self.place())?;
        writeln!(f, "died      {}", self.died_at)?;
        writeln!(f, "redriven  {}", self.redriven_at.as_deref().unwrap_or("never"))?;
        writeln!(f, "reason    {}: {}", self.code, self.message)?;
        writeln!(f, "key       {}", text(&self.key))?;
        for (name, value) in self.headers().unwrap_or_default() {
            writeln!(f, "header    {name}: {}", text(&value))?;
        }
        write!(f, "value     {}", text(&self.value))
    }
}
