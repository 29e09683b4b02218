//! Waiting for a condition, instead of sleeping and hoping.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `condition` holds; panics when it does not within `deadline`.
pub async fn wait_until(deadline: Duration, condition: impl AsyncFnMut() -> bool) {
    wait_until_named("the condition", deadline, condition).await;
}

/// Like [`wait_until`], and the panic says what was waited for.
pub async fn wait_until_named(
    what: &str,
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> bool,
) {
    let end = Instant::now() + deadline;
    while !condition().await {
        if Instant::now() > end {
            panic!("{what} did not come within {deadline:?}");
        }
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_condition_is_asked_until_it_holds() {
        let mut asked = 0;
        wait_until(Duration::from_secs(10), async || {
            asked += 1;
            asked == 3
        })
        .await;
        assert_eq!(asked, 3);
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "the parcel did not come within 1s")]
    async fn a_condition_that_never_holds_is_named() {
        wait_until_named("the parcel", Duration::from_secs(1), async || false).await;
    }
}
