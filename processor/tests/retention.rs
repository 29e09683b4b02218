//! Tables that forget: what goes, what stays, how large they get, who waits.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use testkit::{Bed, wait_until_named};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(30);

struct Retention {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Retention {
    fn start(bed: &Bed, horizon: Duration) -> Self {
        let stop = CancellationToken::new();
        let run = processor::retention::run(bed.database_url.clone(), horizon, stop.clone());
        Self { stop, task: tokio::spawn(run) }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

async fn run(connection: &mut PgConnection, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await.unwrap();
}

async fn number(connection: &mut PgConnection, query: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(connection).await.unwrap()
}

/// A thousand events of partition 0 from this offset on, `age` old.
fn events(first: i64, age: &str) -> String {
    format!(
        "insert into processed_events (event_id, topic, partition, \"offset\", epoch, body_hash, processed_at) \
         select gen_random_uuid(), 'orders', 0, o, 1, '\\x000102030405060708090a0b0c0d0e0f', now() - interval '{age}' \
         from generate_series({first}::bigint, {first} + 999) as o"
    )
}

#[tokio::test]
async fn what_is_old_settled_and_published_goes_and_the_rest_stays() {
    let bed = testkit::bed("retention").await;
    let mut connection = bed.connect().await;
    run(
        &mut connection,
        "insert into partition_progress (topic, partition, next_offset, resume_offset) \
         values ('orders', 0, 5000, 1500), ('stock', 0, 10, 10)",
    )
    .await;
    // 500 of the second thousand are at or above the resume offset.
    run(&mut connection, &events(0, "2 hours")).await;
    run(&mut connection, &events(1_000, "2 hours")).await;
    run(&mut connection, &events(2_000, "1 minute")).await;
    run(
        &mut connection,
        "insert into refused_events (topic, partition, \"offset\", event_id, event_type, subject, reason, refused_at) \
         select topic, 0, o, gen_random_uuid(), 't', 's', 'illegal_step', now() - interval '2 hours' \
         from (values ('orders', 1499), ('orders', 1500), ('stock', 9), ('elsewhere', 0)) as r(topic, o);
         insert into dead_letters (topic, partition, \"offset\", headers, code, message, died_at, published_at) \
         select 'orders', 0, o, '[]', 'no_value', 'm', now() - interval '2 hours', published \
         from (values (1, now() - interval '2 hours'), (2, null), (3, now())) as d(o, published);",
    )
    .await;

    let retention = Retention::start(&bed, Duration::from_secs(3600));
    let all = "select (select count(*) from processed_events) + (select count(*) from refused_events) \
                    + (select count(*) from dead_letters)";
    wait_until_named("retention", DEADLINE, async || {
        number(&mut connection, all).await == 1_500 + 2 + 2
    })
    .await;
    retention.stop().await;

    let mut count = async |query: &str| number(&mut connection, query).await;
    let events = "select count(*) from processed_events where ";
    assert_eq!(count(&format!("{events} \"offset\" < 1500")).await, 0);
    assert_eq!(count(&format!("{events} \"offset\" between 1500 and 1999")).await, 500);
    assert_eq!(count(&format!("{events} \"offset\" >= 2000")).await, 1_000);
    let refused = "select count(*) from refused_events where (topic, \"offset\") in \
                   (('orders', 1500), ('elsewhere', 0))";
    assert_eq!(count(refused).await, 2);
    assert_eq!(count("select count(*) from dead_letters where \"offset\" in (2, 3)").await, 2);
}

/// Vacuums twice, as time would: index pages that the first frees are used again once no
/// transaction of the whole server is older than that, and tests share the server.
async fn vacuum(connection: &mut PgConnection) {
    let tables = ["vacuum (truncate off) processed_events", "vacuum (truncate off) outbox"];
    for table in tables {
        run(connection, table).await;
    }
    let mark = number(connection, "select pg_current_xact_id()::text::bigint").await;
    let older = format!(
        "select count(*) from pg_stat_activity where pid <> pg_backend_pid() \
         and (age(backend_xmin) >= age('{mark}'::xid) or age(backend_xid) >= age('{mark}'::xid))"
    );
    wait_until_named("the end of older transactions", DEADLINE, async || {
        number(connection, &older).await == 0
    })
    .await;
    for table in tables {
        run(connection, table).await;
    }
}

#[tokio::test]
async fn a_table_that_takes_as_much_as_it_forgets_keeps_its_size() {
    let bed = testkit::bed("retention-size").await;
    let mut connection = bed.connect().await;
    run(
        &mut connection,
        "insert into partition_progress (topic, partition, next_offset, resume_offset) \
         values ('orders', 0, 1000000, 1000000)",
    )
    .await;
    let retention = Retention::start(&bed, Duration::from_secs(1));
    let mut sizes = Vec::new();
    for round in 0..10 {
        for part in 0..20 {
            run(&mut connection, &events((round * 20 + part) * 1_000, "1 hour")).await;
            // As a worker does: a row a commit, gone with the next.
            run(&mut connection, "delete from outbox").await;
            run(
                &mut connection,
                "insert into outbox (topic, partition, events) \
                 values ('orders', 0, (select string_agg(gen_random_uuid()::text, '') from generate_series(1, 1000)))",
            )
            .await;
        }
        wait_until_named("an empty table", DEADLINE, async || {
            number(&mut connection, "select count(*) from processed_events").await == 0
        })
        .await;
        vacuum(&mut connection).await;
        let size =
            "select pg_total_relation_size('processed_events') + pg_total_relation_size('outbox')";
        sizes.push(number(&mut connection, size).await);
    }
    retention.stop().await;
    // Pages freed in one round are used again in one of the next.
    let (early, late) = (sizes[2], sizes[9]);
    assert!(late <= early + early / 10, "grew from {early} to {late}: {sizes:?}");
}

#[tokio::test]
async fn writers_do_not_wait_for_retention_nor_it_for_them() {
    let bed = testkit::bed("retention-writers").await;
    let mut connection = bed.connect().await;
    run(
        &mut connection,
        "insert into partition_progress (topic, partition, next_offset, resume_offset) \
         values ('orders', 0, 1000000, 1000000)",
    )
    .await;
    for first in 0..20 {
        run(&mut connection, &events(first * 1_000, "1 hour")).await;
    }
    // A worker in the middle of its transaction: progress, events, refusals.
    let mut worker = bed.connect().await;
    let mut transaction = worker.begin().await.unwrap();
    run(
        &mut transaction,
        "update partition_progress set next_offset = next_offset + 1000 where partition = 0",
    )
    .await;
    run(&mut transaction, &events(1_000_000, "0 s")).await;

    let retention = Retention::start(&bed, Duration::from_secs(60));
    let old =
        "select count(*) from processed_events where processed_at < now() - interval '30 minutes'";
    wait_until_named("retention beside a writer", DEADLINE, async || {
        number(&mut connection, old).await == 0
    })
    .await;
    let begun = Instant::now();
    run(&mut transaction, &events(1_001_000, "0 s")).await;
    transaction.commit().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "the writer waited {:?}", begun.elapsed());
    retention.stop().await;
    assert_eq!(number(&mut connection, "select count(*) from processed_events").await, 2_000);
}

#[tokio::test]
async fn one_process_forgets_and_another_takes_over() {
    let bed = testkit::bed("retention-lead").await;
    let mut connection = bed.connect().await;
    let leaders = "select count(*) from pg_stat_activity \
                   where application_name = 'ordermill-retention' and datname = current_database()";
    let locks = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
                 where l.locktype = 'advisory' and d.datname = current_database()";
    let first = Retention::start(&bed, Duration::from_secs(60));
    wait_until_named("a leader", DEADLINE, async || number(&mut connection, locks).await == 1)
        .await;
    let second = Retention::start(&bed, Duration::from_secs(60));
    wait_until_named("one connection", DEADLINE, async || {
        number(&mut connection, leaders).await == 1
    })
    .await;
    first.stop().await;
    second.stop().await;
    let third = Retention::start(&bed, Duration::from_secs(60));
    wait_until_named("a leader", DEADLINE, async || number(&mut connection, locks).await == 1)
        .await;
    third.stop().await;
    wait_until_named("a free lock", DEADLINE, async || number(&mut connection, locks).await == 0)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_database_that_says_nothing_is_asked_again_and_no_stop_waits_for_it() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://nobody@{}/orders", mute.local_addr().unwrap());
    let stop = CancellationToken::new();
    let run = processor::retention::run(url, Duration::from_secs(60), stop.clone());
    let retention = tokio::spawn(run);
    let hour = Duration::from_secs(3_600);
    let _first = tokio::time::timeout(hour, mute.accept()).await.unwrap().unwrap();
    let _second = tokio::time::timeout(hour, mute.accept()).await.expect("no deadline").unwrap();
    stop.cancel();
    tokio::time::timeout(hour, retention).await.expect("a stop waits").unwrap().unwrap();
}
