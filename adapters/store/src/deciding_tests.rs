//! What the store decides by itself is what the evaluator says, whichever way it takes; and what it keeps counted is what there
//! is.

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use kakehashi_contract::{Adapter, Call, Coverage, Foremost, Page, SourceId, SourceQuery, entities_of};
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Geometry, Instance, Number, Value};
use ngsi_ld::query::{Expression, GeoQuery, GeoRelation, IdPattern, Ordering, Query, TypeSelection};
use ngsi_ld::{Entity, EntityId};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tempfile::TempDir;

use super::backend::sql::{Binding, Statement, Way, compile};
use super::backend::sqlite::{Sqlite, database_of};
use super::long_statements::Few;
use super::samples::{entities, name, orderings, queries, type_name};
use super::{StoreAdapter, StoreOptions, StorePartition};

fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(60))
}

fn january() -> DateTime {
    DateTime::parse("2026-01-01T00:00:00Z").unwrap()
}

async fn open(folder: &TempDir, few: Few) -> StoreAdapter {
    let partition = StorePartition::open_with(folder.path(), "yaita", StoreOptions::default(), few).await;
    StoreAdapter::new(SourceId::new("store"), partition.unwrap())
}

async fn store_of(entities: Vec<Entity>, few: Few) -> (TempDir, StoreAdapter) {
    let folder = tempfile::tempdir().unwrap();
    let adapter = open(&folder, few).await;
    adapter.partition().load(entities, january()).await.unwrap();
    (folder, adapter)
}

/// The query as the evaluator takes it.
fn whole(query: &SourceQuery) -> Query {
    let types = query.types.iter().cloned().map(TypeSelection::Type).collect();
    Query {
        types: Some(TypeSelection::Any(types)),
        ids: query.ids.clone(),
        id_pattern: query.id_pattern.clone(),
        attributes: query.any_attribute.clone(),
        filter: query.filter.as_deref().cloned(),
        geo: query.geo.as_deref().cloned(),
        scope: query.scope.as_deref().cloned(),
    }
}

fn everything() -> SourceQuery {
    SourceQuery {
        system_attributes: true,
        ..SourceQuery::of_types(vec![type_name(0), type_name(1), type_name(2)])
    }
}

async fn ask(adapter: &StoreAdapter, query: &SourceQuery, page: Option<Page>) -> Vec<Entity> {
    let stream = entities_of(adapter.prepare(query).query(page, &call()));
    stream.try_collect().await.unwrap()
}

