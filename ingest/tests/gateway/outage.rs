//! Brokers that are away, go away, freeze, or fail the producer for good.

use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use testkit::{ForgetfulBroker, Memory, wait_until_named};
use tokio::task::JoinSet;

use crate::http::{Answer, request};
use crate::start::{Gateway, ORDER, mock};

const AT_ONCE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(20);

async fn place(gateway: &Gateway) -> Answer {
    request(gateway.http, "POST", "/orders", ORDER).await
}

async fn accepted_again(gateway: &Gateway) {
    let accepts = async || place(gateway).await.status == 202;
    wait_until_named("an accepted order", PATIENCE, accepts).await;
}

#[tokio::test]
async fn without_a_broker_writes_are_refused_at_once_and_taken_when_it_comes() {
    let mock = mock();
    mock.broker_down(1).unwrap();
    let gateway = Gateway::start(&["--brokers", &mock.bootstrap_servers()]).await;
    let started = Instant::now();
    let answer = place(&gateway).await;
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    assert_eq!((answer.status, answer.problem().as_str()), (503, "broker-away"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(!gateway.is_ready().await);

    mock.broker_up(1).unwrap();
    gateway.ready().await;
    assert_eq!(place(&gateway).await.status, 202);
    gateway.stop().await;
}

#[tokio::test]
async fn a_broker_that_goes_away_turns_writes_away_until_it_is_back() {
    let mock = mock();
    let gateway = Gateway::on_mock(&mock, &[]).await;
    assert_eq!(place(&gateway).await.status, 202);
    mock.broker_down(1).unwrap();
    gateway.unready().await;
    let started = Instant::now();
    assert_eq!(place(&gateway).await.problem(), "broker-away");
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    mock.broker_up(1).unwrap();
    accepted_again(&gateway).await;
    gateway.ready().await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_frozen_broker_is_noticed_and_those_who_waited_are_told_that_nobody_knows() {
    let mock = mock();
    let args = ["--ack-timeout", "1500ms", "--stall-after", "500ms"];
    let gateway = Gateway::on_mock(&mock, &args).await;
    mock.broker_round_trip_time(1, Duration::from_secs(3)).unwrap();
    let waited = place(&gateway).await;
    assert_eq!((waited.status, waited.problem().as_str()), (503, "outcome-unknown"));
    assert!(waited.body.contains("same Idempotency-Key"), "{waited:?}");
    let started = Instant::now();
    assert_eq!(place(&gateway).await.problem(), "broker-away");
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    mock.broker_round_trip_time(1, Duration::ZERO).unwrap();
    accepted_again(&gateway).await;
    gateway.stop().await;
}

#[tokio::test]
async fn more_writes_than_may_be_in_flight_are_refused_at_once() {
    let mock = mock();
    let gateway = Gateway::on_mock(&mock, &["--workers", "1", "--in-flight-max", "8"]).await;
    assert_eq!(place(&gateway).await.status, 202);
    mock.broker_round_trip_time(1, Duration::from_millis(1500)).unwrap();
    let mut writes = JoinSet::new();
    for _ in 0..40 {
        let address = gateway.http;
        writes.spawn(async move {
            let started = Instant::now();
            (request(address, "POST", "/orders", ORDER).await, started.elapsed())
        });
    }
    let answers = writes.join_all().await;
    let accepted = answers.iter().filter(|(answer, _)| answer.status == 202).count();
    assert_eq!(accepted, 8);
    for (answer, elapsed) in answers.iter().filter(|(answer, _)| answer.status != 202) {
        assert_eq!((answer.status, answer.problem().as_str()), (503, "busy"));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(*elapsed < AT_ONCE, "{elapsed:?}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let mock = mock();
    let gateway = Gateway::on_mock(&mock, &["--queue-kib", "1024"]).await;
    assert_eq!(place(&gateway).await.status, 202);
    mock.broker_round_trip_time(1, Duration::from_millis(1500)).unwrap();
    // Blanks are JSON too: about 60 KB an order, so that 17 fill the queue.
    let large = format!("{ORDER}{}", " ".repeat(60_000));
    let mut writes = JoinSet::new();
    for _ in 0..40 {
        let (address, large) = (gateway.http, large.clone());
        writes.spawn(async move { request(address, "POST", "/orders", &large).await });
    }
    let answers = writes.join_all().await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count() + refused.len(), 40);
    assert!((20..=30).contains(&refused.len()), "{}", refused.len());
    assert!(refused.iter().all(|answer| answer.body.contains("queue is full")), "{:?}", refused[0]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_producer_that_failed_for_good_is_replaced() {
    let mock = mock();
    let gateway = Gateway::on_mock(&mock, &[]).await;
    assert_eq!(place(&gateway).await.status, 202);
    let restarts = async || gateway.metric("ingest_producer_restarts_total").await.unwrap_or(0.0);
    let before = restarts().await;
    let fatal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    mock.request_errors(RDKafkaApiKey::Produce, &[fatal; 1]);
    let failed = place(&gateway).await;
    assert_eq!((failed.status, failed.problem().as_str()), (503, "outcome-unknown"));
    wait_until_named("a new producer", PATIENCE, async || restarts().await > before).await;
    accepted_again(&gateway).await;
    gateway.ready().await;
    gateway.stop().await;
}

/// The first question may have been under way before.
async fn is_asked_twice(broker: &ForgetfulBroker) -> bool {
    let enough = broker.asked() + 2;
    let asked = async {
        while broker.asked() < enough {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), asked).await.is_ok()
}

#[tokio::test]
async fn a_producer_that_lost_its_brokers_for_good_is_replaced() {
    // Without a leader the gateway asks ten times a second.
    let broker = ForgetfulBroker::start(&["orders", "stock"], Memory::Leaderless);
    let gateway = Gateway::start(&["--brokers", &broker.bootstrap_servers()]).await;
    let restarts = async || gateway.metric("ingest_producer_restarts_total").await.unwrap_or(0.0);
    let before = restarts().await;
    // librdkafka loses its broker in a race of two threads, about every second time; it
    // asks no more then.
    for n in 0..100 {
        broker.say(if n % 2 == 0 { Memory::Lost } else { Memory::Leaderless });
        if !is_asked_twice(&broker).await {
            break;
        }
    }
    broker.say(Memory::Whole);
    assert!(!gateway.is_ready().await, "librdkafka found its broker again by itself");
    wait_until_named("a new producer", PATIENCE, async || restarts().await > before).await;
    gateway.ready().await;
    gateway.stop().await;
}

#[tokio::test]
async fn without_the_topic_nothing_is_taken() {
    let mock = MockCluster::new(1).unwrap();
    mock.topic_error("orders", RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        .unwrap();
    let gateway = Gateway::start(&["--brokers", &mock.bootstrap_servers()]).await;
    assert_eq!(place(&gateway).await.problem(), "broker-away");
    assert!(!gateway.is_ready().await);
    gateway.stop().await;
}

/// Orders go on without the topic of stock.
#[tokio::test]
async fn without_the_topic_of_stock_orders_are_taken() {
    let mock = mock();
    mock.topic_error("stock", RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        .unwrap();
    let gateway = Gateway::on_mock(&mock, &[]).await;
    let adjustment = r#"{"quantity":1,"reason":"restock"}"#;
    for _ in 0..20 {
        let refused = request(gateway.http, "POST", "/stock/p-1/adjustments", adjustment).await;
        assert_eq!(refused.status, 503, "{}", refused.body);
        assert_eq!(place(&gateway).await.status, 202);
        assert!(gateway.is_ready().await);
    }
    gateway.stop().await;
}
