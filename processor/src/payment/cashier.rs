//! The cashier of one worker: asks the provider outside any lock, as often as
//! it takes, with bounded concurrency, and collects the answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::OrderId;
use foldhash::fast::FixedState;
use service::backoff::Backoff;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::tab::{Answered, Question, Tab};
use super::{Admission, Breaker, BreakerState, NoAnswer, Provider, Verdict};
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
    /// The task that asks about an order; there is one at most.
    tasks: HashMap<OrderId, AbortHandle, FixedState>,
    /// One for each question that may be asked at the same time.
    slots: Arc<Semaphore>,
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
                tasks: HashMap::default(),
                slots: Arc::new(Semaphore::new(till.config.concurrency)),
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
        self.asking.len()
    }

    /// Answers that are there now.
    pub fn answers(&mut self, most: usize) -> Vec<Outcome> {
        let mut answers = Vec::new();
        while answers.len() < most {
            match self.asking.try_join_next_with_id() {
                Some(ended) => answers.extend(self.ended(ended)),
                None => break,
            }
        }
        answers
    }

    /// Waits for an answer; pending while nothing is asked.
    pub async fn answer(&mut self) -> Option<Outcome> {
        match self.asking.join_next_with_id().await {
            Some(ended) => self.ended(ended),
            None => std::future::pending().await,
        }
    }

    /// Asks no more about these orders, and hears of them no more. What is with the
    /// provider already takes its course.
    pub fn forget(&mut self, orders: &[OrderId]) {
        for order_id in orders {
            self.tab.forget(*order_id);
            if let Some(task) = self.tasks.remove(order_id) {
                task.abort();
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, Outcome), JoinError>) -> Option<Outcome> {
        match ended {
            Ok((task, outcome)) => self.answered(task, outcome),
            Err(error) => {
                // A question that panicked stays open; whoever claims the lane next asks
                // again.
                if !error.is_cancelled() {
                    tracing::error!(%error, "a payment task failed");
                }
                None
            }
        }
    }

    fn answered(&mut self, task: Id, outcome: Outcome) -> Option<Outcome> {
        let order_id = outcome.order_id();
        // It may have ended just before it was forgotten.
        if self.tasks.get(&order_id).is_none_or(|current| current.id() != task) {
            return None;
        }
        self.tasks.remove(&order_id);
        match self.tab.answered(outcome) {
            Answered::Settle(outcome) => Some(outcome),
            Answered::Ask(question) => {
                self.put(Some(question));
                None
            }
        }
    }

    fn put(&mut self, question: Option<Question>) {
        let Some(question) = question else { return };
        let (till, slots) = (self.till.clone(), self.slots.clone());
        let order_id = question.order_id();
        let task = self.asking.spawn(async move {
            match question {
                Question::Charge(charge) => till.charge(&charge, &slots).await,
                Question::Refund(refund) => till.refund(refund, &slots).await,
            }
        });
        self.tasks.insert(order_id, task);
    }
}

impl Till {
    async fn charge(&self, charge: &Charge, slots: &Semaphore) -> Outcome {
        let Charge { order_id, amount } = *charge;
        // There is nothing to take, and a provider may well refuse to take it.
        if amount.minor == 0 {
            return Outcome::Captured(order_id);
        }
        let question = || self.provider.charge(order_id, amount, self.config.deadline);
        match self.until_answered(order_id, slots, question).await {
            Verdict::Captured => Outcome::Captured(order_id),
            Verdict::Declined(reason) => Outcome::Declined(order_id, reason),
        }
    }

    async fn refund(&self, refund: Refund, slots: &Semaphore) -> Outcome {
        let Refund { order_id, amount, .. } = refund;
        if amount.minor != 0 {
            let question = || self.provider.refund(order_id, amount, self.config.deadline);
            self.until_answered(order_id, slots, question).await;
        }
        Outcome::Refunded(refund)
    }

    async fn until_answered<T, F>(
        &self,
        order_id: OrderId,
        slots: &Semaphore,
        question: impl Fn() -> F,
    ) -> T
    where
        F: Future<Output = Result<T, NoAnswer>>,
    {
        let mut backoff = Backoff::new(self.config.retry.0, self.config.retry.1);
        loop {
            match self.once(slots, &question).await {
                Ok(answer) => return answer,
                // Nobody but a person ends it.
                Err(error @ NoAnswer::Refusal(_)) if backoff.tries() == 0 => {
                    tracing::warn!(%order_id, %error, "asking again until it is answered");
                }
                Err(error) => tracing::debug!(%order_id, %error, "asking again"),
            }
            // Without a slot: what is never answered keeps no other waiting.
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    async fn once<T, F>(&self, slots: &Semaphore, question: impl Fn() -> F) -> Result<T, NoAnswer>
    where
        F: Future<Output = Result<T, NoAnswer>>,
    {
        // Nobody closes it.
        let _slot = slots.acquire().await;
        let asked = self.admission().await;
        let answer = question().await;
        match &answer {
            Ok(_) => {
                self.record(Breaker::answered);
                self.metrics.answered(asked.elapsed());
            }
            Err(NoAnswer::Silence(_)) => {
                self.record(|breaker| breaker.failed(Instant::now()));
                self.metrics.unanswered();
            }
            // It does not tell whether others are answered.
            Err(NoAnswer::Refusal(_)) => self.metrics.unanswered(),
        }
        answer
    }

    /// Waits until a question may be asked; tells since when.
    async fn admission(&self) -> Instant {
        loop {
            let now = Instant::now();
            let admission = self.breaker().admit(now);
            match admission {
                Admission::Ask => return now,
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
