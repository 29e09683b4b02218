//! What is wrong with a document: one entry a fault, each with a JSON Pointer
//! (RFC 6901) to the place, in the order in which a reader meets them.

use std::fmt;

use serde::Serialize;

/// No more than this many faults of one document are listed.
pub(crate) const LISTED_MAX: usize = 100;

/// One fault.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Violation {
    /// Where: a JSON Pointer, `""` for the whole document.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// The faults of one document; never empty.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// A single fault.
    pub fn one(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self(vec![Violation { pointer: pointer.into(), detail: detail.into() }])
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, violation) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            let place = if violation.pointer.is_empty() { "body" } else { &violation.pointer };
            write!(f, "{separator}{place}: {}", violation.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// Gathers faults while a document is walked.
#[derive(Default)]
pub(crate) struct Collector(Vec<Violation>);

impl Collector {
    pub(crate) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.0.len() < LISTED_MAX {
            self.0.push(Violation { pointer: pointer.into(), detail: detail.into() });
        }
    }

    /// The value when nothing was found, else the faults. A missing value
    /// without a fault would be a hole in the walk; it is reported as one.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Violations> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ if self.0.is_empty() => Err(Violations::one("", "not understood")),
            _ => Err(Violations(self.0)),
        }
    }
}
