//! Translation into the view, and the view's own reading and writing. Throughput counts bytes of the input.
//!
//! `cargo bench -p kakehashi-benches`

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot run must stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kakehashi_adapters::AttributeSelection;
use kakehashi_adapters::ngsi_v2::translate::{ProvidedType, TranslationContext, translate_entities};
use kakehashi_adapters::rest::{Mapping, translate_records};
use kakehashi_benches::bare_transform::transform;
use kakehashi_benches::workload;
use mimalloc::MiMalloc;
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entities;
use ngsi_ld::entity::render::{Format, Rendering, render_entities};

/// As in the gateway.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const ENTITIES: usize = 100;

fn rendered(context: &Context, entities: &[Entity]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 * 1024);
    render_entities(&Rendering::new(context, Format::Normalized), entities, &mut out);
    out
}

fn ngsi_v2(criterion: &mut Criterion) {
    let list = workload::ngsi_v2_list(ENTITIES);
    let context = Context::kakehashi();
    let translation = TranslationContext {
        types: vec![ProvidedType {
            name: context.expand_type("EvacuationSite").expect("a type of the view"),
            short: "EvacuationSite".into(),
        }],
        context: Arc::clone(context),
        attributes: AttributeSelection::All,
        system_attributes: false,
    };
    let translated = || translate_entities(black_box(list.as_bytes()), &translation).expect("the benchmark's own list");
    assert_eq!(translated().len(), ENTITIES);
    let mut group = criterion.benchmark_group("ngsi-v2");
    group.throughput(Throughput::Bytes(list.len() as u64));
    group.bench_function("to entities", |bencher| bencher.iter(translated));
    group.bench_function("to ngsi-ld", |bencher| {
        bencher.iter(|| rendered(context, &translated()))
    });
    group.bench_function("to ngsi-ld by the bare transform", |bencher| {
        bencher.iter(|| transform(black_box(list.as_bytes())).expect("the benchmark's own list"));
    });
    group.finish();
}

fn rest(criterion: &mut Criterion) {
    let context = Context::kakehashi();
    let mapping = include_str!("../../mappings/sano.toml");
    let mapping = Mapping::parse(mapping, "mappings/sano.toml", context).expect("the committed mapping");
    let mut group = criterion.benchmark_group("rest");
    for (name, body) in [
        ("EvacuationSite", workload::sano_sites(ENTITIES)),
        ("DesignatedShelter", workload::sano_shelters(ENTITIES)),
    ] {
        let entity_type = context.expand_type(name).expect("a type of the view");
        let translated = || {
            translate_records(
                &mapping,
                &entity_type,
                &AttributeSelection::All,
                black_box(body.as_bytes()),
            )
            .expect("the benchmark's own records")
        };
        assert_eq!(translated().len(), ENTITIES);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("{name} to ngsi-ld"), |bencher| {
            bencher.iter(|| rendered(context, &translated()))
        });
    }
    group.finish();
}

fn view(criterion: &mut Criterion) {
    let list = workload::ngsi_ld_list(ENTITIES);
    let own = Context::kakehashi();
    let parsed = || parse_entities(black_box(list.as_bytes()), own).expect("the benchmark's own list");
    let entities = parsed();
    let mut group = criterion.benchmark_group("view");
    group.throughput(Throughput::Bytes(list.len() as u64));
    group.bench_function("parse", |bencher| bencher.iter(parsed));
    group.bench_function("parse and render", |bencher| bencher.iter(|| rendered(own, &parsed())));
    let large = Context::builder()
        .document(&workload::context_document(1_500))
        .and_then(ngsi_ld::context::ContextBuilder::build)
        .expect("the benchmark's own context");
    for (name, context) in [
        ("own", own.as_ref()),
        ("core", Context::core().as_ref()),
        ("1,500 terms", &large),
    ] {
        group.bench_function(format!("render under {name}"), |bencher| {
            bencher.iter(|| rendered(context, &entities))
        });
    }
    group.finish();
    let document = workload::context_document(10_000);
    criterion.bench_function("compile a context of 10,000 terms", |bencher| {
        bencher.iter(|| Context::from_document(black_box(&document)).expect("the benchmark's own context"));
    });
}

criterion_group!(benches, ngsi_v2, rest, view);
criterion_main!(benches);
