//! Input meant to harm. Each is answered with a problem that names what is
//! wrong, or the connection is closed where HTTP itself is broken; memory stays
//! flat; and no such request becomes a record.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::http::{Connection, request, request_with};
use crate::start::{Gateway, Mock, ORDER, mock};

async fn gateway(mock: &Mock) -> Gateway {
    Gateway::on_mock(mock, &["--body-timeout", "700ms", "--idle-timeout", "1s"]).await
}

/// Memory of this process, in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn line(field: &str, value: &str) -> String {
    let valid = r#"{"productId":"p","quantity":1,"price":1}"#;
    let (name, old) = match field {
        "productId" => ("productId", "\"p\""),
        "quantity" => ("quantity", "1,"),
        _ => ("price", "1}"),
    };
    let tail = &old[old.len() - usize::from(field != "productId")..];
    let item = valid.replace(&format!("\"{name}\":{old}"), &format!("\"{name}\":{value}{tail}"));
    format!(r#"{{"customerId":"c","items":[{item}]}}"#)
}

#[tokio::test]
async fn every_hostile_order_is_refused_with_a_pointer_to_what_is_wrong() {
    let mock = mock();
    let gateway = gateway(&mock).await;
    let many = format!(
        r#"{{"customerId":"c","items":[{}]}}"#,
        vec![r#"{"productId":"p","quantity":1,"price":1}"#; 101].join(",")
    );
    let deep = format!(r#"{{"customerId":"c","items":{}"#, "[".repeat(60_000));
    let deep_member = format!(r#"{{"customerId":"c","x":{}{}}}"#, "{\"a\":".repeat(9_000), "1");
    let cases: Vec<(&str, String, &[&str])> = vec![
        ("empty", String::new(), &[""]),
        ("truncated", ORDER[..ORDER.len() - 2].to_owned(), &[""]),
        ("trailing", format!("{ORDER} x"), &[""]),
        ("bom", format!("\u{feff}{ORDER}"), &[""]),
        ("array", format!("[{ORDER}]"), &[""]),
        ("null", "null".to_owned(), &[""]),
        ("wrong types", r#"{"customerId":1,"items":"x"}"#.to_owned(), &["/customerId", "/items"]),
        ("missing", "{}".to_owned(), &["/customerId", "/items"]),
        ("no lines", r#"{"customerId":"c","items":[]}"#.to_owned(), &["/items"]),
        ("101 lines", many, &["/items"]),
        ("negative quantity", line("quantity", "-1"), &["/items/0/quantity"]),
        ("zero quantity", line("quantity", "0"), &["/items/0/quantity"]),
        ("fraction", line("quantity", "1.5"), &["/items/0/quantity"]),
        ("i64 overflow", line("quantity", "9223372036854775808"), &["/items/0/quantity"]),
        ("huge integer", line("quantity", &"9".repeat(300)), &["/items/0/quantity"]),
        ("negative price", line("price", "-0.01"), &["/items/0/price"]),
        ("1e400", line("price", "1e400"), &[""]),
        ("too many decimals", line("price", "0.001"), &["/items/0/price"]),
        ("total overflow", line("price", "9999999999999.99").replace(":1,", ":1000000,"), &[""]),
        ("escaped NUL", line("productId", r#""a\u0000""#), &["/items/0/productId"]),
        ("raw NUL", line("productId", "\"a\0\""), &[""]),
        ("lone surrogate", line("productId", r#""\ud800""#), &[""]),
        ("control", line("productId", r#""a\n""#), &["/items/0/productId"]),
        ("look-alike", line("productId", "\"\u{430}\""), &["/items/0/productId"]),
        ("zero width", line("productId", "\"a\u{200b}\""), &["/items/0/productId"]),
        (
            "long id",
            line("productId", &format!("\"{}\"", "x".repeat(10_000))),
            &["/items/0/productId"],
        ),
        ("deep array", deep, &[""]),
        ("deep object", deep_member, &[""]),
        ("duplicate key", ORDER.replacen('{', r#"{"customerId":"c-2","#, 1), &["/customerId"]),
        ("duplicate in a line", line("productId", r#""p","price":2"#), &["/items/0/price"]),
        ("currency", ORDER.replacen('{', r#"{"currency":"EUROS","#, 1), &["/currency"]),
    ];
    for (name, body, pointers) in cases {
        let answer = request(gateway.http, "POST", "/orders", &body).await;
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
        assert_eq!(answer.problem(), "invalid-body", "{name}");
        assert_eq!(answer.pointers(), pointers, "{name}: {answer:?}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let mock = mock();
    let gateway = gateway(&mock).await;
    for bytes in [&b"\xff\xfe"[..], b"{\"customerId\":\"\xc0\xaf\"}", b"\x1f\x8b\x08\x00"] {
        let mut connection = Connection::open(gateway.http).await;
        let head =
            format!("POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", bytes.len());
        connection.send(&[head.as_bytes(), bytes].concat()).await;
        let answer = connection.answer().await.unwrap();
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-body"));
    }
    gateway.stop().await;
}

#[tokio::test]
async fn every_refusal_of_a_request_is_a_problem_with_the_right_status() {
    let mock = mock();
    let gateway = gateway(&mock).await;
    let plain = "content-type: text/plain\r\n";
    let answer = request_with(gateway.http, "POST", "/orders", plain, ORDER).await;
    assert_eq!((answer.status, answer.problem().as_str()), (415, "unsupported-media-type"));
    let answer = request(gateway.http, "PUT", "/orders", ORDER).await;
    assert_eq!((answer.status, answer.problem().as_str()), (405, "method-not-allowed"));
    assert_eq!(answer.header("allow"), Some("GET, POST"));
    let answer = request(gateway.http, "GET", "/nothing", "").await;
    assert_eq!((answer.status, answer.problem().as_str()), (404, "no-such-route"));
    let answer = request(gateway.http, "POST", "/orders/7/cancel", "").await;
    assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-path"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_refusal_that_needs_no_body_reaches_a_client_that_is_still_sending_one() {
    let mock = mock();
    let gateway = gateway(&mock).await;
    let cases = [
        ("PUT /orders", "", "method-not-allowed"),
        ("POST /nothing", "", "no-such-route"),
        ("POST /orders", "idempotency-key: a b\r\n", "invalid-header"),
        ("POST /stock/p-1/adjustments", "idempotency-key:\r\n", "invalid-header"),
    ];
    for (line, headers, word) in cases {
        let mut connection = Connection::open(gateway.http).await;
        let head = format!("{line} HTTP/1.1\r\nhost: x\r\n{headers}content-length: 40000\r\n\r\n");
        connection.send(head.as_bytes()).await;
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(connection.send(&[b' '; 10_000]).await, "{line} was not heard to its end");
        }
        assert_eq!(connection.answer().await.expect("no answer").problem(), word);
        // It goes on being of use.
        connection.send(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(connection.answer().await.expect("closed").problem(), "no-such-route");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn the_largest_body_is_read_and_one_byte_more_is_not() {
    let mock = mock();
    let gateway = gateway(&mock).await;
    let fill = |bytes: usize| format!("{ORDER}{}", " ".repeat(bytes - ORDER.len()));
    assert_eq!(request(gateway.http, "POST", "/orders", &fill(65_536)).await.status, 202);
    let answer = request(gateway.http, "POST", "/orders", &fill(65_537)).await;
    assert_eq!((answer.status, answer.problem().as_str()), (413, "too-large"));
    assert_eq!(answer.header("connection"), Some("close"));
    gateway.stop().await;
}

#[tokio::test]
async fn ten_megabytes_are_refused_and_leave_memory_flat() {
    let mock = mock();
    let gateway = gateway(&mock).await;
    let body = "x".repeat(10 * 1024 * 1024);
    request(gateway.http, "POST", "/orders", &body).await;
    let before = resident_kib();
    for _ in 0..10 {
        let answer = request(gateway.http, "POST", "/orders", &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (413, "too-large"));
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 8 * 1024, "grew by {grown} KiB");
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let mock = mock();
    let gateway = gateway(&mock).await;
    let mut connection = Connection::open(gateway.http).await;
    let head = "POST /orders HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 10485760\r\n\r\n";
    connection.send(head.as_bytes()).await;
    assert_eq!(connection.answer().await.unwrap().problem(), "too-large");
    assert!(connection.closed().await);
    gateway.stop().await;
}

#[tokio::test]
async fn a_body_in_chunks_needs_a_length_even_when_it_never_ends() {
    let mock = mock();
    let gateway = gateway(&mock).await;
    let head = "POST /orders HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut polite = Connection::open(gateway.http).await;
    let chunk = format!("{head}{:x}\r\n{ORDER}\r\n0\r\n\r\n", ORDER.len());
    polite.send(chunk.as_bytes()).await;
    assert_eq!(polite.answer().await.unwrap().problem(), "length-required");
    assert!(polite.closed().await);

    let before = resident_kib();
    let mut endless = Connection::open(gateway.http).await;
    endless.send(head.as_bytes()).await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let started = Instant::now();
    while endless.send(chunk.as_bytes()).await {
        assert!(started.elapsed() < Duration::from_secs(15), "read on and on");
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "grew by {grown} KiB");

    let mut silent = Connection::open(gateway.http).await;
    silent.send(head.as_bytes()).await;
    assert_eq!(silent.answer().await.unwrap().problem(), "length-required");
    gateway.stop().await;
}

#[tokio::test]
async fn slow_clients_are_given_up() {
    let mock = mock();
    let gateway = gateway(&mock).await;
    let mut silent = Connection::open(gateway.http).await;
    let mut half_head = Connection::open(gateway.http).await;
    half_head.send(b"POST /orders HTTP/1.1\r\nhost: x\r\n").await;
    let mut half_body = Connection::open(gateway.http).await;
    half_body.send(b"POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"cus").await;
    let mut no_body = Connection::open(gateway.http).await;
    no_body.send(b"POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n").await;
    for late in [&mut half_body, &mut no_body] {
        let answer = late.answer().await.unwrap();
        assert_eq!((answer.status, answer.problem().as_str()), (408, "body-timeout"));
        assert!(late.closed().await);
    }
    assert!(silent.closed().await);
    assert!(half_head.closed().await);

    let mut kept = Connection::open(gateway.http).await;
    let order = format!(
        "POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{ORDER}",
        ORDER.len()
    );
    for _ in 0..2 {
        kept.send(order.as_bytes()).await;
        assert_eq!(kept.answer().await.unwrap().status, 202);
    }
    assert!(kept.closed().await);
    gateway.stop().await;
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_order() {
    let mock = mock();
    let gateway = gateway(&mock).await;
    let mut connection = Connection::open(gateway.http).await;
    let head =
        format!("POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", ORDER.len() + 1);
    connection.send(format!("{head}{ORDER}").as_bytes()).await;
    connection.finish_sending().await;
    if let Some(answer) = connection.answer().await {
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    gateway.stop().await;
}

/// Sends raw bytes and gives the status of every answer until the close.
async fn statuses(address: SocketAddr, bytes: &str) -> Vec<u16> {
    let mut connection = Connection::open(address).await;
    connection.send(bytes.as_bytes()).await;
    let mut statuses = Vec::new();
    while let Some(answer) = connection.answer().await {
        statuses.push(answer.status);
    }
    statuses
}

#[tokio::test]
async fn one_request_is_at_most_one_order_however_its_end_is_disguised() {
    let mock = mock();
    let gateway = gateway(&mock).await;
    let length = ORDER.len();
    let smuggled =
        format!("POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{ORDER}");
    let chunked = format!("{length:x}\r\n{ORDER}\r\n0\r\n\r\n");
    let head = "POST /orders HTTP/1.1\r\nhost: x\r\n";
    let cases: Vec<(&str, String, &[u16])> = vec![
        (
            "CL.TE",
            format!(
                "{head}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n{chunked}{smuggled}"
            ),
            &[411],
        ),
        (
            "TE.CL",
            format!(
                "{head}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n{chunked}{smuggled}"
            ),
            &[411],
        ),
        (
            "TE twice",
            format!(
                "{head}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n{chunked}{smuggled}"
            ),
            &[400],
        ),
        ("TE odd", format!("{head}transfer-encoding: xchunked\r\n\r\n{chunked}{smuggled}"), &[400]),
        (
            "two lengths",
            format!("{head}content-length: {length}\r\ncontent-length: 4\r\n\r\n{ORDER}{smuggled}"),
            &[400],
        ),
        ("plus", format!("{head}content-length: +{length}\r\n\r\n{ORDER}{smuggled}"), &[400]),
        ("hex", format!("{head}content-length: 0x{length:x}\r\n\r\n{ORDER}{smuggled}"), &[400]),
        ("negative", format!("{head}content-length: -1\r\n\r\n{ORDER}{smuggled}"), &[400]),
        ("overflow", format!("{head}content-length: 99999999999999999999\r\n\r\n{ORDER}"), &[400]),
        ("fold", format!("{head}content-length:\r\n {length}\r\n\r\n{ORDER}{smuggled}"), &[400]),
        (
            "space before colon",
            format!("{head}content-length : {length}\r\n\r\n{ORDER}{smuggled}"),
            &[400],
        ),
        (
            "NUL in a header",
            format!("{head}x: a\0b\r\ncontent-length: {length}\r\n\r\n{ORDER}{smuggled}"),
            &[400],
        ),
        (
            "TE on 1.0",
            format!(
                "POST /orders HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n{chunked}{smuggled}"
            ),
            &[400],
        ),
        ("no HTTP", "\x16\x03\x01\x02\x00\x01\x00".to_owned(), &[400]),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[]),
        ("long head", format!("{head}x: {}\r\n\r\n", "x".repeat(40_000)), &[431]),
        ("many headers", format!("{head}{}\r\n", "a: b\r\n".repeat(200)), &[431]),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(statuses(gateway.http, &bytes).await, expected, "{name}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn silent_connections_are_bounded_and_give_way() {
    let mock = mock();
    let gateway =
        Gateway::on_mock(&mock, &["--connections-max", "64", "--idle-timeout", "1s"]).await;
    let before = resident_kib();
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(Connection::open(gateway.http).await);
    }
    let started = Instant::now();
    // Stands behind them, so it waits until most of them were given up.
    assert_eq!(request(gateway.http, "POST", "/orders", ORDER).await.status, 202);
    assert!(started.elapsed() > Duration::from_millis(500), "no cap: {:?}", started.elapsed());
    for mut connection in silent {
        assert!(connection.closed().await);
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 32 * 1024, "grew by {grown} KiB");
    gateway.stop().await;
}

#[tokio::test]
async fn who_asks_and_never_reads_gives_way() {
    let mock = mock();
    let args = ["--connections-max", "1", "--idle-timeout", "1s"];
    let gateway = Gateway::on_mock(&mock, &args).await;
    let mut greedy = Connection::open(gateway.http).await;
    // More than the buffers of both kernels hold, questions and answers together.
    let questions = "GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1_000_000);
    assert!(!greedy.send(questions.as_bytes()).await, "all were answered");
    assert_eq!(request(gateway.http, "GET", "/", "").await.status, 404, "its place is free");
    gateway.stop().await;
}
