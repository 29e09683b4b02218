//! Why there is no report.

/// A run that could not be made; each kind has its exit code.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Settings contradict each other: correct them.
    #[error("{0}")]
    Usage(String),
    /// The gateway or the broker does not answer: start it, or name it right.
    #[error("{0}")]
    Unreachable(String),
    /// The run was ended before its load began.
    #[error("interrupted before the load began")]
    Interrupted,
    /// Anything else.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl RunError {
    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Interrupted => crate::report::EXIT_INTERRUPTED,
            Self::Failed(_) => crate::report::EXIT_FAILED,
        }
    }
}
