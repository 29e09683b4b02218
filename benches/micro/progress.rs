//! Progress: orders that wait for their payment, and the resume offset that
//! follows from them, at the pace of a commit: 1,000 come, 1,000 go.

use std::collections::BTreeSet;

use criterion::{Criterion, Throughput};
use processor::work::unsettled::Unsettled;

use crate::orders::{BATCH, settled};

pub(crate) fn bench(criterion: &mut Criterion) {
    let (orders, _) = settled();
    let Some(lane) = orders.values().next().map(|state| state.lane) else { return };
    let offsets: BTreeSet<i64> = orders.values().map(|state| state.offset).collect();
    let mut group = criterion.benchmark_group("progress");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("wait_resume_settle_1000", |bencher| {
        bencher.iter(|| {
            let mut unsettled = Unsettled::default();
            for (order_id, state) in &orders {
                unsettled.add(*order_id, state.clone());
            }
            let next = BATCH as i64;
            let resume = unsettled.resume_offset(lane, &offsets, next, next);
            for order_id in orders.keys() {
                unsettled.remove(*order_id);
            }
            resume
        });
    });
    group.finish();
}
