//! The cashier of one worker: asks the provider outside any lock, as often as
//! it takes, with bounded concurrency, and collects the answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use service::backoff::Backoff;
use tokio::task::JoinSet;

use super::tab::{Answered, Question, Tab};
use super::{Admission, Breaker, BreakerState, NoAnswer, Provider, Verdict, within};
use crate::decide::{Charge, Outcome, Questions, Refund};
use crate::metrics::PaymentMetrics;

/// Bounds.
#[derive(Clone, Debug)]
pub struct CashierConfig {
    /// Questions asked at the same time by one worker.
    pub concurrency: usize,
    /// How long one question may take.
    pub deadline: Duration,
    /// Waits between questions about one order: first and longest.
    pub retry: (Duration, Duration),
}

/// What all cashiers of a process share.
pub(crate) struct Till {
    provider: Provider,
    breaker: Mutex<Breaker>,
    config: CashierConfig,
    metrics: PaymentMetrics,
}

/// The cashier.
pub struct Cashier {
    till: Arc<Till>,
    asking: JoinSet<Outcome>,
    queue: VecDeque<Question>,
    tab: Tab,
}

impl Cashier {
    /// A cashier for each worker of a process; all share provider and breaker.
    pub fn staff(
        provider: Provider,
        breaker: Breaker,
        config: CashierConfig,
        workers: usize,
    ) -> Vec<Self> {
        let metrics = PaymentMetrics::new();
        let till = Arc::new(Till { provider, breaker: Mutex::new(breaker), config, metrics });
        (0..workers)
            .map(|_| Self {
                till: till.clone(),
                asking: JoinSet::new(),
                queue: VecDeque::new(),
                tab: Tab::default(),
            })
            .collect()
    }

    /// Asks what is to be asked. Must be called inside the worker's runtime.
    pub fn ask(&mut self, questions: Questions) {
        for charge in questions.charges {
            let question = self.tab.charge(charge);
            self.put(question);
        }
        for refund in questions.refunds {
            let question = self.tab.refund(refund);
            self.put(question);
        }
    }

    /// Questions without an answer.
    pub fn unanswered(&self) -> usize {
        self.asking.len() + self.queue.len()
    }

    /// Whether questions wait until others are answered.
    pub fn is_full(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Answers that are there now.
    pub fn answers(&mut self, most: usize) -> Vec<Outcome> {
        let mut answers = Vec::new();
        while answers.len() < most {
            match self.asking.try_join_next() {
                Some(Ok(outcome)) => answers.extend(self.answered(outcome)),
                // A question that panicked stays open; whoever claims the lane
                // next asks again.
                Some(Err(error)) => tracing::error!(%error, "a payment task failed"),
                None => break,
            }
        }
        answers
    }

    /// Waits for an answer; pending while nothing is asked.
    pub async fn answer(&mut self) -> Option<Outcome> {
        match self.asking.join_next().await {
            Some(Ok(outcome)) => self.answered(outcome),
            Some(Err(error)) => {
                tracing::error!(%error, "a payment task failed");
                None
            }
            None => std::future::pending().await,
        }
    }

    fn answered(&mut self, outcome: Outcome) -> Option<Outcome> {
        let settled = match self.tab.answered(outcome) {
            Answered::Settle(outcome) => Some(outcome),
            Answered::Ask(question) => {
                self.put(Some(question));
                None
            }
        };
        if let Some(next) = self.queue.pop_front() {
            self.spawn(next);
        }
        settled
    }

    fn put(&mut self, question: Option<Question>) {
        let Some(question) = question else { return };
        if self.asking.len() < self.till.config.concurrency {
            self.spawn(question);
        } else {
            self.queue.push_back(question);
        }
    }

    fn spawn(&mut self, question: Question) {
        let till = self.till.clone();
        self.asking.spawn(async move {
            match question {
                Question::Charge(charge) => till.charge(&charge).await,
                Question::Refund(refund) => till.refund(refund).await,
            }
        });
    }
}

impl Till {
    async fn charge(&self, charge: &Charge) -> Outcome {
        let Charge { order_id, amount } = *charge;
        let verdict = self.until_answered(|| self.provider.charge(order_id, amount)).await;
        match verdict {
            Verdict::Captured => Outcome::Captured(order_id),
            Verdict::Declined(reason) => Outcome::Declined(order_id, reason),
        }
    }

    async fn refund(&self, refund: Refund) -> Outcome {
        self.until_answered(|| self.provider.refund(refund.order_id, refund.amount)).await;
        Outcome::Refunded(refund)
    }

    async fn until_answered<T, F>(&self, question: impl Fn() -> F) -> T
    where
        F: Future<Output = Result<T, NoAnswer>>,
    {
        let mut backoff = Backoff::new(self.config.retry.0, self.config.retry.1);
        loop {
            self.admission().await;
            let asked = Instant::now();
            match within(self.config.deadline, question()).await {
                Ok(answer) => {
                    self.record(Breaker::answered);
                    self.metrics.answered(asked.elapsed());
                    return answer;
                }
                Err(error) => {
                    self.record(|breaker| breaker.failed(Instant::now()));
                    self.metrics.unanswered();
                    tracing::debug!(%error, "asking the payment provider again");
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        }
    }

    async fn admission(&self) {
        loop {
            let admission = self.breaker().admit(Instant::now());
            match admission {
                Admission::Ask => return,
                // Spread out, so that all who wait do not come back at once.
                Admission::Wait(wait) => {
                    tokio::time::sleep(wait.mul_f64(1.0 + fastrand::f64())).await;
                }
            }
        }
    }

    fn record(&self, event: impl FnOnce(&mut Breaker)) {
        let mut breaker = self.breaker();
        let before = breaker.state();
        event(&mut breaker);
        let after = breaker.state();
        if before != after {
            tracing::warn!(?before, ?after, "payment circuit breaker changed");
            self.metrics.breaker(after);
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        // Its methods cannot leave it half changed.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The gauge's value: 0 closed, 1 half open, 2 open.
pub(crate) fn gauge(state: BreakerState) -> f64 {
    match state {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 1.0,
        BreakerState::Open => 2.0,
    }
}
