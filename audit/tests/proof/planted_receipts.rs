//! Lies in the sender's receipts.

use audit::{Config, Receipts};

use crate::world::{self, World};
use crate::{ORDER, judge};

/// What is planted in the sender's story, how, and what must be false.
type PlantedReceipts = (&'static str, fn(&mut Vec<String>), &'static [&'static str]);

const IN_RECEIPTS: &[PlantedReceipts] = &[
    (
        "an acknowledged order that is not in the log",
        |lines| lines.push(format!("{ORDER}77,0,1,{},202", "00".repeat(16))),
        &["acked-in-log"],
    ),
    (
        "another order at the acknowledged offset",
        |lines| lines[0] = lines[0].replacen(&format!("{ORDER}01"), &format!("{ORDER}02"), 1),
        &["acked-in-log"],
    ),
    (
        "an acknowledged offset beyond the log",
        |lines| {
            let fields: Vec<_> = lines[0].split(',').collect();
            lines[0] = format!("{},{},999,{},202", fields[0], fields[1], fields[3]);
        },
        &["acked-in-log"],
    ),
    (
        "another body than the one that was sent",
        |lines| {
            let fields: Vec<_> = lines[0].split(',').collect();
            lines[0] = format!("{},{},{},{},202", fields[0], fields[1], fields[2], "ab".repeat(16));
        },
        &["acked-in-log"],
    ),
    (
        "a cancellation of another order at the acknowledged offset",
        |lines| {
            let last = lines.last_mut().unwrap();
            *last = format!("{ORDER}03{}", &last[36..]);
        },
        &["acked-in-log"],
    ),
    (
        "an acknowledged cancellation that is not in the log",
        |lines| {
            let last = lines.last_mut().unwrap();
            let fields: Vec<_> = last.split(',').collect();
            *last = format!("{},{},0,{},202", fields[0], fields[1], fields[3]);
        },
        &["acked-in-log"],
    ),
];

const POISON_ACKED: &str = "acked-readable";

#[tokio::test]
async fn what_is_planted_in_the_receipts_is_found_under_its_own_name() {
    let world = World::honest("audit-receipts").await;
    let honest = world.config();
    let mut wrong = Vec::new();
    for (n, (what, spoil, expected)) in IN_RECEIPTS.iter().enumerate() {
        let mut lines = world.receipt_lines();
        spoil(&mut lines);
        let file = world.receipts(&format!("spoiled-{n}"), &lines);
        let config = Config { receipts: Receipts::Files(vec![file]), ..honest.clone() };
        judge(what, &config, expected, &mut wrong).await;
    }
    let poison = &world.put["no order"];
    let (partition, offset) = (poison.partition, poison.offset);
    let hash: String = world::hash(poison.value.as_deref().unwrap())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut lines = world.receipt_lines();
    lines.push(format!("{ORDER}51,{partition},{offset},{hash},202"));
    let file = world.receipts("poison", &lines);
    let config = Config { receipts: Receipts::Files(vec![file]), ..honest };
    judge("an acknowledged order that is poison", &config, &[POISON_ACKED], &mut wrong).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is found at least once.
pub fn names() -> impl Iterator<Item = &'static str> {
    IN_RECEIPTS.iter().flat_map(|(.., names)| names.iter().copied()).chain([POISON_ACKED])
}
