//! Every question in `sql/queries` against a filled database, with its answer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The answers as rows in PostgreSQL's own form, by question.
const ANSWERS: &[(&str, &[&str])] = &[
    (
        "revenue_per_minute",
        &[
            "(2026-11-21T08:47Z,EUR,20.50)",
            "(2026-11-21T08:46Z,EUR,70.50)",
            "(2026-11-21T08:46Z,JPY,1200)",
        ],
    ),
    (
        "orders_per_minute",
        &[
            "(2026-11-21T08:49Z,1)",
            "(2026-11-21T08:47Z,2)",
            "(2026-11-21T08:46Z,3)",
            "(2026-11-21T08:45Z,1)",
            "(2026-11-21T08:41Z,1)",
            "(2026-11-21T08:10Z,1)",
            "(2026-11-20T10:00Z,1)",
        ],
    ),
    ("top_products", &["(p-1,4)", "(p-2,1)", "(p-3,1)"]),
    (
        "reject_reasons",
        &["(requested,3,30.00)", "(card_expired,1,10.00)", "(insufficient_stock,1,10.00)"],
    ),
    (
        "orders_by_status",
        &[
            "(CANCELLED,3)",
            "(PAID,2)",
            "(RESERVED,2)",
            "(PAYMENT_FAILED,1)",
            "(REJECTED,1)",
            "(SHIPPED,1)",
        ],
    ),
    ("order_value", &["(EUR,2,45.50,70.50)", "(JPY,1,1200,1200)"]),
    ("stuck_orders", &["(01990000-0000-7000-8000-000000000003,c-2,0,11,00:05:00,a:1)"]),
    (
        "customer_orders",
        &[
            r#"(01990000-0000-7000-8000-000000000005,PAYMENT_FAILED,EUR,3000,card_expired,"2026-11-21 08:47:30+00")"#,
            r#"(01990000-0000-7000-8000-000000000002,SHIPPED,EUR,2050,,"2026-11-21 08:47:00+00")"#,
            r#"(01990000-0000-7000-8000-000000000001,PAID,EUR,7050,,"2026-11-21 08:46:10+00")"#,
            r#"(f3990000-0000-8000-8000-000000000009,CANCELLED,EUR,5000,requested,"2026-11-21 08:10:00+00")"#,
        ],
    ),
    ("settlement_time", &["(5,00:00:02,00:00:03,00:00:03)"]),
    ("conservation_of_stock", &[]),
    ("captured_against_paid", &["(EUR,2,2,9100,9100,0)", "(JPY,1,1,1200,1200,0)"]),
    ("refunds_outstanding", &["(01990000-0000-7000-8000-000000000006,c-3,EUR,5000,00:10:00)"]),
    ("metrics_against_orders", &[]),
    (
        "partition_lag",
        &[
            "(orders,0,a:1,3,20,9,00:00:02)",
            "(orders,1,b:1,2,24,1,00:00:01)",
            r#"(stock,0,a:1,1,3,0,"1 day 00:50:00")"#,
        ],
    ),
    ("outbox_backlog", &["(orders,0,2,3,00:00:10)", "(orders,1,1,1,00:00:01)"]),
    (
        "dead_letters",
        &[
            r#"(invalid_body,2,1,"2026-11-21 08:49:30+00",orders/0/19,"body: must be an object, is an array")"#,
            r#"(no_value,1,0,"2026-11-21 08:49:10+00",orders/0/17,"record has no value")"#,
        ],
    ),
    (
        "refused_events",
        &[
            r#"(order.shipped.v1,illegal_step,2,"2026-11-21 08:49:00+00",01990000-0000-7000-8000-000000000005)"#,
            r#"(order.cancel_requested.v1,unknown_order,1,"2026-11-21 08:49:00+00",01990000-0000-7000-8000-0000000000ff)"#,
        ],
    ),
    ("low_stock", &["(p-3,4,0,10)"]),
];

/// Every file in `sql/queries`, by name.
fn queries() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The rows as text, with psql's variable filled in.
async fn rows(connection: &mut PgConnection, query: &str) -> Vec<String> {
    let query = query.replace(":'customer'", "'c-1'");
    let query = query.trim_end().strip_suffix(';').unwrap();
    let text = format!("select answer::text from (\n{query}\n) as answer");
    sqlx::query_scalar(AssertSqlSafe(text)).fetch_all(connection).await.unwrap()
}

async fn run(connection: &mut PgConnection, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await.unwrap();
}

