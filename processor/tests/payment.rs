//! A cashier before a provider that does not take every question.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use std::time::Duration;

use contract::{Amount, Currency, OrderId};
use processor::decide::{Charge, Outcome, Questions};
use processor::payment::{Breaker, BreakerConfig, Cashier, CashierConfig, HttpProvider, Provider};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LONG: Duration = Duration::from_secs(3_600);

/// One question at a time; a question without an answer rests for long, and so does
/// everything once the breaker opens.
fn cashier(url: &str) -> Cashier {
    let provider = Provider::Http(HttpProvider::new(url).unwrap());
    let breaker = Breaker::new(BreakerConfig { failures_to_open: 1, open_for: LONG, probes: 1 });
    let config = CashierConfig { concurrency: 1, deadline: LONG, retry: (LONG, LONG) };
    Cashier::staff(provider, breaker, config, 1).remove(0)
}

fn charge(minor: i64) -> Charge {
    Charge { order_id: OrderId::mint(), amount: Amount { minor, currency: Currency::DEFAULT } }
}

async fn ask(cashier: &mut Cashier, charges: Vec<Charge>) -> Option<Outcome> {
    cashier.ask(Questions { charges, refunds: Vec::new() });
    tokio::time::timeout(Duration::from_secs(30), cashier.answer()).await.unwrap()
}

/// Captures every order but this one, which it does not understand.
async fn provider(listener: TcpListener, refused: OrderId) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            stream.read_buf(&mut request).await.unwrap();
        }
        let (status, body) = if String::from_utf8(request).unwrap().contains(&refused.to_string()) {
            ("422 Unprocessable Content", "")
        } else {
            ("200 OK", r#"{"status":"captured"}"#)
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn an_order_that_the_provider_refuses_holds_up_no_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (odd, plain) = (charge(1), charge(2));
    let serving = tokio::spawn(provider(listener, odd.order_id));
    let mut cashier = cashier(&url);
    let answer = ask(&mut cashier, vec![odd, plain.clone()]).await;
    assert_eq!(answer, Some(Outcome::Captured(plain.order_id)));
    assert_eq!(cashier.unanswered(), 1);
    serving.abort();
}

#[tokio::test]
async fn an_order_that_costs_nothing_is_not_asked_about() {
    // Nothing listens there.
    let mut cashier = cashier("http://127.0.0.1:1");
    let free = charge(0);
    let answer = ask(&mut cashier, vec![free.clone()]).await;
    assert_eq!(answer, Some(Outcome::Captured(free.order_id)));
}
