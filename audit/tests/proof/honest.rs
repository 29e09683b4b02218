//! A world without faults is clean, and the program says so.

use audit::{Receipts, Verdict};

use crate::world::World;

#[tokio::test]
async fn an_honest_world_is_clean() {
    let world = World::honest("audit-honest").await;
    let report = audit::run(&world.config()).await;
    assert_eq!(report.broken(), [""; 0], "{report}");
    assert_eq!(report.verdict, Verdict::Clean, "{report}");
    assert_eq!((report.read.orders, report.read.stock), (23, 5));
    assert_eq!((report.read.receipts, report.read.order_events), (11, 22));
    assert_eq!((report.read.dead_letters, report.read.order_rows), (5, 10));

    let blind = audit::Config { receipts: Receipts::NotGiven, ..world.config() };
    let report = audit::run(&blind).await;
    assert_eq!(report.verdict, Verdict::Clean);
    assert!(report.verdict_line().ends_with("2 not judged: no receipts"));
}