#[tokio::test]
async fn every_question_has_its_answer() {
    let bed = testkit::bed("questions").await;
    let mut connection = bed.connect().await;
    let mut shop = connection.begin().await.unwrap();
    run(&mut shop, include_str!("fixture.sql")).await;
    let queries = queries();
    let mut answered: Vec<_> = ANSWERS.iter().map(|(name, _)| *name).collect();
    answered.sort_unstable();
    assert_eq!(queries.keys().collect::<Vec<_>>(), answered, "each question has an answer here");
    for (name, answer) in ANSWERS {
        assert_eq!(rows(&mut shop, &queries[*name]).await, *answer, "{name}");
    }
}

#[tokio::test]
async fn sales_that_brought_nothing_are_sales() {
    let bed = testkit::bed("free").await;
    let mut connection = bed.connect().await;
    let mut shop = connection.begin().await.unwrap();
    run(&mut shop, include_str!("fixture.sql")).await;
    run(
        &mut shop,
        "update orders set total_minor = 0 where currency = 'JPY'; \
         delete from sales_metric_shards where metric_name like 'revenue_%' and dimension like 'JPY%'",
    )
    .await;
    let value = rows(&mut shop, &queries()["order_value"]).await;
    assert_eq!(value, ["(EUR,2,45.50,70.50)", "(JPY,1,0,0)"]);
}

#[tokio::test]
async fn topics_may_have_any_name() {
    let bed = testkit::bed("renamed").await;
    let mut connection = bed.connect().await;
    let mut shop = connection.begin().await.unwrap();
    let fixture = include_str!("fixture.sql");
    let renamed = fixture.replace("'orders'", "'shop.in'").replace("'stock'", "'shop.stock'");
    run(&mut shop, &renamed).await;
    let queries = queries();
    for (name, answer) in ANSWERS {
        let found = rows(&mut shop, &queries[*name]).await;
        assert_eq!(found.len(), answer.len(), "{name}: {found:?}");
    }
}

#[tokio::test]
async fn sixty_minutes_are_sixty_in_two_currencies() {
    let bed = testkit::bed("minutes").await;
    let mut connection = bed.connect().await;
    run(
        &mut connection,
        r#"insert into sales_metric_shards (metric_name, dimension, shard, value)
           select 'revenue_per_minute', currency || to_char(minute, ' YYYY-MM-DD"T"HH24:MI"Z"'), 0, 100
           from generate_series('2026-11-21 08:00', '2026-11-21 09:00', interval '1 minute') as minute,
                unnest(array['EUR', 'JPY']) as currency"#,
    )
    .await;
    let found = rows(&mut connection, &queries()["revenue_per_minute"]).await;
    assert_eq!((found.len(), found[0].as_str()), (120, "(2026-11-21T09:00Z,EUR,100)"));
    assert_eq!(found[119], "(2026-11-21T08:01Z,JPY,100)");
}

#[tokio::test]
async fn books_that_do_not_agree_are_shown() {
    let bed = testkit::bed("disagreement").await;
    let mut connection = bed.connect().await;
    let mut shop = connection.begin().await.unwrap();
    run(&mut shop, include_str!("fixture.sql")).await;
    run(
        &mut shop,
        "update stock set available = available - 1, sold = sold + 1 where sku = 'p-2';
         delete from payments where currency = 'JPY';
         update sales_metric_shards set value = value + 1
             where metric_name = 'orders_by_status' and dimension = 'PAID' and shard = 0;
         delete from sales_metric_shards where metric_name = 'rejects' and dimension = 'requested';",
    )
    .await;
    let queries = queries();
    let mut answer = async |name: &str| rows(&mut shop, &queries[name]).await;
    assert_eq!(answer("conservation_of_stock").await, ["(p-2,17,20,1,1,2,1)"]);
    assert_eq!(
        answer("captured_against_paid").await,
        ["(EUR,2,2,9100,9100,0)", "(JPY,1,0,1200,0,-1200)"]
    );
    assert_eq!(
        answer("metrics_against_orders").await,
        ["(orders_by_status,PAID,3,2)", "(rejects,requested,0,3)", "(top_products,p-2,2,1)"]
    );
}

#[test]
fn every_file_opens_with_its_question() {
    for (name, query) in queries() {
        let question = query.lines().next().unwrap();
        assert!(question.starts_with("-- ") && question.contains('?'), "{name}: {question}");
        let ends = query.lines().filter(|line| !line.starts_with("--") && line.ends_with(';'));
        assert_eq!(ends.count(), 1, "{name}: one statement a file");
    }
}
