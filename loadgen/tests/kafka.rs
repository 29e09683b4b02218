//! Direct mode and following, against librdkafka's built-in broker.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests report by panicking")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use contract::inbound::{Body, Parts, decode_order_record, decode_stock_record};
use contract::order::Scratch;
use contract::topic::Topics;
use loadgen::order_mix::{Kind, Mix, Share};
use loadgen::schedule::Extent;
use loadgen::{Config, Mode, Report, RunError};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

type Cluster = MockCluster<'static, DefaultProducerContext>;

const PARTITIONS: i32 = 2;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    for topic in ["orders", "stock", "order-events"] {
        cluster.create_topic(topic, PARTITIONS, 1).unwrap();
    }
    cluster
}

fn config(cluster: &Cluster, orders: u64) -> Config {
    Config {
        mode: Mode::Direct,
        rate: None,
        extent: Extent::Orders(orders),
        brokers: cluster.bootstrap_servers(),
        lag_limit: Duration::from_secs(60),
        ..Config::default()
    }
}

async fn run(config: Config) -> Report {
    loadgen::run(config, CancellationToken::new()).await.unwrap()
}

fn reader(cluster: &Cluster, topic: &str) -> BaseConsumer {
    let consumer: BaseConsumer =
        service::kafka::consumer(&cluster.bootstrap_servers(), "test", "test").create().unwrap();
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    consumer
}

fn read(cluster: &Cluster, topic: &str, count: usize) -> Vec<OwnedMessage> {
    let (consumer, mut records) = (reader(cluster, topic), Vec::new());
    let deadline = Instant::now() + Duration::from_secs(20);
    while records.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} records", records.len());
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            records.push(message.detach());
        }
    }
    records
}

fn parts(record: &OwnedMessage) -> Parts<'_> {
    let header = |name: &str| record.headers()?.iter().find(|h| h.key == name)?.value;
    Parts {
        key: record.key(),
        value: record.payload(),
        version: header("ce_specversion"),
        id: header("ce_id"),
        kind: header("ce_type"),
        time: header("ce_time"),
    }
}

#[tokio::test]
async fn direct_records_are_read_like_those_of_the_gateway_and_receipts_name_them() {
    let cluster = cluster();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receipts.csv");
    let report = run(Config { receipts: Some(path.clone()), ..config(&cluster, 500) }).await;
    assert_eq!((report.sent, report.acknowledged, report.receipts), (500, 500, Some(500)));
    assert_eq!(report.exit_code(), 0);
    let mut scratch = Scratch::default();
    let mut log = HashMap::new();
    for record in read(&cluster, "orders", 500) {
        let inbound = decode_order_record(parts(&record), &mut scratch).unwrap();
        let Body::Created(id, _) = inbound.body else { panic!("not an order") };
        let hash = loadgen::receipts::body_hash(record.payload().unwrap());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        log.insert(
            id.to_string(),
            format!("{},{},{hash},202", record.partition(), record.offset()),
        );
    }
    let receipts = std::fs::read_to_string(path).unwrap();
    let receipts: HashMap<String, String> = receipts
        .lines()
        .skip(1)
        .map(|line| line.split_once(',').unwrap())
        .map(|(id, rest)| (id.to_owned(), rest.to_owned()))
        .collect();
    assert_eq!(receipts, log);
}

#[tokio::test]
async fn a_direct_mix_retries_breaks_and_cancels_like_the_other_way_in() {
    let cluster = cluster();
    let share = |text| Share::parse(text).unwrap();
    let mix = Mix {
        duplicates: share("10%"),
        invalid: share("5%"),
        cancels: share("5%"),
        ships: share("5%"),
        ..Mix::default()
    };
    let report = run(Config { mix, ..config(&cluster, 1000) }).await;
    assert_eq!((report.sent, report.acknowledged), (1000, 1000));
    let (mut scratch, mut counts) = (Scratch::default(), [0_u64; 3]);
    let mut unreadable = 0;
    let mut orders: HashMap<String, Vec<u8>> = HashMap::new();
    for record in read(&cluster, "orders", 1000) {
        match decode_order_record(parts(&record), &mut scratch).map(|inbound| inbound.body) {
            Ok(Body::Created(id, _)) => {
                counts[0] += 1;
                let body = record.payload().unwrap().to_vec();
                assert_eq!(*orders.entry(id.to_string()).or_insert(body.clone()), body);
            }
            Ok(Body::CancelRequested(..)) => counts[1] += 1,
            Ok(Body::Shipped(..)) => counts[2] += 1,
            Ok(Body::StockAdjusted(..)) => panic!("stock among orders"),
            Err(_) => unreadable += 1,
        }
    }
    let sent = |kind| report.kinds[&kind].sent;
    assert_eq!(unreadable, sent(Kind::Invalid));
    assert_eq!(
        counts,
        [sent(Kind::Order) + sent(Kind::Retry), sent(Kind::Cancel), sent(Kind::Ship)]
    );
    assert_eq!(orders.len() as u64, sent(Kind::Order));
}

