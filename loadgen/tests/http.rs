//! Runs against a stub gateway over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests report by panicking")]

mod support;

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use loadgen::order_mix::{Kind, Mix, Share};
use loadgen::orders::{Generator, Step};
use loadgen::recorder::Failure;
use loadgen::schedule::Extent;
use loadgen::slo::Slo;
use loadgen::{Config, Http, Mode, Report, RunError, receipts};
use support::Gateway;
use tokio_util::sync::CancellationToken;

fn config(address: std::net::SocketAddr, rate: f64, orders: u64) -> Config {
    let http = Http { url: format!("http://{address}"), connections: 8, ..Http::default() };
    Config {
        mode: Mode::Http(http),
        rate: Some(rate),
        extent: Extent::Orders(orders),
        // Other tests compete for the machine; only one test is about this limit.
        lag_limit: Duration::from_secs(60),
        ..Config::default()
    }
}

async fn run(config: Config) -> Report {
    loadgen::run(config, CancellationToken::new()).await.unwrap()
}

fn share(text: &str) -> Share {
    Share::parse(text).unwrap()
}

#[tokio::test]
async fn every_slot_is_sent_once_with_the_bytes_of_its_number() {
    let (gateway, address) = Gateway::start();
    let report = run(config(address, 2000.0, 500)).await;
    assert_eq!((report.scheduled, report.sent, report.acknowledged), (500, 500, 500));
    assert_eq!((report.errors, report.exit_code()), (0, 0));
    let generator = Generator::new(1, Mix::default());
    let mut expected: Vec<Vec<u8>> = (0..500).map(|n| generator.order(n)).collect();
    let mut seen: Vec<Vec<u8>> =
        gateway.bodies.lock().unwrap().iter().map(|b| b.to_vec()).collect();
    expected.sort();
    seen.sort();
    assert_eq!(seen, expected);
    assert_eq!(gateway.keys.lock().unwrap()[0], None);
}

#[tokio::test]
async fn several_threads_share_one_schedule() {
    let (gateway, address) = Gateway::start();
    let mut config = config(address, 2000.0, 500);
    let Mode::Http(http) = &mut config.mode else { panic!() };
    http.threads = 3;
    let report = run(config).await;
    assert_eq!((report.sent, report.acknowledged), (500, 500));
    let distinct: HashSet<_> = gateway.bodies.lock().unwrap().iter().cloned().collect();
    assert_eq!(distinct.len(), 500);
}

#[tokio::test]
async fn a_stall_of_the_target_shows_in_full_where_a_closed_loop_would_hide_it() {
    let (gateway, address) = Gateway::start();
    let stalling = gateway.clone();
    let stall = tokio::spawn(async move {
        while stalling.bodies.lock().unwrap().len() < 1000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stalling.stall(Duration::from_secs(2));
    });
    let report = run(config(address, 1000.0, 5000)).await;
    stall.await.unwrap();
    assert_eq!(report.acknowledged, 5000);
    // 2,000 of 5,000 requests fall into the stall and wait 2 s down to 0 s, so
    // one percent of all (50 of them) wait more than 1.95 s; the median none.
    let p99 = report.accept_ms.p99.unwrap();
    assert!((1900.0..2100.0).contains(&p99), "accept p99 {p99} ms");
    let p90 = report.accept_ms.p90.unwrap();
    assert!((1400.0..1700.0).contains(&p90), "accept p90 {p90} ms");
    // Only the eight that were under way waited, seen from the actual send.
    let service_p99 = report.service_ms.p99.unwrap();
    assert!(service_p99 < 500.0, "service p99 {service_p99} ms");
    // The queue was the target's fault: the generator kept its schedule.
    assert!(report.queued >= 1900, "{}", report.queued);
    assert!(report.valid, "{:?}", report.invalid_because);
}

