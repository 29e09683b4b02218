//! A webhook: one POST an event, its id as `Idempotency-Key`. Several posters
//! work at once, each with its own connection and its own share of the subjects,
//! so that the events of one order arrive in order.

use std::hash::BuildHasher;
use std::time::Duration;

use ::metrics::Counter;
use anyhow::Context;
use hyper::Uri;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Report;
use crate::metrics;
use crate::notification::Notification;
use poster::{Answer, Poster};

mod poster;

/// How a webhook is called.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long one call may take, connecting included.
    pub timeout: Duration,
    /// How many calls are under way at once.
    pub concurrency: usize,
}

/// A sink that calls a URL.
pub struct Webhook {
    runtime: Runtime,
    posters: Vec<Poster>,
    shares: foldhash::fast::FixedState,
    refused: Counter,
}

impl Webhook {
    /// Makes the posters; none of them connects yet.
    ///
    /// # Errors
    /// The URL has no host.
    pub(super) fn new(name: &str, url: &Uri, settings: Settings) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let posters = (0..settings.concurrency.max(1))
            .map(|_| Poster::new(url, settings.timeout))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            runtime: runtime.context("cannot make a runtime for a webhook")?,
            posters,
            shares: foldhash::fast::FixedState::default(),
            refused: metrics::refused(name),
        })
    }

    pub(super) fn tell(
        &mut self,
        chunk: Vec<Notification>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Report> {
        let mut shares = vec![Vec::new(); self.posters.len()];
        for notification in chunk {
            let share = self.shares.hash_one(&notification.subject) % shares.len() as u64;
            shares[share as usize].push(notification);
        }
        let posters = std::mem::take(&mut self.posters);
        let report = self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for (poster, share) in posters.into_iter().zip(shares) {
                tasks.spawn(post_all(poster, share, self.refused.clone(), stop.clone()));
            }
            let mut whole = Report::default();
            while let Some(done) = tasks.join_next().await {
                let (poster, report) = done.context("a webhook's poster ended unexpectedly")?;
                self.posters.push(poster);
                whole.left.extend(report.left);
                whole.told.extend(report.told);
                whole.problem = whole.problem.or(report.problem);
            }
            anyhow::Ok(whole)
        })?;
        Ok(report)
    }
}

/// Posts a share in order up to the first failure.
async fn post_all(
    mut poster: Poster,
    share: Vec<Notification>,
    refused: Counter,
    stop: CancellationToken,
) -> (Poster, Report) {
    let mut report = Report::default();
    let mut share = share.into_iter();
    while let Some(notification) = share.next() {
        let answer = if stop.is_cancelled() {
            Answer::NotNow(None)
        } else {
            poster.post(&notification).await
        };
        match answer {
            Answer::Taken => report.told.push((notification.partition, notification.offset)),
            Answer::Refused(status) => {
                tracing::warn!(id = notification.id, %status, "webhook refuses an event");
                refused.increment(1);
                report.told.push((notification.partition, notification.offset));
            }
            Answer::NotNow(problem) => {
                report.problem = problem;
                report.left.push(notification);
                report.left.extend(share);
                break;
            }
        }
    }
    (poster, report)
}
