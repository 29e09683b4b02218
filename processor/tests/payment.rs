//! A cashier before a provider over HTTP: what is asked, and what its answers mean.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use std::time::Duration;

use contract::{Amount, Currency, DeclineReason, OrderId};
use processor::decide::{Charge, Outcome, Questions, Refund};
use processor::lane::{LaneId, Source};
use processor::payment::{Breaker, BreakerConfig, Cashier, CashierConfig, HttpProvider, Provider};
use testkit::PaymentProvider;

const LONG: Duration = Duration::from_secs(3_600);

/// One question at a time; a question without an answer rests for long, and so does
/// everything once the breaker opens.
fn cashier(url: &str) -> Cashier {
    asking_again_after(url, LONG)
}

/// The same with another rest.
fn asking_again_after(url: &str, rest: Duration) -> Cashier {
    let provider = Provider::Http(HttpProvider::new(url).unwrap());
    let breaker = Breaker::new(BreakerConfig { failures_to_open: 1, open_for: LONG, probes: 1 });
    let config = CashierConfig { concurrency: 1, deadline: LONG, retry: (rest, rest) };
    Cashier::staff(provider, breaker, config, 1).remove(0)
}

fn charge(minor: i64) -> Charge {
    Charge { order_id: OrderId::mint(), amount: Amount { minor, currency: Currency::DEFAULT } }
}

fn of_charges(charges: Vec<Charge>) -> Questions {
    Questions { charges, refunds: Vec::new() }
}

async fn ask(cashier: &mut Cashier, questions: Questions) -> Option<Outcome> {
    cashier.ask(questions);
    hear(cashier).await
}

async fn hear(cashier: &mut Cashier) -> Option<Outcome> {
    tokio::time::timeout(Duration::from_secs(30), cashier.answer()).await.unwrap()
}

/// The words of a question that count: what for, with which key, about what.
fn words(question: &str) -> (&str, &str, serde_json::Value) {
    let (head, body) = question.split_once("\r\n\r\n").unwrap();
    let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap();
    (head.lines().next().unwrap(), key, serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn the_provider_is_asked_as_the_help_says_and_its_word_is_taken() {
    let (plain, expired, vague) = (charge(1250), charge(300), charge(1));
    let (expired_id, vague_id) = (expired.order_id.to_string(), vague.order_id.to_string());
    let answer = move |question: &str| match question {
        _ if question.starts_with("POST /refunds") => ("200 OK", ""),
        _ if question.contains(&expired_id) => {
            ("200 OK", r#"{"status":"declined","reason":"card_expired"}"#)
        }
        _ if question.contains(&vague_id) => ("200 OK", r#"{"status":"declined"}"#),
        _ => ("200 OK", r#"{"status":"captured","of":"later versions"}"#),
    };
    let mut provider = PaymentProvider::start(answer).await;
    let mut cashier = cashier(provider.url());

    for (charge, outcome) in [
        (&plain, Outcome::Captured(plain.order_id)),
        (&expired, Outcome::Declined(expired.order_id, DeclineReason::CardExpired)),
        (&vague, Outcome::Declined(vague.order_id, DeclineReason::Declined)),
    ] {
        assert_eq!(ask(&mut cashier, of_charges(vec![charge.clone()])).await, Some(outcome));
        let question = provider.question().await;
        let (line, key, body) = words(&question);
        assert_eq!((line, key), ("POST /charges HTTP/1.1", &*charge.order_id.to_string()));
        assert_eq!(body["orderId"], key);
        assert_eq!(body["currency"], "EUR");
        assert_eq!(body["amount"].as_f64(), Some(charge.amount.minor as f64 / 100.0));
    }

    let lane = LaneId { source: Source::Orders, partition: 3 };
    let refund = Refund { order_id: plain.order_id, amount: plain.amount, lane };
    let asked = Questions { charges: Vec::new(), refunds: vec![refund.clone()] };
    assert_eq!(ask(&mut cashier, asked).await, Some(Outcome::Refunded(refund)));
    let question = provider.question().await;
    let (line, key, body) = words(&question);
    assert_eq!((line, key), ("POST /refunds HTTP/1.1", &*plain.order_id.to_string()));
    assert_eq!(body["amount"], 12.5);
}

#[tokio::test]
async fn an_order_that_the_provider_refuses_holds_up_no_other() {
    let (odd, plain) = (charge(1), charge(2));
    let odd_id = odd.order_id.to_string();
    let answer = move |question: &str| match question.contains(&odd_id) {
        true => ("422 Unprocessable Content", ""),
        false => ("200 OK", r#"{"status":"captured"}"#),
    };
    let provider = PaymentProvider::start(answer).await;
    let mut cashier = cashier(provider.url());
    let answer = ask(&mut cashier, of_charges(vec![odd, plain.clone()])).await;
    assert_eq!(answer, Some(Outcome::Captured(plain.order_id)));
    assert_eq!(cashier.unanswered(), 1);
}

#[tokio::test]
async fn an_order_that_costs_nothing_is_not_asked_about() {
    // Nothing listens there.
    let mut cashier = cashier("http://127.0.0.1:1");
    let free = charge(0);
    let answer = ask(&mut cashier, of_charges(vec![free.clone()])).await;
    assert_eq!(answer, Some(Outcome::Captured(free.order_id)));
}

#[tokio::test]
async fn what_is_forgotten_is_asked_no_more_and_its_answer_is_not_heard() {
    let mut provider = PaymentProvider::start(|_| ("422 Unprocessable Content", "")).await;
    let mut cashier = asking_again_after(provider.url(), Duration::from_millis(50));
    let (refused, free) = (charge(1), charge(0));
    cashier.ask(of_charges(vec![refused.clone(), free.clone()]));
    // The other has its answer meanwhile.
    provider.question().await;
    cashier.forget(&[refused.order_id, free.order_id]);
    // Whoever owns the lane next, and be it the same, asks anew; here after a cancellation.
    let lane = LaneId { source: Source::Orders, partition: 3 };
    let refund = Refund { order_id: free.order_id, amount: free.amount, lane };
    cashier.ask(Questions { charges: Vec::new(), refunds: vec![refund.clone()] });
    let mut heard = Vec::new();
    while cashier.unanswered() > 0 {
        heard.extend(hear(&mut cashier).await);
    }
    assert_eq!(heard, [Outcome::Refunded(refund)]);
    let again = tokio::time::timeout(Duration::from_millis(500), provider.question()).await;
    assert!(again.is_err(), "{again:?}");
}
