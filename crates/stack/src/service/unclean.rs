//! How a process that was told to stop did not end as it should.

use std::process::ExitStatus;
use std::time::Duration;

/// What it did instead; each with the end of its log, where there is one.
#[derive(Debug, thiserror::Error)]
pub enum Unclean {
    /// It was still there at the deadline, and was killed.
    #[error("{name} did not drain within {deadline:?}:\n{words}")]
    Overdue {
        /// What it is called.
        name: &'static str,
        /// How long it had.
        deadline: Duration,
        /// The end of its log.
        words: String,
    },
    /// It ended by a signal, or with a code that says that something failed.
    #[error("{name} did not stop cleanly ({status}):\n{words}")]
    Failed {
        /// What it is called.
        name: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The end of its log.
        words: String,
    },
    /// Nobody can say: the system does not tell.
    #[error("cannot see {name} end")]
    Unknown {
        /// What it is called.
        name: &'static str,
        /// What the system says.
        #[source]
        error: std::io::Error,
    },
}
