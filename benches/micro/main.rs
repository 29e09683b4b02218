//! `cargo bench --bench micro`: the pure steps of an order's way, over real
//! public code, in elements per second.

#![allow(missing_docs, reason = "criterion's macro makes a public function without a comment")]

mod decide;
mod decode;
mod encode;
mod orders;
mod progress;

use criterion::{criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(
    benches,
    decode::bench,
    decide::bench,
    decide::bench_rollup,
    progress::bench,
    encode::bench
);
criterion_main!(benches);
