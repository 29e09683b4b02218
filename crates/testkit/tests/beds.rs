//! Beds are apart from each other, migrated, and read back exactly what was written.

use std::time::{Duration, Instant};

use testkit::{Bed, OwnedRecord};

#[tokio::test]
async fn a_bed_reads_back_what_was_written_with_key_value_and_headers() {
    let bed = testkit::bed("readback").await;
    let topic = &bed.topics.orders;
    let (partition, offset) = bed
        .produce(topic, Some(b"key"), Some(b"value"), &[("name", b"one"), ("name", b"two")])
        .await;
    assert_eq!(offset, 0);
    let expected = OwnedRecord {
        partition,
        offset,
        key: Some(b"key".to_vec()),
        value: Some(b"value".to_vec()),
        headers: vec![("name".into(), b"one".to_vec()), ("name".into(), b"two".to_vec())],
    };
    let records = bed.read_all(topic).await;
    assert_eq!(records[0].header("name").as_deref(), Some("two"));
    assert_eq!(records, [expected]);
    assert_eq!(bed.read_all(&bed.topics.dlq).await, []);
}

#[tokio::test]
async fn partitions_are_as_asked_and_can_be_written_one_by_one() {
    let bed = Bed::builder("partitions").partitions("orders", 7).start().await;
    for partition in 0..7 {
        let written = bed.produce_to((&bed.topics.orders, partition), None, None, &[]).await;
        assert_eq!(written, (partition, 0));
    }
    let records = bed.read_all(&bed.topics.orders).await;
    let partitions: Vec<_> = records.iter().map(|record| record.partition).collect();
    assert_eq!(partitions, [0, 1, 2, 3, 4, 5, 6]);
    assert!(records.iter().all(|record| record.value.is_none()));
}

#[tokio::test]
async fn twenty_beds_at_once_have_databases_of_their_own() {
    let started = Instant::now();
    let beds: Vec<_> = (0..20).map(|_| tokio::spawn(testkit::bed("many"))).collect();
    let mut names = std::collections::BTreeSet::new();
    for bed in beds {
        let bed = bed.await.unwrap();
        let mut connection = bed.connect().await;
        let (name, migrations): (String, i64) = sqlx::query_as(
            "select current_database()::text, (select count(*) from _sqlx_migrations)",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(usize::try_from(migrations).unwrap(), sql::MIGRATOR.iter().count());
        names.insert(name);
    }
    assert_eq!(names.len(), 20);
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn the_environment_of_a_bed_names_its_own_addresses_and_topics() {
    let bed = testkit::bed("env").await;
    let env = bed.env();
    let value = |name: &str| env.iter().find(|(found, _)| found == name).unwrap().1.clone();
    assert_eq!(value("KAFKA_BROKERS"), bed.brokers);
    assert_eq!(value("DATABASE_URL"), bed.database_url);
    assert_eq!(value("ORDERS_TOPIC"), bed.topics.orders);
    assert_eq!(value("DLQ_TOPIC"), bed.topics.dlq);
}