#[tokio::test]
async fn a_direct_run_keeps_its_rate_and_restocks_first() {
    let cluster = cluster();
    let mix = Mix { products: 20, ..Mix::default() };
    let config = Config { rate: Some(1000.0), stock: 9, mix, ..config(&cluster, 300) };
    let report = run(config).await;
    assert_eq!((report.sent, report.acknowledged, report.schedule_lag_ms.count), (300, 300, 300));
    assert!(report.elapsed_s >= 0.299, "{}", report.elapsed_s);
    for record in read(&cluster, "stock", 20) {
        let inbound = decode_stock_record(parts(&record)).unwrap();
        assert!(matches!(inbound.body, Body::StockAdjusted(_, change) if change.quantity == 9));
    }
}

/// A processor in a few lines: pays every order but each tenth.
fn pay_orders(cluster: &Cluster, stop: Arc<AtomicBool>) -> JoinHandle<()> {
    let consumer = reader(cluster, "orders");
    let producer: ThreadedProducer<_> =
        service::kafka::producer(&cluster.bootstrap_servers(), "test").create().unwrap();
    std::thread::spawn(move || {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            let Some(Ok(order)) = consumer.poll(Duration::from_millis(10)) else { continue };
            count += 1;
            let reserved = "inventory.reserved.v1";
            let outcome = if count % 10 == 0 { "order.shipped.v1" } else { "payment.completed.v1" };
            for kind in [reserved, outcome] {
                let headers = OwnedHeaders::new()
                    .insert(Header { key: "ce_id", value: Some("x") })
                    .insert(Header { key: "ce_type", value: Some(kind) });
                let record = BaseRecord::to("order-events").key(order.key().unwrap()).payload("{}");
                producer.send(record.headers(headers)).map_err(|(error, _)| error).unwrap();
            }
        }
        producer.flush(Duration::from_secs(5)).unwrap();
    })
}

#[tokio::test]
async fn following_tells_when_orders_settle_and_which_never_did() {
    let cluster = cluster();
    let stop = Arc::new(AtomicBool::new(false));
    let processor = pay_orders(&cluster, stop.clone());
    let follow = Some(Duration::from_secs(2));
    let slos = vec![loadgen::slo::Slo::parse("settled.p50<10s").unwrap()];
    let report = run(Config { follow, slos, rate: Some(500.0), ..config(&cluster, 200) }).await;
    stop.store(true, Ordering::Relaxed);
    processor.join().unwrap();
    let settled = report.settled.unwrap();
    assert_eq!((settled.paid, settled.unresolved), (180, 20));
    let latency = report.settled_ms.unwrap();
    assert_eq!((latency.count, latency.never, latency.p95), (200, 20, None));
    assert!(latency.p50.unwrap() > 0.0);
    assert!(report.slo[0].met);
    assert!(report.settle_wait_s.unwrap() >= 1.9, "waited for the rest");
}

#[tokio::test]
async fn a_broker_that_is_away_is_named() {
    let topics = Topics { orders: "somewhere".to_owned(), ..Topics::default() };
    let brokers = "127.0.0.1:1".to_owned();
    let config = Config { topics, brokers, mode: Mode::Direct, ..Config::default() };
    let error = loadgen::run(config, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, RunError::Unreachable(_)), "{error}");
    assert!(error.to_string().starts_with("cannot write to somewhere at 127.0.0.1:1"), "{error}");
}

#[tokio::test]
async fn a_load_whose_receipts_cannot_be_written_ends_at_once() {
    let cluster = cluster();
    let receipts = Some("/dev/full".into());
    let started = Instant::now();
    let config = Config { receipts, rate: Some(100.0), ..config(&cluster, 60_000) };
    let error = loadgen::run(config, CancellationToken::new()).await.unwrap_err().to_string();
    assert!(error.contains("cannot write /dev/full; receipts are incomplete"), "{error}");
    assert!(
        started.elapsed() < Duration::from_secs(300),
        "it went on to its end, ten minutes later"
    );
}
