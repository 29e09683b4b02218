//! What cannot be judged is never clean: exit code 2, and what was missing.

use std::process::{Command, Output};
use std::time::Duration;

use audit::{Config, Receipts, Settle, Verdict};

use crate::world::{World, program};

async fn missing(config: &Config) -> String {
    let report = audit::run(config).await;
    assert_eq!(report.verdict, Verdict::Unjudged, "{report}");
    assert!(report.invariants.iter().all(|judged| judged.count.is_none()), "{report}");
    report.missing.join("; ")
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let world = World::honest("audit-unjudged").await;
    let honest = world.config();

    let mut other = honest.clone();
    other.topics.stock = "no-such-topic".into();
    assert_eq!(missing(&other).await, "topic no-such-topic does not exist");

    let database_url = format!("{}x", honest.database_url.replace("test-", "no-"));
    let other = Config { database_url, ..honest.clone() };
    assert!(missing(&other).await.contains("does not answer"));

    let receipts = Receipts::Files(vec![world.folder.path().join("no-such-file")]);
    let other = Config { receipts, ..honest.clone() };
    assert!(missing(&other).await.contains("no-such-file cannot be read"));

    let torn = world.receipts("torn", &[world.receipt_lines()[0][..40].to_owned()]);
    let other = Config { receipts: Receipts::Files(vec![torn]), ..honest.clone() };
    assert!(missing(&other).await.contains("line 2 is no receipt"));
}

#[tokio::test]
async fn what_is_still_under_way_is_waited_for_and_then_named() {
    let world = World::honest("audit-unrest").await;
    let settle = Settle::Within(Duration::from_millis(300));
    let patient = Config { settle, ..world.config() };
    assert_eq!(audit::run(&patient).await.verdict, Verdict::Clean);
    let mut copy = world.copy().await;
    for (sql, named) in [
        (
            "insert into outbox (topic, partition, events) values ('orders', 0, '[]')",
            "not at rest after 0.3 s: 1 rows in the outbox",
        ),
        (
            "update partition_progress set next_offset = 0 where topic like '%stock'",
            "is processed to 0 of ",
        ),
        (
            "update orders set status = 'RESERVED' where status = 'PAID'",
            "3 orders wait for their payment",
        ),
        (
            "update payments set status = 'REFUND_PENDING' where amount_minor = 100",
            "1 open refunds",
        ),
        ("update dead_letters set published_at = null", "4 unpublished dead letters"),
    ] {
        copy.spoil(sql).await;
        let config = Config { database_url: copy.url.clone(), ..patient.clone() };
        let missing = missing(&config).await;
        assert!(missing.contains(named), "{missing}");
    }
}

#[tokio::test]
async fn work_that_ends_in_time_is_judged() {
    let world = World::honest("audit-patience").await;
    let mut copy = world.copy().await;
    copy.spoil("insert into outbox (topic, partition, events) values ('orders', 0, '[]')").await;
    let settle = Settle::Within(Duration::from_secs(60));
    let config = Config { database_url: copy.url.clone(), settle, ..world.config() };
    // The audit is waiting by the time the row goes, or finds it gone: clean
    // either way.
    let (report, ()) = tokio::join!(audit::run(&config), copy.spoil(""));
    assert_eq!(report.verdict, Verdict::Clean, "{report}");
}

fn exit(output: &Output) -> (Option<i32>, String) {
    let said = String::from_utf8_lossy(&output.stdout);
    (output.status.code(), said.lines().last().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_exit_code_is_the_verdict() {
    let world = World::honest("audit-program").await;
    let receipts = world.receipts("pro,gram", &world.receipt_lines());
    let json = world.folder.path().join("report.json");
    let run = |more: &[&str]| {
        let mut command = Command::new(program());
        command.envs(world.bed.env()).args(more).output().unwrap()
    };
    let file = receipts.to_str().unwrap();

    let output = run(&["--receipts", file, "--json", json.to_str().unwrap()]);
    assert_eq!(exit(&output), (Some(0), "audit: CLEAN, 41 invariants hold".to_owned()));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(report["verdict"], "clean");
    assert_eq!(report["invariants"].as_array().unwrap().len(), 41);
    assert_eq!(report["read"]["receipts"], 19);
    for key in ["seconds", "records_per_s", "memory_peak_bytes"] {
        assert!(report[key].as_f64().unwrap() > 0.0, "{key}");
    }

    let lie = world.receipt_lines()[0].replace("0001,", "0099,");
    let lie = world.receipts("lie", &[lie]);
    let output = run(&["--receipts", lie.to_str().unwrap(), "--json", json.to_str().unwrap()]);
    assert_eq!(exit(&output), (Some(1), "audit: 1 findings: acked-in-log".to_owned()));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let sample = &report["invariants"][0]["samples"][0];
    assert_eq!(sample["topic"], world.bed.topics.orders);
    assert_eq!(sample["partition"], world.put["paid"].partition);
    assert_eq!(sample["offset"], world.put["paid"].offset);

    let (code, last) = exit(&run(&["--receipts", "/no/such/file"]));
    assert_eq!(code, Some(2));
    assert!(last.starts_with("audit: could not judge: receipts /no/such/file"), "{last}");

    let mut listed = Command::new(program());
    listed.envs(world.bed.env()).env("AUDIT_RECEIPTS", "/no/such/a,/no/such/b");
    let (_, last) = exit(&listed.output().unwrap());
    assert!(last.starts_with("audit: could not judge: receipts /no/such/a cannot"), "{last}");
    assert_eq!(exit(&run(&[])).0, Some(2), "receipts must be given or left out knowingly");
}
