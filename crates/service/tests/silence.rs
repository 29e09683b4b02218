//! A client that has lost its only broker for good, told from one whose broker is
//! away.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use service::kafka::{self, Silence, has_lost_kafka};
use testkit::{ForgetfulBroker, Memory};

const ANSWER: Duration = Duration::from_secs(5);

fn client(brokers: &str) -> BaseConsumer {
    kafka::client(brokers, "test").create().unwrap()
}

/// librdkafka loses its broker in a race of two of its threads: about every second
/// time.
fn lose_the_broker(client: &BaseConsumer, broker: &ForgetfulBroker) {
    for _ in 0..50 {
        client.fetch_metadata(None, ANSWER).unwrap();
        broker.say(Memory::Lost);
        assert_eq!(client.fetch_metadata(None, ANSWER).unwrap().brokers().len(), 0);
        broker.say(Memory::Whole);
        if client.fetch_metadata(None, Duration::from_millis(500)).is_err() {
            return;
        }
    }
    panic!("librdkafka finds its broker again by itself: Silence may go");
}

#[test]
fn a_client_whose_broker_forgot_itself_has_lost_kafka_and_a_new_one_has_not() {
    let broker = ForgetfulBroker::start(&["orders"], Memory::Whole);
    let brokers = broker.bootstrap_servers();
    let old = client(&brokers);
    assert!(!has_lost_kafka(old.client(), &brokers));
    lose_the_broker(&old, &broker);
    assert!(has_lost_kafka(old.client(), &brokers));
    assert!(!has_lost_kafka(client(&brokers).client(), &brokers));

    // While it says so to all, a new client would lose it too.
    broker.say(Memory::Lost);
    assert!(!has_lost_kafka(old.client(), &brokers));
}

#[test]
fn a_client_without_a_broker_has_lost_nothing() {
    let broker = ForgetfulBroker::start(&["orders"], Memory::Whole);
    let brokers = broker.bootstrap_servers();
    let old = client(&brokers);
    old.fetch_metadata(None, ANSWER).unwrap();
    drop(broker);
    assert!(!has_lost_kafka(old.client(), &brokers));
}

#[test]
fn a_silence_is_long_after_ten_seconds() {
    let start = Instant::now();
    let mut silence = Silence::from(start);
    assert!(!silence.is_long(start + Duration::from_millis(9_999)));
    assert!(silence.is_long(start + Duration::from_secs(10)));
    assert!(!silence.is_long(start + Duration::from_secs(19)), "it begins again");
}
