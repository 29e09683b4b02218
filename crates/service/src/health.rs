//! Readiness as named conditions: ready when none of them is failing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The conditions of one process; cheap to clone and share.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, String>>>);

impl Health {
    /// Marks a condition as failing, with its reason.
    pub fn fail(&self, condition: &str, reason: impl Into<String>) {
        self.failing().insert(condition.to_owned(), reason.into());
    }

    /// Marks a condition as met.
    pub fn pass(&self, condition: &str) {
        self.failing().remove(condition);
    }

    /// Whether a condition is failing.
    pub fn is_failing(&self, condition: &str) -> bool {
        self.failing().contains_key(condition)
    }

    /// One line a failing condition; `None` when ready.
    pub fn problem(&self) -> Option<String> {
        let failing = self.failing();
        let lines: Vec<_> = failing.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn failing(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        // A panicking holder leaves a map that is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_that_no_condition_fails() {
        let health = Health::default();
        assert_eq!(health.problem(), None);
        health.fail("kafka", "no broker");
        health.fail("drain", "stopping");
        assert_eq!(health.problem().unwrap(), "drain: stopping\nkafka: no broker");
        assert!(health.is_failing("kafka") && !health.is_failing("claim"));
        health.pass("kafka");
        health.pass("drain");
        assert_eq!(health.problem(), None);
    }
}
