//! Translation from NGSI-v2 to NGSI-LD: read, expand, compact, write. Throughput counts bytes of the input.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot run must stop")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kakehashi_benches::bare_transform::transform;
use kakehashi_benches::workload::ngsi_v2_list;

fn translate(criterion: &mut Criterion) {
    let list = ngsi_v2_list(100);
    let mut group = criterion.benchmark_group("ngsi-v2 to ngsi-ld, 100 entities");
    group.throughput(Throughput::Bytes(list.len() as u64));
    group.bench_function("bare transform", |bencher| {
        bencher.iter(|| transform(black_box(list.as_bytes())).expect("the benchmark's own list"));
    });
    group.finish();
}

criterion_group!(benches, translate);
criterion_main!(benches);
