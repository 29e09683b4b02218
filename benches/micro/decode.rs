//! Decode and validate an order: simd-json, which the processes use, against
//! `serde_json`, at three sizes; and a whole batch as a worker decodes it, with
//! envelope and body hash.

use std::hint::black_box;

use contract::order::{Order, Scratch, decode_serde_json, decode_simd_json};
use criterion::{BenchmarkId, Criterion, Throughput};
use processor::work::read::read;

use crate::orders::{BATCH, records};

pub(crate) fn bench(criterion: &mut Criterion) {
    for (name, body) in [("300_bytes", order(5)), ("3_lines", order(3)), ("50_lines", order(50))] {
        let mut group = criterion.benchmark_group("decode");
        group.throughput(Throughput::Elements(1));
        let mut scratch = Scratch::default();
        group.bench_with_input(BenchmarkId::new("simd_json", name), &body, |bencher, body| {
            bencher.iter(|| decode_simd_json(black_box(body), &mut scratch));
        });
        group.bench_with_input(BenchmarkId::new("serde_json", name), &body, |bencher, body| {
            bencher.iter(|| decode_serde_json(black_box(body)));
        });
        group.bench_with_input(BenchmarkId::new("as_used", name), &body, |bencher, body| {
            bencher.iter(|| Order::decode(black_box(body), &mut scratch));
        });
        group.finish();
    }
    let (records, mut scratch) = (records(), Scratch::default());
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("batch_of_1000", |bencher| {
        bencher.iter(|| read(black_box(records.iter()), &mut scratch));
    });
    group.finish();
}

/// An order of so many lines; five make about 300 bytes.
fn order(lines: usize) -> Vec<u8> {
    let line = |n| format!(r#"{{"productId":"p-{n:05}","quantity":2,"price":19.95}}"#);
    let items: Vec<String> = (0..lines).map(line).collect();
    format!(r#"{{"customerId":"c-004985","currency":"USD","items":[{}]}}"#, items.join(","))
        .into_bytes()
}
