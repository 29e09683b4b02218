//! The decision: a batch of new orders together with the settlement of the
//! batch before, as in every commit of a busy worker; and the roll-up alone.

use criterion::{BatchSize, Criterion, Throughput};
use processor::decide::{Decided, OrderState, Rollup, decide};
use std::collections::HashMap;

use crate::orders::{BATCH, NOW, books, decided, settled};

pub(crate) fn bench(criterion: &mut Criterion) {
    let batch = decided();
    let records: Vec<&Decided> = batch.iter().collect();
    let mut group = criterion.benchmark_group("decide");
    group.throughput(Throughput::Elements(BATCH as u64));
    let empty = books(HashMap::default());
    group.bench_function("take_1000", |bencher| {
        bencher.iter_batched(
            || empty.clone(),
            |books| decide(&records, &[], books, NOW),
            BatchSize::LargeInput,
        );
    });
    let (orders, outcomes) = settled();
    let before = books(orders);
    group.bench_function("take_1000_settle_1000", |bencher| {
        bencher.iter_batched(
            || before.clone(),
            |books| decide(&records, &outcomes, books, NOW),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

pub(crate) fn bench_rollup(criterion: &mut Criterion) {
    let (orders, _) = settled();
    let orders: Vec<OrderState> = orders.into_values().collect();
    let mut group = criterion.benchmark_group("rollup");
    group.throughput(Throughput::Elements(orders.len() as u64));
    group.bench_function("take_and_sell_1000", |bencher| {
        bencher.iter(|| {
            let mut rollup = Rollup::default();
            for order in &orders {
                rollup.taken(order, order.status);
                rollup.sold(order, 1);
            }
            rollup.rows().len()
        });
    });
    group.finish();
}
