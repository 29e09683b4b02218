//! The read side, on a real PostgreSQL, and what becomes of it without one.

use std::time::{Duration, Instant};

use contract::OrderId;
use serde_json::json;
use sqlx::PgConnection;
use testkit::{Bed, Way, wait_until_named};
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use crate::http::request;
use crate::start::{Gateway, ORDER, mock};

async fn insert_order(connection: &mut PgConnection, id: Uuid, status: &str, offset: i64) {
    let reason = matches!(status, "REJECTED" | "PAYMENT_FAILED" | "CANCELLED").then_some(
        r#"{"code":"insufficient_stock","productId":"p-1","requested":2,"available":1}"#,
    );
    sqlx::query(
        "insert into orders (order_id, customer_id, status, currency, total_minor, lines, reason, \
             source_partition, source_offset, created_at, updated_at) \
         values ($1, 'c-1', $2::order_status, 'EUR', 7050, \
             '[{\"sku\":\"p-1\",\"quantity\":2,\"price_minor\":3525}]', $3::jsonb, 0, $4, \
             '2026-11-21T08:46:00.123Z', '2026-11-21T08:46:01.5Z')",
    )
    .bind(id)
    .bind(status)
    .bind(reason)
    .bind(offset)
    .execute(connection)
    .await
    .unwrap();
}

#[tokio::test]
async fn an_order_is_shown_with_its_payment_and_its_reason() {
    let bed = testkit::bed("ingest-reads").await;
    let gateway = Gateway::on_bed(&bed, &[]).await;
    let mut connection = bed.connect().await;
    let (paid, rejected) = (Uuid::now_v7(), Uuid::now_v7());
    insert_order(&mut connection, paid, "PAID", 0).await;
    insert_order(&mut connection, rejected, "REJECTED", 1).await;
    let payment = "insert into payments values ($1, 'CAPTURED', 'EUR', 7050, null, now(), now())";
    sqlx::query(payment).bind(paid).execute(&mut connection).await.unwrap();

    let answer = request(gateway.http, "GET", &format!("/orders/{paid}"), "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.json(),
        json!({
            "orderId": paid, "customerId": "c-1", "status": "PAID", "currency": "EUR",
            "totalPrice": 70.5, "items": [{"productId": "p-1", "quantity": 2, "price": 35.25}],
            "payment": {"status": "CAPTURED", "amount": 70.5},
            "createdAt": "2026-11-21T08:46:00.123Z", "updatedAt": "2026-11-21T08:46:01.500Z",
        })
    );
    let answer = request(gateway.http, "GET", &format!("/orders/{rejected}"), "").await;
    assert_eq!(answer.json()["reason"]["code"], "insufficient_stock");
    assert_eq!(answer.json().get("payment"), None);
    gateway.stop().await;
}

#[tokio::test]
async fn an_unknown_order_is_not_found_and_a_young_one_may_come() {
    let bed = testkit::bed("ingest-unknown").await;
    let gateway = Gateway::on_bed(&bed, &[]).await;
    let get = async |id: Uuid| request(gateway.http, "GET", &format!("/orders/{id}"), "").await;
    let young = get(OrderId::mint().0).await;
    assert_eq!((young.status, young.problem().as_str()), (404, "not-found"));
    assert_eq!(young.header("retry-after"), Some("1"));
    let old = get(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_000a)).await;
    assert_eq!((old.status, old.header("retry-after")), (404, None));
    gateway.stop().await;
}

#[tokio::test]
async fn who_waits_for_an_order_is_answered_when_it_settles() {
    let bed = testkit::bed("ingest-wait").await;
    let gateway = Gateway::on_bed(&bed, &[]).await;
    let mut connection = bed.connect().await;
    let id = Uuid::now_v7();
    let (address, path) = (gateway.http, format!("/orders/{id}?wait=8s"));
    let started = Instant::now();
    let waiter = tokio::spawn(async move { request(address, "GET", &path, "").await });
    insert_order(&mut connection, id, "RESERVED", 0).await;
    let short = request(gateway.http, "GET", &format!("/orders/{id}?wait=50ms"), "").await;
    assert_eq!(short.json()["status"], "RESERVED");
    assert!(!waiter.is_finished());
    let paid = "update orders set status = 'PAID' where order_id = $1";
    sqlx::query(paid).bind(id).execute(&mut connection).await.unwrap();
    assert_eq!(waiter.await.unwrap().json()["status"], "PAID");
    assert!(started.elapsed() < Duration::from_secs(5));
    gateway.stop().await;
}

