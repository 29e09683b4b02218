//! Following one order: the processor decides a few milliseconds after the 202,
//! so a reader may ask to be answered when there is something to say.

use std::time::{Duration, Instant};

use contract::OrderId;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::orders::OrderView;
use crate::problem::{Kind, Problem};
use crate::query::Query;

/// Longer waits are cut to this.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// First and longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));
/// An order accepted this recently may still be on its way to the tables.
const YOUNG_SECONDS: i64 = 60;

/// The `wait` parameter.
pub fn duration(query: &Query<'_>) -> Result<Option<Duration>, Problem> {
    let read = |text: &str| service::args::duration(text).ok();
    let wait = query.get("wait", "a duration such as 500ms or 5s", read)?;
    Ok(wait.map(|wait| wait.min(WAIT_MAX)))
}

/// Looks until the order is settled, time is up or nobody waits for it any more; gives
/// what was seen last.
pub async fn until_settled<F>(
    look: impl Fn() -> F,
    patience: Duration,
    ended: &CancellationToken,
) -> Result<Option<OrderView>, Problem>
where
    F: Future<Output = Result<Option<OrderView>, Problem>>,
{
    let deadline = Instant::now() + patience;
    let (mut pause, longest) = PAUSES;
    loop {
        let seen = look().await?;
        let left = deadline.saturating_duration_since(Instant::now());
        if seen.as_ref().is_some_and(OrderView::is_settled) || left.is_zero() {
            return Ok(seen);
        }
        tokio::select! {
            () = tokio::time::sleep(pause.min(left)) => {}
            () = ended.cancelled() => return Ok(seen),
        }
        pause = (pause * 2).min(longest);
    }
}

/// 404; when the id is so young that its order may be on its way, it says when
/// to ask again.
pub fn unknown_order(id: OrderId, now: Timestamp) -> Problem {
    let problem = Problem::new(Kind::NotFound, format!("no order {id} is known yet"));
    let minted = id.0.get_timestamp().map(|time| time.to_unix().0);
    let minted = minted.and_then(|seconds| i64::try_from(seconds).ok());
    match minted {
        Some(minted) if (now.as_second() - minted).abs() <= YOUNG_SECONDS => problem.retry_after(1),
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn only_a_young_order_is_worth_asking_for_again() {
        let says_when =
            |id, now| unknown_order(id, now).into_reply().headers().contains_key(RETRY_AFTER);
        let now = Timestamp::now();
        let later = Timestamp::from_second(now.as_second() + 3600).unwrap();
        assert!(says_when(OrderId::mint(), now));
        assert!(!says_when(OrderId::mint(), later));
        let customer = contract::CustomerId::parse("c").unwrap();
        assert!(!says_when(OrderId::for_idempotency_key(&customer, "k"), now));
    }

    #[test]
    fn a_wait_has_a_limit() {
        let wait = |text| duration(&Query::parse(Some(text), &["wait"]).unwrap());
        assert_eq!(wait("wait=500ms").unwrap(), Some(Duration::from_millis(500)));
        assert_eq!(wait("wait=1h").unwrap(), Some(WAIT_MAX));
        assert_eq!(wait("").unwrap(), None);
        assert!(wait("wait=soon").is_err());
    }
}