#[tokio::test]
async fn receipts_hold_everything_acknowledged_with_place_and_hash() {
    let (gateway, address) = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receipts.csv");
    let mut config = config(address, 2000.0, 300);
    config.receipts = Some(path.clone());
    let (duplicates, invalid, cancels) = (share("10%"), share("10%"), share("10%"));
    config.mix = Mix { duplicates, invalid, cancels, ..Mix::default() };
    let report = run(config).await;
    let text = std::fs::read_to_string(path).unwrap();
    let (header, lines) = text.split_once('\n').unwrap();
    assert_eq!(header, "order_id,partition,offset,body_hash,status");
    let mut hashes: Vec<String> = Vec::new();
    let mut offsets = HashSet::new();
    for line in lines.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!((fields.len(), fields[0].len(), fields[1], fields[4]), (5, 36, "2", "202"));
        offsets.insert(fields[2].parse::<i64>().unwrap());
        hashes.push(fields[3].to_owned());
    }
    let acknowledged =
        [Kind::Order, Kind::Retry, Kind::Cancel].map(|k| report.kinds[&k].acknowledged);
    let receipts = acknowledged.iter().sum();
    assert!(acknowledged[2] > 0 && report.receipts == Some(receipts), "{acknowledged:?}");
    assert_eq!((offsets.len() as u64, report.kinds[&Kind::Invalid].acknowledged), (receipts, 0));
    let mut expected: Vec<String> = gateway.bodies.lock().unwrap().iter().map(|b| hex(b)).collect();
    expected.extend((0..acknowledged[2]).map(|_| hex(b"{}")));
    expected.sort();
    hashes.sort();
    assert_eq!(hashes, expected);
}

