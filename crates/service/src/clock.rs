//! The wall clock as the process believes it. A fault test sets it wrong with
//! `CLOCK_SHIFT`; nobody else should.

use std::sync::OnceLock;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use uuid::{NoContext, Uuid};

const VARIABLE: &str = "CLOCK_SHIFT";

static SHIFT: OnceLock<SignedDuration> = OnceLock::new();

/// Takes the shift from the environment, such as `1h` or `-1h`. Before that, and
/// without it, the clock is the system's.
///
/// # Errors
/// The variable holds no duration.
pub fn set_from_env() -> anyhow::Result<()> {
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(()) };
    let shift: SignedDuration =
        text.parse().with_context(|| format!("{VARIABLE}={text} is no duration such as -1h"))?;
    tracing::warn!(%shift, "the clock is set wrong on purpose");
    // A second call (tests in one process) keeps the first shift.
    let _first_wins = SHIFT.set(shift);
    Ok(())
}

/// What time it is.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    SHIFT.get().map_or(now, |shift| now.checked_add(*shift).unwrap_or(now))
}

/// A fresh id that sorts by time: UUIDv7 (RFC 9562).
pub fn mint() -> Uuid {
    if SHIFT.get().is_none() {
        return Uuid::now_v7();
    }
    let now = now();
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanoseconds))
}
