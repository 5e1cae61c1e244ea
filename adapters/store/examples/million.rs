//! How long a partition with very many entities takes for what is asked often: a million by default, of two types, with five
//! attributes and a point each. Prints the median and the 99th percentile in milliseconds. It is no test: machines differ.
//!
//! `cargo run --release -p kakehashi-store --example million [entities] [folder]`

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use kakehashi_contract::{Adapter, Call, Foremost, Page, SourceId, SourceQuery, entities_of};
use kakehashi_store::{StoreAdapter, StoreOptions, StorePartition};
use ngsi_ld::context::Context;
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Geometry, Instance, Number, Value};
use ngsi_ld::query::{Expression, GeoQuery, IdPattern, Ordering};
use ngsi_ld::{AttributeName, Entity, EntityId, Iri, TypeName};

const ENTITIES: usize = 1_000_000;

/// Entities that are written in one transaction.
const BATCH: usize = 1_000;

/// How often each question is asked.
const TIMES: usize = 30;

/// After which time a question is asked no more.
const LONGEST: Duration = Duration::from_secs(15);

const DOCUMENT: &str = r#"{"@context": {"Vehicle": "https://example.org/Vehicle", "Station": "https://example.org/Station",
    "speed": "https://example.org/speed", "name": "https://example.org/name", "heading": "https://example.org/heading",
    "status": "https://example.org/status", "address": "https://example.org/address",
    "spot": "https://example.org/spot"}}"#;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let entities = arguments.next().map_or(Ok(ENTITIES), |count| count.parse())?;
    let temporary = tempfile::tempdir()?;
    let folder = arguments
        .next()
        .map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    write(&folder, entities).await?;
    let opening = Instant::now();
    let partition = StorePartition::open(&folder, "million", StoreOptions::default()).await?;
    println!("opened in {:.2} s", opening.elapsed().as_secs_f64());
    let store = StoreAdapter::new(SourceId::new("store"), partition);
    ask_all(&store, entities).await
}

/// Writes the entities, if there are none, as an import does.
async fn write(folder: &Path, entities: usize) -> Outcome<()> {
    let partition = StorePartition::open(folder, "million", StoreOptions::for_loads()).await?;
    let store = StoreAdapter::new(SourceId::new("store"), partition);
    let all = SourceQuery::of_types(vec![type_of("Vehicle")]);
    if store.prepare(&all).count(&call()).await?.entities > 0 {
        return Ok(());
    }
    let writing = Instant::now();
    let now = DateTime::parse("2026-01-01T00:00:00Z")?;
    for batch in (0..entities).step_by(BATCH) {
        let made: Result<Vec<Entity>, _> = (batch..entities.min(batch + BATCH)).map(made).collect();
        store.partition().load_part(made?, now.clone()).await?;
    }
    store.partition().end_loading().await;
    let took = writing.elapsed().as_secs_f64();
    println!("written: {:.0} entities/s", entities as f64 / took);
    Ok(())
}

