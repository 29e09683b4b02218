//! What is answered and what is in the log, on real Kafka.

use serde_json::json;
use testkit::OwnedRecord;

use crate::http::{request, request_with};
use crate::start::{Gateway, ORDER};

fn header(record: &OwnedRecord, name: &str) -> Option<String> {
    let (_, value) = record.headers.iter().find(|(found, _)| found == name)?;
    Some(String::from_utf8(value.clone()).unwrap())
}

#[tokio::test]
async fn an_accepted_order_is_in_the_log_where_the_answer_says_byte_for_byte() {
    let bed = testkit::bed("ingest-order").await;
    let gateway = Gateway::on_bed(&bed, &[]).await;
    let odd_spelling = format!(" \n{}\r\n ", ORDER.replace(':', " :\t"));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers =
        format!("content-type: application/json; charset=utf-8\r\ntraceparent: {trace}\r\n");
    let answer = request_with(gateway.http, "POST", "/orders", &headers, &odd_spelling).await;

    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.json();
    let (id, time) =
        (document["orderId"].as_str().unwrap(), document["createdAt"].as_str().unwrap());
    assert_eq!(
        document,
        json!({"orderId": id, "status": "CREATED", "totalPrice": 70, "createdAt": time})
    );
    assert_eq!(answer.header("location"), Some(format!("/orders/{id}").as_str()));

    let records = bed.read_all(&bed.topics.orders).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(answer.header("x-order-partition").unwrap(), record.partition.to_string());
    assert_eq!(answer.header("x-order-offset").unwrap(), record.offset.to_string());
    assert_eq!(record.key.as_deref(), Some(id.as_bytes()));
    assert_eq!(record.value.as_deref(), Some(odd_spelling.as_bytes()));
    for (name, value) in [
        ("ce_specversion", "1.0"),
        ("ce_id", id),
        ("ce_source", "/ingest"),
        ("ce_type", "order.created.v1"),
        ("ce_time", time),
        ("ce_subject", id),
        ("content-type", "application/json"),
        ("traceparent", trace),
    ] {
        assert_eq!(header(record, name).as_deref(), Some(value), "{name}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn the_same_key_is_the_same_order_for_one_customer_only() {
    let bed = testkit::bed("ingest-key").await;
    let gateway = Gateway::on_bed(&bed, &[]).await;
    let place = async |key: &str, body: &str| {
        let headers = format!("idempotency-key: {key}\r\n");
        let answer = request_with(gateway.http, "POST", "/orders", &headers, body).await;
        (answer.json()["orderId"].clone(), answer.header("x-order-partition").unwrap().to_owned())
    };
    let first = place("k-1", ORDER).await;
    assert_eq!(place("\"k-1\"", ORDER).await, first);
    assert_ne!(place("k-2", ORDER).await.0, first.0);
    assert_ne!(place("k-1", &ORDER.replace("c-1", "c-2")).await.0, first.0);
    assert_eq!(bed.read_all(&bed.topics.orders).await.len(), 4);
    gateway.stop().await;
}

#[tokio::test]
async fn cancel_ship_and_adjust_become_events_in_the_order_of_their_subject() {
    let bed = testkit::bed("ingest-requests").await;
    let gateway = Gateway::on_bed(&bed, &[]).await;
    let placed = request(gateway.http, "POST", "/orders", ORDER).await;
    let id = placed.json()["orderId"].as_str().unwrap().to_owned();

    let post = async |path: String, body: &str| request(gateway.http, "POST", &path, body).await;
    let cancelled = post(format!("/orders/{id}/cancel"), r#"{"reason":"too late"}"#).await;
    let shipped = post(format!("/orders/{id}/ship"), "").await;
    let adjusted =
        post("/stock/p:1/adjustments".into(), r#"{"quantity":-5,"reason":"correction"}"#).await;

    for (answer, kind) in [
        (&cancelled, "order.cancel_requested.v1"),
        (&shipped, "order.shipped.v1"),
        (&adjusted, "stock.adjusted.v1"),
    ] {
        assert_eq!((answer.status, &answer.json()["type"]), (202, &json!(kind)), "{answer:?}");
    }
    assert_eq!(cancelled.header("location"), Some(format!("/orders/{id}").as_str()));
    assert_eq!(adjusted.header("location"), Some("/stock/p:1"));
    assert_eq!(cancelled.header("x-order-partition"), placed.header("x-order-partition"));
    assert_eq!(cancelled.header("x-order-offset"), Some("1"));
    assert_eq!(shipped.header("x-order-offset"), Some("2"));

    let records = bed.read_all(&bed.topics.orders).await;
    let seen: Vec<_> = records
        .iter()
        .map(|record| (header(record, "ce_type").unwrap(), record.value.clone().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            ("order.created.v1".to_owned(), ORDER.as_bytes().to_vec()),
            ("order.cancel_requested.v1".to_owned(), br#"{"reason":"too late"}"#.to_vec()),
            ("order.shipped.v1".to_owned(), b"{}".to_vec()),
        ]
    );
    assert!(records.iter().all(|record| record.key.as_deref() == Some(id.as_bytes())));
    let stock = bed.read_all(&bed.topics.stock).await;
    assert_eq!(stock[0].key.as_deref(), Some(b"p:1".as_slice()));
    assert_eq!(header(&stock[0], "ce_subject").as_deref(), Some("p:1"));
    assert_eq!(header(&stock[0], "ce_id"), adjusted.json()["eventId"].as_str().map(str::to_owned));
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_not_valid_is_refused_and_leaves_no_record() {
    let bed = testkit::bed("ingest-refuse").await;
    let gateway = Gateway::on_bed(&bed, &[]).await;
    let id = "01990000-0000-7000-8000-00000000000a";
    for (path, body, pointer) in [
        ("/orders".to_owned(), "{}", "/customerId"),
        (format!("/orders/{id}/cancel"), r#"{"reason":7}"#, "/reason"),
        (format!("/orders/{id}/ship"), r#"{"carrier":""}"#, "/carrier"),
        ("/stock/p-1/adjustments".to_owned(), r#"{"quantity":0,"reason":"restock"}"#, "/quantity"),
        ("/stock/p-1/adjustments".to_owned(), "", "/reason"),
    ] {
        let answer = request(gateway.http, "POST", &path, body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-body"), "{path}");
        assert_eq!(answer.pointers()[0], pointer, "{path}");
    }
    let headers = "idempotency-key: a b\r\n";
    let answer = request_with(gateway.http, "POST", "/orders", headers, ORDER).await;
    assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-header"));

    // A valid one of each comes last and is alone.
    assert_eq!(request(gateway.http, "POST", "/orders", ORDER).await.status, 202);
    let restock = r#"{"quantity":5,"reason":"restock"}"#;
    assert_eq!(request(gateway.http, "POST", "/stock/p-1/adjustments", restock).await.status, 202);
    let orders = bed.read_all(&bed.topics.orders).await;
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!(orders[0].value.as_deref(), Some(ORDER.as_bytes()));
    assert_eq!(bed.read_all(&bed.topics.stock).await.len(), 1);
    gateway.stop().await;
}
