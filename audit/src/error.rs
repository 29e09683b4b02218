//! Why an audit cannot judge.

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

impl From<sqlx::Error> for CannotJudge {
    fn from(error: sqlx::Error) -> Self {
        Self::because(format!("PostgreSQL: {error}"))
    }
}