async fn ids_in(
    adapter: &StoreAdapter,
    query: &SourceQuery,
    order: &Ordering,
    first: Foremost,
) -> Option<Vec<EntityId>> {
    let stream = adapter.prepare(query).ordered(order, first, &call())?;
    let entities: Vec<Entity> = entities_of(stream).try_collect().await.unwrap();
    Some(entities.into_iter().map(|entity| entity.id).collect())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn fews() -> impl Strategy<Value = Few> {
    any::<bool>().prop_map(|usual| if usual { Few::USUAL } else { Few::NONE })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whether few or many are there to be looked at, and whether or not a page is read where its request arrived.
    #[test]
    fn what_the_store_decides_is_what_the_evaluator_says(
        stored in prop::collection::vec(entities(), 1..40),
        asked in prop::collection::vec(queries(), 30),
        few in fews(),
        offset in 0..4_usize,
        limit in prop::sample::select(vec![3, 200]),
    ) {
        runtime().block_on(async {
            let (_folder, adapter) = store_of(stored, few).await;
            let all = ask(&adapter, &everything(), None).await;
            for query in asked {
                let decided = adapter.prepare(&query).push_down();
                let judged = [decided.selection, decided.id_pattern, decided.any_attribute, decided.geo, decided.scope];
                prop_assert!(judged.iter().all(|coverage| *coverage == Coverage::Exact));
                prop_assert!(decided.filter != Coverage::None);
                let whole = whole(&query);
                let expected: Vec<Entity> = all.iter().filter(|entity| whole.matches(entity)).cloned().collect();
                let found = ask(&adapter, &query, None).await;
                // Also where the gateway has to look again, what comes is no other.
                prop_assert_eq!(&found, &expected, "{:?} {:?}", &query, few);
                if decided.is_exact() {
                    let count = adapter.prepare(&query).count(&call()).await.unwrap().entities;
                    prop_assert_eq!(usize::try_from(count).unwrap(), expected.len());
                    let page = ask(&adapter, &query, Some(Page { limit, offset })).await;
                    let expected: Vec<Entity> = expected.into_iter().skip(offset).take(limit).collect();
                    prop_assert_eq!(page, expected, "{:?} {:?}", &query, few);
                }
            }
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn the_order_of_the_store_is_that_of_the_ordering(
        stored in prop::collection::vec(entities(), 1..40),
        asked in prop::collection::vec((queries(), orderings()), 30),
        few in fews(),
        most in prop::sample::select(vec![1, 5, 100]),
        sure_below in prop::option::of(prop::sample::select(vec![2.0, 11.0, 1e11])),
    ) {
        runtime().block_on(async {
            let (_folder, adapter) = store_of(stored, few).await;
            for (query, order) in asked {
                if !adapter.prepare(&query).push_down().is_exact() {
                    continue;
                }
                let matching = ask(&adapter, &query, None).await;
                let sorted: Vec<EntityId> = order.sort(matching).into_iter().map(|entity| entity.id).collect();
                let first = Foremost { most, sure_below };
                let Some(found) = ids_in(&adapter, &query, &order, first).await else {
                    continue;
                };
                let expected = sorted.iter().take(found.len()).cloned().collect::<Vec<_>>();
                prop_assert_eq!(&found, &expected, "{:?} {:?}", &query, &order);
                prop_assert!(sure_below.is_some() || found.len() >= most.min(sorted.len()));
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}

fn number(position: usize, value: i64) -> Attribute {
    let value = AttributeValue::Property(Value::Number(Number::Integer(value)));
    Attribute::new(name(position), Instance::new(value))
}

fn site(place: usize) -> Entity {
    let id = EntityId::parse(&format!("urn:ngsi-ld:Site:{place:06}")).unwrap();
    let mut entity = Entity::new(id, type_name(place % 2));
    entity.attributes.push(number(0, i64::try_from(place % 1_000).unwrap()));
    let text = AttributeValue::Property(Value::from(format!("避難所 {}", place % 7).as_str()));
    entity.attributes.push(Attribute::new(name(1), Instance::new(text)));
    let location = Geometry::point(139.0 + place as f64 / 10_000.0, 36.5).unwrap();
    let location = AttributeValue::GeoProperty(Box::new(location));
    entity.attributes.push(Attribute::new(name(2), Instance::new(location)));
    entity
}

/// What the file says to a question of its own.
async fn told(adapter: &StoreAdapter, question: &'static str) -> Vec<(String, i64)> {
    let reading = database_of(adapter.partition().backend()).read_apart(
        call().deadline,
        move |reading| -> Result<Vec<(String, i64)>, super::StoreError> {
            let mut statement = reading.connection().prepare(question).unwrap();
            let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            Ok(rows.collect::<Result<_, _>>().unwrap())
        },
    );
    reading.await.unwrap()
}

/// What is kept counted, beside what there is.
async fn assert_counted(adapter: &StoreAdapter) {
    let of_types =
        "SELECT type, sum(entities) FROM (SELECT CAST(type AS TEXT) AS type, entities FROM type_blocks) GROUP BY type
        HAVING sum(entities) > 0 ORDER BY type";
    let there = "SELECT CAST(type AS TEXT) AS name, count(*) FROM entity_types GROUP BY name ORDER BY name";
    assert_eq!(told(adapter, of_types).await, told(adapter, there).await);
    let of_blocks = "SELECT first_id || ':' || type, entities FROM type_blocks WHERE entities > 0 ORDER BY 1";
    let there =
        "SELECT (SELECT max(first_id) FROM id_blocks WHERE first_id <= e.id) || ':' || t.type AS place, count(*)
        FROM entities e JOIN entity_types t ON t.entity = e.key GROUP BY place ORDER BY place";
    assert_eq!(told(adapter, of_blocks).await, told(adapter, there).await);
    let of_ids = "SELECT first_id, entities FROM id_blocks WHERE entities > 0 ORDER BY 1";
    let there = "SELECT (SELECT max(first_id) FROM id_blocks WHERE first_id <= e.id) AS place, count(*)
        FROM entities e GROUP BY place ORDER BY place";
    assert_eq!(told(adapter, of_ids).await, told(adapter, there).await);
}

#[tokio::test]
async fn what_is_kept_counted_is_what_there_is_however_it_came_and_went() {
    let (folder, adapter) = store_of(Vec::new(), Few::USUAL).await;
    // In an order of ids that is none, and then in order: blocks are cut in their middles, and at the end.
    let scattered = (0..6_000).map(|place| site(place * 7_919 % 6_000));
    adapter.partition().load(scattered, january()).await.unwrap();
    assert_counted(&adapter).await;
    adapter
        .partition()
        .load((6_000..10_000).map(site), january())
        .await
        .unwrap();
    let blocks = told(&adapter, "SELECT 'blocks', count(*) FROM id_blocks").await;
    assert!((5..=10).contains(&blocks[0].1), "{blocks:?}");
    let gone: Vec<EntityId> = (0..10_000).step_by(3).map(|place| site(place).id).collect();
    adapter.partition().delete_all(&gone).await.unwrap();
    // Another type in the place of one, and one beside.
    let other = |place: usize| {
        let mut entity = site(place);
        entity.types[0] = type_name(2);
        entity.types.extend(place.is_multiple_of(4).then(|| type_name(1)));
        entity
    };
    adapter
        .partition()
        .load((1_000..3_000).map(other), january())
        .await
        .unwrap();
    assert_counted(&adapter).await;
    let query = SourceQuery::of_types(vec![type_name(1)]);
    let all = ask(&adapter, &query, None).await;
    assert_eq!(
        adapter.prepare(&query).count(&call()).await.unwrap().entities,
        all.len() as u64
    );
    for offset in [0, 255, 256, 1_023, 2_048, all.len() - 1, all.len(), all.len() + 10_000] {
        let page = ask(&adapter, &query, Some(Page { limit: 5, offset })).await;
        let expected: Vec<Entity> = all.iter().skip(offset).take(5).cloned().collect();
        assert_eq!(page, expected, "{offset}");
    }
    // A file of the version before this one has none of it.
    let before = "DROP TRIGGER an_entity_more; DROP TRIGGER an_entity_less; DROP TRIGGER of_a_type_more;
        DROP TRIGGER of_a_type_less; DROP TRIGGER a_block_too_large; DROP TABLE id_blocks; DROP TABLE type_blocks;
        PRAGMA user_version = 5";
    {
        let mut connection = database_of(adapter.partition().backend()).for_upkeep().await.unwrap();
        sqlx::raw_sql(before).execute(&mut *connection).await.unwrap();
    }
    adapter.partition().close().await;
    let adapter = open(&folder, Few::USUAL).await;
    assert_counted(&adapter).await;
    assert_eq!(ask(&adapter, &query, None).await, all);
    adapter
        .partition()
        .load((20_000..24_000).map(site), january())
        .await
        .unwrap();
    assert_counted(&adapter).await;
}

/// How SQLite goes about a statement.
async fn plan(adapter: &StoreAdapter, statement: Statement) -> String {
    let reading = database_of(adapter.partition().backend()).read_apart(
        call().deadline,
        move |reading| -> Result<String, super::StoreError> {
            let explain = format!("EXPLAIN QUERY PLAN {}", statement.text);
            let mut prepared = reading.connection().prepare(&explain).unwrap();
            for (place, binding) in statement.bindings.iter().enumerate() {
                match binding {
                    Binding::Text(text) => prepared.raw_bind_parameter(place + 1, text.as_str()).unwrap(),
                    Binding::Number(number) => prepared.raw_bind_parameter(place + 1, number).unwrap(),
                    Binding::Integer(integer) => prepared.raw_bind_parameter(place + 1, integer).unwrap(),
                }
            }
            let mut rows = prepared.raw_query();
            let mut lines = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                lines.push(row.get::<_, String>(3).unwrap());
            }
            Ok(lines.join("\n"))
        },
    );
    reading.await.unwrap()
}

#[tokio::test]
async fn what_is_asked_often_is_found_by_an_index() {
    let (_folder, adapter) = store_of((0..50).map(site).collect(), Few::USUAL).await;
    let filter = |q: &str| {
        let context = ngsi_ld::context::Context::from_document(
            r#"{"@context": {"number": "https://example.org/attribute/0", "text": "https://example.org/attribute/1"}}"#,
        );
        Expression::parse(q, &context.unwrap()).unwrap()
    };
    let of_type = SourceQuery::of_types(vec![type_name(0)]);
    let with = |q: &str| SourceQuery {
        filter: Some(filter(q).into()),
        ..of_type.clone()
    };
    let page = Some(Page { limit: 20, offset: 0 });
    let select = |query: &SourceQuery, way| compile(query, &Sqlite).select(way, page, &Sqlite);
    let by_id = SourceQuery {
        ids: vec![site(0).id],
        ..of_type.clone()
    };
    let of_pattern = SourceQuery {
        id_pattern: Some(IdPattern::parse("^urn:ngsi-ld:Site:.*7$").unwrap()),
        ..of_type.clone()
    };
    let near = SourceQuery {
        geo: Some(std::sync::Arc::new(GeoQuery {
            relation: GeoRelation::Near {
                min: None,
                max: Some(500.0),
            },
            geometry: Geometry::point(139.0, 36.5).unwrap().into(),
            property: name(2),
        })),
        ..of_type.clone()
    };
    const IDS: &str = "USING INDEX sqlite_autoindex_entities_1";
    const KEY: &str = "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)";
    const NUMBERS: &str = "SEARCH v USING COVERING INDEX attribute_values_by_number (name=? AND kind=?";
    const TEXTS: &str = "SEARCH v USING COVERING INDEX attribute_values_by_text (name=? AND kind=?";
    let shapes = [
        (select(&by_id, Way::InOrder), vec![IDS]),
        (select(&of_type, Way::InOrder), vec![IDS]),
        (select(&of_pattern, Way::InOrder), vec![IDS, "(id>? AND id<?)"]),
        (select(&with("number==5"), Way::By(1)), vec![KEY, NUMBERS]),
        (select(&with("number>5"), Way::By(1)), vec![KEY, NUMBERS]),
        (select(&with("number==5..7"), Way::By(1)), vec![KEY, NUMBERS]),
        (select(&with("text==\"a\""), Way::By(1)), vec![KEY, TEXTS]),
        (select(&with("text>\"a\""), Way::By(1)), vec![KEY, TEXTS]),
        (select(&with("number>5;text==\"a\""), Way::By(2)), vec![KEY, TEXTS]),
        (select(&near, Way::By(1)), vec![KEY, "SCAN b VIRTUAL TABLE INDEX 2:"]),
        (
            compile(&with("number>5"), &Sqlite).count(Way::By(1), &Sqlite),
            vec![KEY, NUMBERS],
        ),
        (
            compile(&of_type, &Sqlite).select_by_numbers(&name(0), true, None, &Sqlite),
            vec![
                "SEARCH o USING COVERING INDEX attribute_values_by_number (name=? AND kind=?",
                KEY,
                "USE TEMP B-TREE FOR LAST TERM OF ORDER BY",
            ],
        ),
    ];
    for (statement, expected) in shapes {
        let text = statement.text.clone();
        let plan = plan(&adapter, statement).await;
        for part in expected {
            assert!(plan.contains(part), "{text}\n{plan}\n{part}");
        }
        assert!(!plan.contains("SCAN e\n") && !plan.contains("SCAN v"), "{text}\n{plan}");
        assert!(
            plan.contains("SEARCH t USING"),
            "{text}
{plan}"
        );
    }
}
