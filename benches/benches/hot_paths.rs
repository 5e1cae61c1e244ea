//! Every hot path, in time. `cargo bench -p kakehashi-benches` prints megabytes a second where bytes are read.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot run must stop")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kakehashi_benches::{geometry, hot_paths, planning, query_language, scaled_policies};
use mimalloc::MiMalloc;

/// As in the gateway.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn all(criterion: &mut Criterion) {
    for mut path in hot_paths::all().expect("the benchmark's own inputs") {
        let mut group = criterion.benchmark_group("hot paths");
        if let Some(bytes) = path.bytes {
            group.throughput(Throughput::Bytes(bytes as u64));
        }
        group.bench_function(path.name, |bencher| bencher.iter(|| (path.run)()));
        group.finish();
    }
}

/// Decisions among few tenants and among all of the country: 2,000 tenants with 20 policies must cost what 3 with 3 do.
fn scaled(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decisions");
    for scale in [scaled_policies::SMALL, scaled_policies::LARGE] {
        for mut path in scaled_policies::decisions(scale).expect("the benchmark's own policies") {
            group.bench_function(path.name, |bencher| bencher.iter(|| (path.run)()));
        }
    }
    group.finish();
}

/// What asking costs; `near` among many points is asked of a store that has an index.
fn asking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("query language");
    let near = query_language::near_in_the_store(query_language::POINTS).expect("the benchmark's own store");
    let paths = query_language::paths().expect("the benchmark's own inputs");
    for mut path in paths.into_iter().chain([near]) {
        group.bench_function(path.name, |bencher| bencher.iter(|| (path.run)()));
    }
    group.finish();
}

/// Planning must not cost more where there are more sources that are not asked.
fn planned(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("planning");
    for sources in [
        planning::FEW_OF_A_PREFECTURE,
        planning::ALL_OF_A_PREFECTURE,
        planning::FEW_OF_THE_COUNTRY,
    ] {
        let mut path = planning::planning(sources).expect("the benchmark's own sources");
        group.bench_function(path.name, |bencher| bencher.iter(|| (path.run)()));
    }
    let mut path = planning::asking().expect("the benchmark's own question");
    group.bench_function(path.name, |bencher| bencher.iter(|| (path.run)()));
    group.finish();
}

/// Questions with large geometries over many entities.
fn places(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("places");
    group.sample_size(20);
    for mut path in geometry::paths().expect("the benchmark's own geometries") {
        group.bench_function(path.name, |bencher| bencher.iter(|| (path.run)()));
    }
    group.finish();
}

criterion_group!(benches, all, scaled, asking, planned, places);
criterion_main!(benches);
