//! Stopping: what is under way finishes, nothing new begins.

use std::time::{Duration, Instant};

use testkit::wait_until_named;
use tokio::net::TcpStream;

use crate::http::{Connection, request};
use crate::start::{Gateway, ORDER, mock};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_write_under_way_is_answered_and_then_the_process_ends() {
    let mock = mock();
    let gateway = Gateway::on_mock(&mock, &["--drain-notice", "300ms"]).await;
    assert_eq!(request(gateway.http, "POST", "/orders", ORDER).await.status, 202);
    let mut idle = Connection::open(gateway.http).await;
    idle.send(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(idle.answer().await.unwrap().status, 404);
    // Long enough to be seen in flight even when every other test wants the cores.
    mock.broker_round_trip_time(1, Duration::from_secs(4)).unwrap();
    let (http, stop) = (gateway.http, gateway.stop.clone());
    let under_way = tokio::spawn(async move { request(http, "POST", "/orders", ORDER).await });
    let waits = async || gateway.metric("ingest_writes_in_flight").await == Some(1.0);
    wait_until_named("a write in flight", PATIENCE, waits).await;

    stop.cancel();
    gateway.unready().await;
    assert!(TcpStream::connect(http).await.is_ok(), "closed before load balancers could notice");
    let closed = async || TcpStream::connect(http).await.is_err();
    wait_until_named("a closed listener", PATIENCE, closed).await;
    assert_eq!(under_way.await.unwrap().status, 202);
    let answered = Instant::now();
    gateway.run.await.unwrap().unwrap();
    assert!(answered.elapsed() < Duration::from_secs(3), "{:?}", answered.elapsed());
    assert!(idle.closed().await);
}

#[tokio::test]
async fn a_client_that_never_finishes_does_not_hold_the_drain_forever() {
    let mock = mock();
    let gateway = Gateway::on_mock(&mock, &["--drain-timeout", "500ms"]).await;
    let mut slow = Connection::open(gateway.http).await;
    slow.send(b"POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").await;
    assert_eq!(request(gateway.http, "POST", "/orders", ORDER).await.status, 202);
    let started = Instant::now();
    gateway.stop().await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}