#[tokio::test]
async fn pages_follow_each_other_newest_first_without_gap_or_repeat() {
    let bed = testkit::bed("ingest-pages").await;
    let gateway = Gateway::on_bed(&bed, &[]).await;
    let mut connection = bed.connect().await;
    let mut ids: Vec<Uuid> = Vec::new();
    for offset in 0..25 {
        let id = Uuid::now_v7();
        insert_order(&mut connection, id, "RESERVED", offset).await;
        ids.push(id);
    }
    ids.sort_by(|a, b| b.cmp(a));
    let mut seen = Vec::new();
    let mut next = Some("/orders?customerId=c-1&limit=10".to_owned());
    while let Some(path) = next {
        let answer = request(gateway.http, "GET", &path, "").await;
        let page = answer.json();
        let orders = page["orders"].as_array().unwrap();
        assert!(orders.len() <= 10);
        seen.extend(orders.iter().map(|o| o["orderId"].as_str().unwrap().parse::<Uuid>().unwrap()));
        next = page["next"].as_str().map(str::to_owned);
        let link = next.as_ref().map(|next| format!("<{next}>; rel=\"next\""));
        assert_eq!(answer.header("link"), link.as_deref());
    }
    assert_eq!(seen, ids);
    let other = request(gateway.http, "GET", "/orders?customerId=c-2", "").await;
    assert_eq!(other.json(), json!({"orders": [], "next": null}));
    let none = request(gateway.http, "GET", "/orders", "").await;
    assert_eq!((none.status, none.problem().as_str()), (400, "invalid-query"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_page_of_large_orders_is_shorter_than_asked_for_and_says_where_it_goes_on() {
    let bed = testkit::bed("ingest-large").await;
    let gateway = Gateway::on_bed(&bed, &[]).await;
    let mut connection = bed.connect().await;
    for offset in 0..60 {
        insert_order(&mut connection, Uuid::now_v7(), "RESERVED", offset).await;
    }
    // A hundred lines of the longest product ids.
    let grow = "update orders set lines = (select jsonb_agg(jsonb_build_object( \
        'sku', repeat('p', 64), 'quantity', 2, 'price_minor', 3525)) from generate_series(1, 100))";
    sqlx::query(grow).execute(&mut connection).await.unwrap();
    let mut counts = Vec::new();
    let mut next = Some("/orders?customerId=c-1&limit=200".to_owned());
    while let Some(path) = next {
        let answer = request(gateway.http, "GET", &path, "").await;
        assert!(answer.body.len() <= 256 * 1024, "{} bytes", answer.body.len());
        let page = answer.json();
        counts.push(page["orders"].as_array().unwrap().len());
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(counts, [22, 22, 16]);
    gateway.stop().await;
}

#[tokio::test]
async fn stock_and_sales_are_shown_in_major_units() {
    let bed = testkit::bed("ingest-stock").await;
    let gateway = Gateway::on_bed(&bed, &[]).await;
    let mut connection = bed.connect().await;
    for statement in [
        "insert into stock values ('p-1', 5, 2, 3, 10, 4, '2026-11-21T08:46:00Z')",
        "insert into sales_metric_shards values ('revenue_total', 'EUR', 0, 7000, 2, now())",
        "insert into sales_metric_shards values ('revenue_total', 'EUR', 1, 50, 2, now())",
        "insert into sales_metric_shards values ('orders_total', '', 0, 7, 0, now())",
    ] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    let stock = request(gateway.http, "GET", "/stock/p-1", "").await.json();
    assert_eq!(
        stock,
        json!({"productId": "p-1", "available": 5, "reserved": 2, "sold": 3, "received": 10,
            "lowAt": 4, "updatedAt": "2026-11-21T08:46:00.000Z"})
    );
    assert_eq!(request(gateway.http, "GET", "/stock/p-9", "").await.problem(), "not-found");
    let sales =
        request(gateway.http, "GET", "/metrics/sales?metric=revenue_total", "").await.json();
    assert_eq!(sales["metrics"][0]["value"], 70.5);
    let all = request(gateway.http, "GET", "/metrics/sales", "").await.json();
    let shown =
        |n: usize| ["metric", "dimension", "value"].map(|field| all["metrics"][n][field].clone());
    assert_eq!(all["metrics"].as_array().unwrap().len(), 3);
    assert_eq!(shown(0), [json!("orders_total"), json!(""), json!(7)]);
    assert_eq!(shown(2), [json!("top_products"), json!("p-1"), json!(3)]);
    gateway.stop().await;
}

#[tokio::test]
async fn without_a_database_orders_are_taken_and_reads_say_so() {
    let mock = mock();
    // Nothing listens on port 1 of the loopback.
    let gateway =
        Gateway::on_mock(&mock, &["--database-url", "postgres://nobody@127.0.0.1:1/none"]).await;
    let id = Uuid::now_v7();
    let answer = request(gateway.http, "GET", &format!("/orders/{id}"), "").await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "reads-away"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(request(gateway.http, "POST", "/orders", ORDER).await.status, 202);
    gateway.stop().await;
}

#[tokio::test]
async fn reads_that_pile_up_are_refused_and_slow_no_write() {
    let bed = testkit::bed("ingest-pile").await;
    let gateway = Gateway::on_bed(&bed, &["--read-connections", "1"]).await;
    let mut connection = bed.connect().await;
    sqlx::query("begin").execute(&mut connection).await.unwrap();
    sqlx::query("lock table orders in access exclusive mode")
        .execute(&mut connection)
        .await
        .unwrap();
    // On a busy machine a pile may be given up before the write comes: then another one.
    let mut piles = 0;
    while !write_overtakes_pile(&gateway).await {
        piles += 1;
        assert!(piles < 10, "no write is answered before the reads are given up");
    }
    gateway.stop().await;
}

/// Whether a write is answered while as many reads wait as may.
async fn write_overtakes_pile(gateway: &Gateway) -> bool {
    let mut reads = JoinSet::new();
    for _ in 0..60 {
        let (address, path) = (gateway.http, format!("/orders/{}", Uuid::now_v7()));
        reads.spawn(async move { request(address, "GET", &path, "").await });
    }
    // One connection and 16 places in front of it.
    let mut refused = Vec::new();
    while reads.len() > 17 {
        refused.push(reads.join_next().await.unwrap().unwrap());
    }
    assert_eq!(request(gateway.http, "POST", "/orders", ORDER).await.status, 202);
    let at_once = refused.iter().all(|answer| answer.body.contains("too many reads"));
    let overtakes = at_once && reads.try_join_next().is_none();
    for answer in refused.into_iter().chain(reads.join_all().await) {
        assert_eq!((answer.status, answer.problem().as_str()), (503, "reads-away"));
    }
    overtakes
}

/// A gateway whose reads have one connection, by a way that can vanish.
async fn by_a_way(bed: &Bed) -> (Gateway, Way) {
    let way = Way::open(&bed.database_url).await;
    let url = way.url(&bed.database_url);
    let arguments = ["--read-connections", "1", "--database-read-url", &url];
    (Gateway::on_bed(bed, &arguments).await, way)
}

async fn answered_again(gateway: &Gateway) {
    let path = format!("/orders/{}", Uuid::now_v7());
    let answered = async || request(gateway.http, "GET", &path, "").await.status == 404;
    wait_until_named("a read that is answered", Duration::from_secs(20), answered).await;
}

#[tokio::test]
async fn reads_come_back_after_the_database_vanished_under_one() {
    let bed = testkit::bed("ingest-vanish").await;
    let (gateway, way) = by_a_way(&bed).await;
    answered_again(&gateway).await;
    let mut connection = bed.connect().await;
    sqlx::query("begin").execute(&mut connection).await.unwrap();
    let lock = "lock table orders in access exclusive mode";
    sqlx::query(lock).execute(&mut connection).await.unwrap();
    let address = gateway.http;
    let path = format!("/orders/{}", Uuid::now_v7());
    let read = tokio::spawn(async move { request(address, "GET", &path, "").await });
    wait_until_named("a read that waits", Duration::from_secs(20), async || {
        let waiting = "select exists(select from pg_stat_activity where datname = \
            current_database() and application_name = 'ordermill-ingest' \
            and wait_event_type = 'Lock')";
        sqlx::query_scalar(waiting).fetch_one(&mut bed.connect().await).await.unwrap()
    })
    .await;
    way.vanish();
    assert_eq!(read.await.unwrap().problem(), "reads-away");
    sqlx::query("rollback").execute(&mut connection).await.unwrap();
    answered_again(&gateway).await;
    gateway.stop().await;
}

#[tokio::test]
async fn reads_come_back_after_the_database_vanished_behind_an_answer() {
    let bed = testkit::bed("ingest-behind").await;
    let (gateway, way) = by_a_way(&bed).await;
    // The first connection is asked for the first time when it goes back to the pool.
    way.vanish_at_sign_of_life();
    answered_again(&gateway).await;
    answered_again(&gateway).await;
    gateway.stop().await;
}

#[tokio::test]
async fn who_hangs_up_waits_for_no_order() {
    let bed = testkit::bed("ingest-hang-up").await;
    let gateway = Gateway::on_bed(&bed, &[]).await;
    let path = format!("/orders/{}?wait=", Uuid::now_v7());
    let mut waiting = JoinSet::new();
    for _ in 0..256 {
        let (http, long) = (gateway.http, format!("{path}10s"));
        // Under load a look may be refused, and a place with it be given up.
        waiting.spawn(async move {
            loop {
                request(http, "GET", &long, "").await;
                sleep(Duration::from_millis(50)).await;
            }
        });
    }
    let short = format!("{path}1ms");
    let takes = async || request(gateway.http, "GET", &short, "").await.status == 404;
    wait_until_named("every place taken", Duration::from_secs(30), async || !takes().await).await;
    drop(waiting);
    // Less than the wait that they asked for.
    wait_until_named("a place", Duration::from_secs(5), takes).await;
    gateway.stop().await;
}
