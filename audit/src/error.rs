//! Why an audit cannot judge.

use std::fmt;

/// Something that is needed for a verdict is missing: never a clean result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CannotJudge {
    /// Each thing that is missing.
    pub missing: Vec<String>,
}

impl CannotJudge {
    /// One thing is missing.
    pub fn because(missing: impl Into<String>) -> Self {
        Self { missing: vec![missing.into()] }
    }
}

impl fmt::Display for CannotJudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.missing.join("; "))
    }
}

impl std::error::Error for CannotJudge {}

impl From<sqlx::Error> for CannotJudge {
    fn from(error: sqlx::Error) -> Self {
        Self::because(format!("PostgreSQL: {error}"))
    }
}

/// Why one step of the watch was not made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// A server does not answer: the step is tried again.
    Again(String),
    /// No later step could judge either: the watch ends.
    ForGood(CannotJudge),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Again(format!("PostgreSQL: {error}"))
    }
}
