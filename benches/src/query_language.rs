//! What asking costs: reading a `q`, deciding it, ordering, and finding what is near.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use kakehashi_adapters::flaw::entities_of;
use kakehashi_adapters::store::{StoreAdapter, StoreOptions, StorePartition};
use kakehashi_adapters::{Adapter, Call, SourceId, SourceQuery};
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::parse::parse_entities;
use ngsi_ld::query::{Expression, GeoQuery, Ordering, Steps};

use crate::hot_paths::{Failure, HotPath};
use crate::workload;

/// Entities of a list that is put into order before it is paged.
const ORDERED: usize = 1_000;

/// Entities that are put into order where several sources answer.
const SORTED: usize = 20_000;

/// Points that a large municipality's registers have between them: what `near` is measured against.
pub const POINTS: usize = 100_000;

/// Points of a kilometre: those of a prefecture, 100 km by 100 km.
const GRID: f64 = 1.0;

fn path(name: &'static str, run: impl FnMut() + 'static) -> HotPath {
    HotPath {
        name,
        bytes: None,
        counted: false,
        run: Box::new(run),
    }
}

/// Reading, deciding and ordering.
///
/// # Errors
/// When an input is refused.
pub fn paths() -> Result<Vec<HotPath>, Failure> {
    let context = Context::kakehashi();
    let entities = parse_entities(workload::ngsi_ld_list(ORDERED).as_bytes(), context)?;
    let one = entities.first().ok_or("no entity")?.clone();
    let three_terms = r#"maxCapacity>=300;typeOfDisasterFlood==true;name=="佐野市立第0小学校""#;
    if !Expression::parse(three_terms, context)?.matches(&one) {
        return Err("the benchmark's own query does not match".into());
    }
    let with_pattern = r#"maxCapacity>=300;typeOfDisasterFlood==true;name~=".*小学校""#;
    let matched = one.clone();
    let near = GeoQuery::parse("near;maxDistance==2000", "Point", "[139.05,36.505]", None, context)?;
    let among: Vec<Entity> = entities.iter().take(100).cloned().collect();
    let order = "name,maxCapacity;desc";
    let ordering = Ordering::parse(order, None, None, Some("ja"), context)?;
    let (by_distance, away) = (
        Ordering::parse("location;dist-asc", Some("[139.05,36.505]"), None, None, context)?,
        entities.clone(),
    );
    let (many, order_of_many) = (
        parse_entities(workload::ngsi_ld_list(SORTED).as_bytes(), context)?,
        Ordering::parse(order, None, None, Some("ja"), context)?,
    );
    let keys = move |ordering: &Ordering, entities: &[Entity]| {
        let mut keys: Vec<_> = entities.iter().map(|entity| ordering.key(entity)).collect();
        keys.sort_by(|a, b| ordering.compare(a, b));
        keys
    };
    Ok(vec![
        path("parse q of three terms and evaluate it", move || {
            if let Ok(expression) = Expression::parse(black_box(three_terms), context) {
                black_box(expression.matches(black_box(&one)));
            }
        }),
        path("parse q with a pattern and evaluate it", move || {
            if let Ok(expression) = Expression::parse(black_box(with_pattern), context) {
                black_box(expression.matches(black_box(&matched)));
            }
        }),
        path("evaluate near on 100 entities", move || {
            for entity in &among {
                black_box(near.matches(black_box(entity)));
            }
        }),
        path("parse an ordering", move || {
            let _ = black_box(Ordering::parse(black_box(order), None, None, Some("ja"), context));
        }),
        path("order 1,000 entities by texts in Japanese", move || {
            black_box(keys(&ordering, black_box(&entities)));
        }),
        path("sort 20,000 entities by texts in Japanese", move || {
            let keyed = many.iter().map(|entity| (order_of_many.key(entity), ())).collect();
            black_box(
                order_of_many
                    .begin_sort(keyed)
                    .advance(&mut Steps::unbounded())
                    .is_ready(),
            );
        }),
        path("order 1,000 entities by distance", move || {
            black_box(keys(&by_distance, black_box(&away)));
        }),
    ])
}

/// Asking the store for what is near a place, among so many points, and deciding it exactly.
///
/// # Errors
/// When the store cannot be made, or does not find what is there.
pub fn near_in_the_store(points: usize) -> Result<HotPath, Failure> {
    let context = Context::kakehashi();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let folder = tempfile::TempDir::new()?;
    let adapter = runtime.block_on(async {
        let partition = StorePartition::open(folder.path(), "sano", StoreOptions::default()).await?;
        let now = DateTime::from_system_time(std::time::UNIX_EPOCH);
        let sites = parse_entities(grid(points).as_bytes(), context)?;
        partition.load(sites, now).await?;
        Ok::<_, Failure>(StoreAdapter::new(SourceId::new("store"), partition))
    })?;
    let geo = GeoQuery::parse("near;maxDistance==500", "Point", "[139.5,36.5]", None, context)?;
    let query = SourceQuery {
        geo: Some(geo.clone().into()),
        ..SourceQuery::of_types(vec![context.expand_type("EvacuationSite")?])
    };
    let find = move || {
        // The folder lives as long as what is in it is asked.
        let _folder = &folder;
        let call = Call::until(Instant::now() + Duration::from_secs(10));
        let candidates: Result<Vec<Entity>, _> =
            runtime.block_on(entities_of(adapter.prepare(&query).query(None, &call)).try_collect());
        candidates.map(|candidates| candidates.iter().filter(|entity| geo.matches(entity)).count())
    };
    if find()? == 0 {
        return Err("the benchmark's own store finds nothing".into());
    }
    Ok(path("find what is within 500 m among 100,000 points", move || {
        let _ = black_box(find());
    }))
}

/// Points that lie evenly over a square of one degree around the place that is asked for, which is one of them.
fn grid(points: usize) -> String {
    let side = (1_usize..).find(|side| side * side >= points).unwrap_or(1);
    let step = GRID / f64::from(u32::try_from(side).unwrap_or(u32::MAX));
    let coordinate = |index: usize, middle: f64| {
        let steps = f64::from(u32::try_from(index).unwrap_or(0)) - f64::from(u32::try_from(side / 2).unwrap_or(0));
        middle + steps * step
    };
    let mut list = String::from("[");
    for number in 0..points {
        let separator = if number == 0 { "" } else { "," };
        let (longitude, latitude) = (coordinate(number % side, 139.5), coordinate(number / side, 36.5));
        // Writing to a String cannot fail.
        let _ = write!(
            list,
            r#"{separator}{{"id":"urn:ngsi-ld:EvacuationSite:{number:06}","type":"EvacuationSite","location":{{"type":"GeoProperty","value":{{"type":"Point","coordinates":[{longitude},{latitude}]}}}}}}"#
        );
    }
    list.push(']');
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_runs_and_the_store_finds_what_is_near() {
        for mut path in paths().unwrap() {
            (path.run)();
        }
        (near_in_the_store(400).unwrap().run)();
    }
}
