//! One defect at a time, built into the simulation: the checks are worth what
//! they catch.

/// A defect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mutation {
    #[default]
    None,
    /// The fence takes any epoch and commit number.
    FenceUnchecked,
    /// A claim leaves the epoch as it is.
    EpochKept,
    /// Every record counts as new.
    DedupeSkipped,
    /// Another body under a known id counts as new.
    BodyIgnored,
    /// Events are written by a transaction after the one that decides them.
    OutboxAfterCommit,
    /// Progress is committed before the effects.
    ProgressFirst,
    /// A cancellation gives stock back twice.
    StockReleasedTwice,
    /// The last update does not look whether there is enough.
    StockUnverified,
    /// A commit whose answer is lost counts as done.
    AmbiguousIsCommitted,
    /// It counts as not done.
    AmbiguousIsNot,
    /// Whether it was done is asked while it still may be.
    AskedWithoutWaiting,
    /// A claim does not ask for the payments that are open.
    ResumeSkipped,
    /// A step does not look whether the order is where it was seen.
    StepsUnverified,
    /// Nobody looks for what other lanes left.
    StraysForgotten,
    /// Nobody looks for refunds that are not confirmed.
    RefundsForgotten,
    /// A claim does not publish what the outbox holds.
    OutboxForgotten,
    /// The resume offset passes over orders that wait.
    ResumeTooFar,
    /// An outbox row goes when its events are sent.
    RetiredBeforeAcknowledged,
    /// Each question to the provider has a key of its own.
    KeyNotKept,
    /// A process whose lane was claimed by a late one goes on without it.
    RobbedStays,
}

impl Mutation {
    /// Every defect.
    pub(crate) const ALL: [Self; 20] = [
        Self::FenceUnchecked,
        Self::EpochKept,
        Self::DedupeSkipped,
        Self::BodyIgnored,
        Self::OutboxAfterCommit,
        Self::ProgressFirst,
        Self::StockReleasedTwice,
        Self::StockUnverified,
        Self::AmbiguousIsCommitted,
        Self::AmbiguousIsNot,
        Self::AskedWithoutWaiting,
        Self::ResumeSkipped,
        Self::StepsUnverified,
        Self::StraysForgotten,
        Self::RefundsForgotten,
        Self::OutboxForgotten,
        Self::ResumeTooFar,
        Self::RetiredBeforeAcknowledged,
        Self::KeyNotKept,
        Self::RobbedStays,
    ];
}
