//! Encoding: an outcome as an event, and a batch's events as its outbox row.

use std::collections::HashMap;
use std::hint::black_box;

use contract::event::Outcome as Told;
use contract::{Amount, Currency, OrderId};
use criterion::{Criterion, Throughput};
use processor::decide::{Decided, EventOut, decide};
use processor::store::encode;

use crate::orders::{NOW, books, decided};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    let total = Amount { minor: 7000, currency: Currency::DEFAULT };
    let told = Told::PaymentCompleted {
        order_id: OrderId::mint(),
        customer_id: "c-004985".to_owned(),
        total: total.into(),
    };
    let now = NOW.into();
    group.bench_function("event", |bencher| bencher.iter(|| EventOut::new(black_box(&told), &now)));

    let batch = decided();
    let records: Vec<&Decided> = batch.iter().collect();
    let Ok(effects) = decide(&records, &[], books(HashMap::default()), NOW) else { return };
    let events: Vec<EventOut> = effects.events.into_values().flatten().collect();
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("outbox_row_of_1000", |bencher| {
        bencher.iter(|| encode(black_box(&events)));
    });
    group.finish();
}
