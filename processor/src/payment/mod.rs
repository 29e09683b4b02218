//! Taking payment: a port with two providers, a circuit breaker before them and
//! a cashier who asks until there is an answer.
//!
//! The order id is the provider's idempotency key. Asking again after a
//! time-out, a crash or a change of owner never charges twice.

mod breaker;
mod cashier;
mod http;
mod simulator;
mod tab;

use std::time::Duration;

use contract::{Amount, DeclineReason, OrderId};

pub use breaker::{Admission, Breaker, BreakerConfig, BreakerState};
pub(crate) use cashier::gauge as breaker_gauge;
pub use cashier::{Cashier, CashierConfig};
pub use http::HttpProvider;
pub use simulator::{Simulator, SimulatorConfig};
pub use tab::{Answered, Question, Tab};

/// The provider's answer to a charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The money is there.
    Captured,
    /// The provider said no; asking again gives the same answer.
    Declined(DeclineReason),
}

/// No answer. The charge may have taken place, and is asked for again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The provider is away or unwell: it may not answer others either.
    #[error("payment provider gave no answer: {0}")]
    Silence(String),
    /// It is there and does not take this question; that is no word on the payment.
    #[error("payment provider refuses a question: {0}")]
    Refusal(String),
}

/// Who takes the money.
pub enum Provider {
    /// In this process, seeded: for demos, tests and benchmarks.
    Simulator(Simulator),
    /// Over HTTP.
    Http(HttpProvider),
}

impl Provider {
    /// Asks for a charge.
    pub(crate) async fn charge(
        &self,
        order_id: OrderId,
        amount: Amount,
        deadline: Duration,
    ) -> Result<Verdict, NoAnswer> {
        match self {
            Self::Simulator(simulator) => simulator.charge(order_id, deadline).await,
            Self::Http(http) => within(deadline, http.charge(order_id, amount)).await,
        }
    }

    /// Asks that nothing is kept: refunds what was captured, voids what was not.
    pub(crate) async fn refund(
        &self,
        order_id: OrderId,
        amount: Amount,
        deadline: Duration,
    ) -> Result<(), NoAnswer> {
        match self {
            Self::Simulator(simulator) => simulator.refund(order_id, deadline).await,
            Self::Http(http) => within(deadline, http.refund(order_id, amount)).await,
        }
    }
}

/// How long one question may take.
async fn within<T>(
    deadline: Duration,
    answer: impl Future<Output = Result<T, NoAnswer>>,
) -> Result<T, NoAnswer> {
    // In a box, so that those who wait for a slot, or for a simulator, do not need its room.
    let answer = tokio::time::timeout(deadline, Box::pin(answer)).await;
    answer.unwrap_or_else(|_| Err(nothing_within(deadline)))
}

fn nothing_within(deadline: Duration) -> NoAnswer {
    NoAnswer::Silence(format!("nothing within {deadline:?}"))
}