async fn ask_all(store: &StoreAdapter, entities: usize) -> Outcome<()> {
    let context = Context::from_document(DOCUMENT)?;
    let q = |text: &str| Expression::parse(text, &context).map(Arc::new);
    let near = |georel: &str| {
        let geo = GeoQuery::parse(georel, "Point", "[139.6,36.3]", Some("spot"), &context);
        geo.map(Arc::new)
    };
    let of_type = SourceQuery::of_types(vec![type_of("Vehicle")]);
    let first = Page { limit: 21, offset: 0 };
    let page = |name: &'static str, query: SourceQuery, page: Page| (name, query, page);
    let pages = [
        page("type, first page", of_type.clone(), first),
        page(
            "type, page at half of all",
            of_type.clone(),
            Page {
                limit: 21,
                offset: entities / 4,
            },
        ),
        page(
            "both types, page at half of all",
            SourceQuery::of_types(vec![type_of("Vehicle"), type_of("Station")]),
            Page {
                limit: 21,
                offset: entities / 2,
            },
        ),
        page(
            "q and near 500 m",
            SourceQuery {
                filter: Some(q("speed>50")?),
                geo: Some(near("near;maxDistance==500")?),
                ..of_type.clone()
            },
            first,
        ),
        page(
            "q of two terms of which few match",
            SourceQuery {
                filter: Some(q("speed==17;status==\"s3\"")?),
                ..of_type.clone()
            },
            first,
        ),
        page(
            "q of two wide terms of which none match",
            SourceQuery {
                filter: Some(q("speed<20;heading>300")?),
                ..of_type.clone()
            },
            first,
        ),
        page(
            "idPattern",
            SourceQuery {
                id_pattern: Some(IdPattern::parse("99[0-9]7$")?),
                ..of_type.clone()
            },
            first,
        ),
        page(
            "q with a pattern that few match",
            SourceQuery {
                filter: Some(q("name~=\".*9997$\"")?),
                ..of_type.clone()
            },
            first,
        ),
        page(
            "q on a member",
            SourceQuery {
                filter: Some(q("address[city]==\"city 7\"")?),
                ..of_type.clone()
            },
            first,
        ),
        page(
            "near 50 km",
            SourceQuery {
                geo: Some(near("near;maxDistance==50000")?),
                ..of_type.clone()
            },
            first,
        ),
        page(
            "near;minDistance 50 km",
            SourceQuery {
                geo: Some(near("near;minDistance==50000")?),
                ..of_type.clone()
            },
            first,
        ),
    ];
    measured("by id", async |turn| {
        let query = SourceQuery {
            ids: vec![id_of(turn * 7_919 % entities)],
            ..SourceQuery::of_types(vec![type_of("Vehicle"), type_of("Station")])
        };
        Ok(usize::from(store.prepare(&query).retrieve(&call()).await?.is_some()))
    })
    .await?;
    for (name, query, page) in &pages {
        measured(name, async |_| {
            let found = entities_of(store.prepare(query).query(Some(*page), &call()));
            Ok(found.try_collect::<Vec<_>>().await?.len())
        })
        .await?;
    }
    for (name, query, _) in pages.iter().filter(|(name, ..)| !name.contains("page at")) {
        measured(&format!("count of: {name}"), async |_| {
            Ok(usize::try_from(store.prepare(query).count(&call()).await?.entities)?)
        })
        .await?;
    }
    for order_by in ["speed", "speed;desc", "name", "spot;dist-asc"] {
        let order = Ordering::parse(order_by, Some("[139.6,36.3]"), None, Some("ja"), &context)?;
        let first = Foremost {
            most: 21,
            sure_below: None,
        };
        measured(&format!("orderBy={order_by}"), async |_| {
            let Some(ordered) = store.prepare(&of_type).ordered(&order, first, &call()) else {
                return Ok(0);
            };
            Ok(entities_of(ordered).try_collect::<Vec<_>>().await?.len())
        })
        .await?;
    }
    Ok(())
}

/// Asks again and again, and prints how long it takes.
async fn measured(name: &str, ask: impl AsyncFn(usize) -> Outcome<usize>) -> Outcome<()> {
    let began = Instant::now();
    let mut times = Vec::with_capacity(TIMES);
    let mut found = 0;
    for turn in 0..TIMES {
        let asked = Instant::now();
        found = ask(turn).await?;
        times.push(asked.elapsed());
        if began.elapsed() > LONGEST {
            break;
        }
    }
    times.sort_unstable();
    let at = |part: usize| {
        times
            .get((times.len() * part / 100).min(times.len() - 1))
            .copied()
            .unwrap_or_default()
    };
    let (median, worst) = (at(50).as_secs_f64() * 1_000.0, at(99).as_secs_f64() * 1_000.0);
    println!("{median:9.2} {worst:9.2}  {name} ({found})");
    Ok(())
}

fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(60))
}

fn type_of(name: &str) -> TypeName {
    TypeName::new(Iri::new(format!("https://example.org/{name}")))
}

fn id_of(number: usize) -> EntityId {
    EntityId::new_unchecked(format!("urn:ngsi-ld:Vehicle:{number:08}"))
}

/// An entity of which every attribute looks random, and is the same each time.
fn made(number: usize) -> Outcome<Entity> {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 17;
    let mut entity = Entity::new(
        id_of(number),
        type_of(if number.is_multiple_of(2) { "Vehicle" } else { "Station" }),
    );
    let mut add = |name: &str, value: AttributeValue| {
        let name = AttributeName::new(Iri::new(format!("https://example.org/{name}")));
        entity.attributes.push(Attribute::new(name, Instance::new(value)));
    };
    let whole = |value: usize| {
        i64::try_from(value).map(|value| AttributeValue::Property(Value::Number(Number::Integer(value))))
    };
    let text = |value: String| AttributeValue::Property(Value::from(value.as_str()));
    add("speed", whole(mixed % 120)?);
    add("heading", whole(mixed / 7 % 360)?);
    add("name", text(format!("車両 {number}")));
    add("status", text(format!("s{}", mixed / 31 % 1_000)));
    let address = ngsi_ld::entity::Json::parse(&format!(r#"{{"city":"city {}"}}"#, mixed / 5 % 500))?;
    add("address", AttributeValue::Property(Value::Json(address)));
    let (east, north) = (mixed / 3 % 10_000, mixed / 11 % 10_000);
    let place = Geometry::point(139.0 + east as f64 / 8_000.0, 36.0 + north as f64 / 12_000.0);
    add(
        "spot",
        AttributeValue::GeoProperty(Box::new(place.map_err(|error| error.to_string())?)),
    );
    Ok(entity)
}
