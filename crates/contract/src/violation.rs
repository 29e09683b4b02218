//! What is wrong with a document: one entry a fault, each with a JSON Pointer
//! (RFC 6901) to the place, in the order in which a reader meets them.

use std::fmt;

use serde::Serialize;

/// No more than this many faults of one document are listed.
pub(crate) const LISTED_MAX: usize = 100;
/// Nor more than so many bytes of them, as JSON writes their text: an answer or a
/// dead letter shall not grow with what a client repeats.
pub(crate) const LISTED_BYTES_MAX: usize = 8 * 1024;

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

/// Gathers faults while a document is walked, until it is full.
#[derive(Default)]
pub(crate) struct Collector {
    listed: Vec<Violation>,
    /// Of every fault that came while there was room, also of the one that had none.
    bytes: usize,
}

impl Collector {
    pub(crate) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.is_full() {
            return;
        }
        let violation = Violation { pointer: pointer.into(), detail: detail.into() };
        self.bytes += written(&violation.pointer) + written(&violation.detail);
        // The first is listed whatever it takes: a document with a fault is not valid.
        if self.bytes <= LISTED_BYTES_MAX || self.listed.is_empty() {
            self.listed.push(violation);
        }
    }

    /// Adds a fault, but for a place that has one.
    pub(crate) fn add_once(&mut self, pointer: String, detail: &str) {
        if self.listed.iter().all(|violation| violation.pointer != pointer) {
            self.add(pointer, detail);
        }
    }

    /// Whether nothing is listed any more; a walk may stop then.
    pub(crate) fn is_full(&self) -> bool {
        self.listed.len() >= LISTED_MAX || self.bytes > LISTED_BYTES_MAX
    }

    /// The value when nothing was found, else the faults. A missing value
    /// without a fault would be a hole in the walk; it is reported as one.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Violations> {
        match value {
            Some(value) if self.listed.is_empty() => Ok(value),
            _ if self.listed.is_empty() => Err(Violations::one("", "not understood")),
            _ => Err(Violations(self.listed)),
        }
    }
}

/// Bytes of a text in JSON: a control character takes six.
fn written(text: &str) -> usize {
    let cost = |byte| match byte {
        0..0x20 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(cost).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_by_its_number_or_its_bytes() {
        let mut many = Collector::default();
        (0..LISTED_MAX + 1).for_each(|n| many.add(format!("/{n}"), "is bad"));
        assert!(many.is_full());
        assert_eq!(many.finish(Some(())).unwrap_err().as_slice().len(), LISTED_MAX);

        let mut large = Collector::default();
        let pointer = "\u{1}".repeat(256);
        (0..LISTED_MAX).for_each(|_| large.add(pointer.clone(), "is bad"));
        assert!(large.is_full());
        large.add("/short", "comes too late");
        let listed = large.finish(Some(())).unwrap_err();
        assert_eq!(listed.as_slice().len(), LISTED_BYTES_MAX / (6 * 256 + "is bad".len()));
        let written = serde_json::to_vec(&listed).unwrap().len();
        assert!(written < LISTED_BYTES_MAX + 1024, "{written}");
    }
}
