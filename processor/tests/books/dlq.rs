//! Dead letters in the hands of a person.

use clap::Parser;
use contract::OrderId;
use processor::dlq::{self, DlqCommand};

use super::world::{Running, World, body, headers};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: DlqCommand,
}

async fn dlq(world: &World, words: &str) -> anyhow::Result<String> {
    let topics = &world.bed.topics;
    let mut line = vec!["dlq"];
    line.extend(words.split_whitespace());
    line.extend(["--database-url", &world.bed.database_url]);
    if words.starts_with("redrive") {
        line.extend(["--brokers", &world.bed.brokers, "--orders-topic", &topics.orders]);
    }
    dlq::run(Cli::try_parse_from(line).unwrap().command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_redriven_once_its_cause_is_mended_and_counts_once() {
    let mut world = World::new("redrive").await;
    let odd = "alter table orders add constraint odd check (customer_id <> 'c-1')";
    sqlx::query(odd).execute(&mut world.books).await.unwrap();
    let processor = Running::start(&world.bed, &["--payment-success", "1"]).await;
    world.stock("p-1", 10).await;
    let id = OrderId::mint();
    let (partition, offset) = world.order(id, &body("p-1", 1, "1")).await;
    world.until("select string_agg(code, ' ') from dead_letters", "refused_by_database").await;
    let place = format!("{}/{partition}/{offset}", world.bed.topics.orders);

    let listed = dlq(&world, "list --reason refused_by_database --since 1h").await.unwrap();
    assert!(listed.starts_with(&place), "{listed}");
    assert_eq!(dlq(&world, "list --reason no_value").await.unwrap(), "no dead letters");
    let shown = dlq(&world, &format!("show {place}")).await.unwrap();
    assert!(shown.contains(&format!("header    ce_id: {id}")), "{shown}");
    let missing = dlq(&world, "show orders/0/999").await.unwrap_err().to_string();
    assert!(missing.starts_with("no dead letter orders/0/999"), "{missing}");

    sqlx::query("alter table orders drop constraint odd").execute(&mut world.books).await.unwrap();
    let dry = dlq(&world, "redrive").await.unwrap();
    assert!(dry.ends_with("1 would be redriven; add --yes to do it"), "{dry}");
    assert_eq!(world.text("select count(redriven_at)::text from dead_letters").await, "0");
    let done = dlq(&world, "redrive --yes").await.unwrap();
    assert!(done.ends_with("1 redriven"), "{done}");
    world.until_status(id, "PAID").await;
    assert_eq!(dlq(&world, "redrive --yes").await.unwrap(), "0 redriven");
    // By name it goes again, and dedupe passes it over.
    let again = dlq(&world, &format!("redrive {place} --yes")).await.unwrap();
    assert!(again.ends_with("1 redriven"), "{again}");
    world
        .until(
            "select sum(next_offset)::text from partition_progress where topic like '%orders'",
            "3",
        )
        .await;
    assert_eq!(world.text("select concat_ws(' ', available, sold) from stock").await, "9 1");
    processor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_still_unreadable_dies_again_beside_its_first_death() {
    let mut world = World::new("redrive-in-vain").await;
    let processor = Running::start(&world.bed, &[]).await;
    let id = OrderId::mint().to_string();
    let created = headers(&id, "order.created.v1");
    let topic = world.bed.topics.orders.clone();
    world.bed.produce_to((&topic, 2), Some(id.as_bytes()), Some(b"{"), &created).await;
    world.until("select count(*)::text from dead_letters", "1").await;
    dlq(&world, "redrive --yes").await.unwrap();
    world.until("select count(*)::text from dead_letters", "2").await;
    assert_eq!(
        world.text("select string_agg(partition::text, ' ') from dead_letters").await,
        "2 2"
    );
    processor.stop().await;
}

/// Letters of partition 0 of the topic of orders: offset, key and value as SQL.
async fn bury(world: &mut World, letters: &str) {
    let topic = &world.bed.topics.orders;
    let insert = format!(
        "insert into dead_letters (topic, partition, \"offset\", key, value, headers, code, message, died_at) \
         select '{topic}', 0, o, key, value, '[]', 'no_value', '', now() - interval '1 day' + o * interval '1 s' \
         from ({letters}) as l(o, key, value)"
    );
    sqlx::query(sqlx::AssertSqlSafe(insert)).execute(&mut world.books).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_letters_than_one_run_takes_the_first_of_the_log_go_first() {
    let mut world = World::new("redrive-order").await;
    bury(&mut world, "select o, null::bytea, null::bytea from generate_series(0, 1000) as o").await;
    let dry = dlq(&world, "redrive").await.unwrap();
    let place = |offset| format!("{}/0/{offset} ", world.bed.topics.orders);
    let lines: Vec<&str> = dry.lines().collect();
    assert_eq!(lines.len(), 1_001);
    assert!(lines[0].starts_with(&place(0)), "{}", lines[0]);
    assert!(lines[999].starts_with(&place(999)), "{}", lines[999]);
    let listed = dlq(&world, "list").await.unwrap();
    assert!(listed.starts_with(&place(1_000)), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_cannot_be_sent_keeps_its_key_and_no_other() {
    let mut world = World::new("redrive-stuck").await;
    // Three megabytes that no compression makes smaller, and one that fits.
    let large =
        "(select string_agg(sha256(n::text::bytea), '') from generate_series(1, 100000) as n)";
    let fits =
        "(select string_agg(sha256(n::text::bytea), '') from generate_series(1, 32500) as n)";
    let letters = format!(
        "values (1, 'a'::bytea, {large}), (2, 'a', 'after'), (3, 'b', {fits}), (4, null, 'alone')"
    );
    bury(&mut world, &letters).await;
    let said = dlq(&world, "redrive --yes").await.unwrap_err().to_string();
    let place = format!("{}/0", world.bed.topics.orders);
    assert!(said.starts_with(&format!("2 redriven, 2 not:\n{place}/1 cannot be sent: ")), "{said}");
    assert!(said.ends_with(&format!("\n{place}/2 has the key of one before it")), "{said}");
    let open = "select string_agg(\"offset\"::text, ' ' order by \"offset\") from dead_letters where redriven_at is null";
    assert_eq!(world.text(open).await, "1 2");
    let sent = world.bed.read_all(&world.bed.topics.orders).await;
    let keys: Vec<_> = sent.iter().map(|record| record.key.as_deref()).collect();
    assert_eq!(keys, [Some(&b"b"[..]), None]);
}