fn hex(body: &[u8]) -> String {
    receipts::body_hash(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_retry_repeats_key_and_body_and_provoked_refusals_are_no_errors() {
    let (gateway, address) = Gateway::start();
    let mut config = config(address, 4000.0, 2000);
    config.mix = Mix { duplicates: share("10%"), invalid: share("5%"), ..Mix::default() };
    let generator = Generator::new(config.seed, config.mix.clone());
    let count =
        |wanted: fn(&Step) -> bool| (0..2000).map(|n| generator.step(n)).filter(wanted).count();
    let retries = count(|step| matches!(step, Step::Retry(_)));
    let invalid = count(|step| matches!(step, Step::Invalid)) as u64;
    let report = run(config).await;
    assert_eq!(report.kinds[&Kind::Retry].sent, retries as u64);
    assert_eq!((report.refused, report.errors), (invalid, 0));
    assert_eq!(report.refusals[0].refusal.problem, "/problems/invalid-order");
    let (keys, bodies) = (gateway.keys.lock().unwrap(), gateway.bodies.lock().unwrap());
    let keyed: Vec<_> = keys
        .iter()
        .zip(bodies.iter())
        .filter_map(|(key, body)| Some((key.as_ref()?, body)))
        .collect();
    let pairs: HashSet<_> = keyed.iter().collect();
    let distinct_keys: HashSet<_> = keyed.iter().map(|(key, _)| key).collect();
    assert_eq!(pairs.len(), distinct_keys.len(), "one key, one body");
    assert_eq!(keyed.len() - distinct_keys.len(), retries);
    let first = count(|step| matches!(step, Step::Order));
    assert!((first / 20..first / 5).contains(&distinct_keys.len()), "one order in ten has a key");
}

#[tokio::test]
async fn cancellations_and_shipments_name_orders_that_were_acknowledged() {
    let (gateway, address) = Gateway::start();
    let mut config = config(address, 2000.0, 1000);
    config.mix = Mix { cancels: share("5%"), ships: share("5%"), ..Mix::default() };
    let report = run(config).await;
    assert_eq!((report.acknowledged, report.errors), (1000, 0));
    let paths = gateway.paths.lock().unwrap();
    let ending = |word: &str| paths.iter().filter(|path| path.ends_with(word)).count() as u64;
    assert_eq!(ending("/cancel"), report.kinds[&Kind::Cancel].sent);
    assert_eq!(ending("/ship"), report.kinds[&Kind::Ship].sent);
    assert!(report.kinds[&Kind::Cancel].sent > 20);
}

#[tokio::test]
async fn refusals_are_counted_by_problem_and_miss_the_objective_on_errors() {
    let (gateway, address) = Gateway::start();
    gateway.refuse_percent.store(10, Ordering::Relaxed);
    let mut config = config(address, 4000.0, 1000);
    config.slos = vec![Slo::parse("errors<1%").unwrap(), Slo::parse("accept.max<1h").unwrap()];
    let report = run(config).await;
    assert_eq!((report.acknowledged, report.refused, report.errors), (900, 100, 100));
    assert_eq!(report.refusals[0].refusal.status, 503);
    assert_eq!(report.refusals[0].refusal.problem, "/problems/busy");
    assert_eq!((report.slo[0].met, report.slo[0].measured), (false, Some(0.1)));
    assert!(report.slo[1].met);
    assert_eq!(report.exit_code(), 99);
}

#[tokio::test]
async fn a_connection_lost_before_the_answer_is_a_failure_and_never_sent_twice() {
    let (gateway, address) = Gateway::start();
    gateway.close_every.store(50, Ordering::Relaxed);
    let report = run(config(address, 2000.0, 1000)).await;
    assert_eq!((report.sent, report.acknowledged), (1000, 980));
    assert_eq!(report.failures[&Failure::Closed], 20);
    assert_eq!(gateway.bodies.lock().unwrap().len(), 980);
    assert_eq!(report.accept_ms.never, 20);
    assert_eq!(report.accept_ms.p99, None, "two of a hundred were never answered");
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_a_timeout() {
    let (gateway, address) = Gateway::start();
    gateway.stall(Duration::from_secs(3));
    let mut config = config(address, 100.0, 5);
    let Mode::Http(http) = &mut config.mode else { panic!() };
    http.timeout = Duration::from_millis(200);
    let report = run(config).await;
    assert_eq!(report.failures[&Failure::Timeout], 5);
    assert_eq!(report.exit_code(), 1, "nothing was acknowledged");
}

#[tokio::test]
async fn a_queue_that_overflows_voids_the_run() {
    let (gateway, address) = Gateway::start();
    gateway.stall(Duration::from_secs(1));
    let mut config = config(address, 2000.0, 1000);
    let Mode::Http(http) = &mut config.mode else { panic!() };
    http.backlog = 100;
    let report = run(config).await;
    assert_eq!(report.sent + report.dropped, 1000);
    assert!(report.dropped > 500, "{}", report.dropped);
    assert!(!report.valid);
    assert_eq!(report.exit_code(), 4);
}

#[tokio::test]
async fn a_generator_that_is_late_itself_voids_the_run() {
    let (_gateway, address) = Gateway::start();
    let mut config = config(address, 1000.0, 100);
    config.lag_limit = Duration::from_nanos(1);
    let report = run(config).await;
    assert!(!report.valid);
    assert!(
        report.invalid_because[0].starts_with("schedule lag p99"),
        "{:?}",
        report.invalid_because
    );
    assert_eq!(report.exit_code(), 4);
}

#[tokio::test]
async fn a_stopped_run_still_reports() {
    let (gateway, address) = Gateway::start();
    let stop = CancellationToken::new();
    let (stopper, seen) = (stop.clone(), gateway.clone());
    let stopping = tokio::spawn(async move {
        while seen.bodies.lock().unwrap().len() < 100 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stopper.cancel();
    });
    let report = loadgen::run(config(address, 1000.0, 1_000_000), stop).await.unwrap();
    stopping.await.unwrap();
    assert!(report.interrupted);
    assert_eq!((report.sent, report.errors), (report.acknowledged, 0));
    assert_eq!(report.exit_code(), 130);
}

#[tokio::test]
async fn a_gateway_that_is_away_is_named() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = loadgen::run(config(address, 1.0, 1), CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, RunError::Unreachable(_)));
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn every_product_is_restocked_before_the_first_order() {
    let (gateway, address) = Gateway::start();
    let mut config = config(address, 1000.0, 10);
    config.stock = 500;
    config.mix = Mix { products: 100, ..Mix::default() };
    let report = run(config).await;
    assert_eq!(report.sent, 10, "restocking is not part of the load");
    let paths = gateway.paths.lock().unwrap();
    let restocked: HashSet<&String> = paths[..100].iter().collect();
    assert_eq!(restocked.len(), 100);
    assert!(paths[..100].iter().all(|path| path.ends_with("/adjustments")));
}

#[tokio::test]
async fn a_connection_the_server_closed_while_idle_costs_no_order() {
    let (gateway, address) = Gateway::start();
    gateway.requests_per_connection.store(1, Ordering::Relaxed);
    let mut config = config(address, 20.0, 10);
    let Mode::Http(http) = &mut config.mode else { panic!() };
    http.connections = 1;
    let report = run(config).await;
    assert_eq!((report.acknowledged, report.errors), (10, 0));
    assert_eq!(gateway.bodies.lock().unwrap().len(), 10);
}
