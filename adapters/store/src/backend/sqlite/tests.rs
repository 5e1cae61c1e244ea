//! What a write leaves in the tables, and how much of them it touches.

use std::time::{Duration, Instant};

use kakehashi_contract::plain_writes::PlainWrites;
use kakehashi_contract::{Call, SourceId};
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Geometry, Instance, Number, Value};
use ngsi_ld::{Entity, EntityId};
use proptest::prelude::*;
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::database_of;
use crate::samples::{entities, name, type_name};
use crate::{StoreAdapter, StoreOptions, StorePartition};

/// What is told of the tables about an entity, with names in the place of their numbers and without numbers that are a
/// file's own.
const TABLES: [&str; 6] = [
    "SELECT id || created_at || modified_at FROM entities",
    "SELECT e.id || n.name || v.instance || ' ' || v.element || ' ' || v.kind || ' ' || quote(v.number) || quote(v.text)
     FROM attribute_values v JOIN entities e ON e.key = v.entity JOIN names n ON n.key = v.name",
    "SELECT e.id || n.name FROM entity_types t JOIN entities e ON e.key = t.entity JOIN names n ON n.key = t.type",
    "SELECT e.id || s.scope FROM entity_scopes s JOIN entities e ON e.key = s.entity",
    "SELECT e.id || x.expires_at FROM expiries x JOIN entities e ON e.key = x.entity",
    "SELECT e.id || n.name || ' ' || b.min_longitude || ' ' || b.max_longitude || ' ' || b.min_latitude || ' ' || b.max_latitude
     FROM location_boxes b LEFT JOIN locations l ON l.key = b.key LEFT JOIN entities e ON e.key = l.entity
     LEFT JOIN names n ON n.key = l.name",
];

async fn open(folder: &TempDir) -> StoreAdapter {
    let partition = StorePartition::open(folder.path(), "yaita", StoreOptions::default()).await;
    StoreAdapter::new(SourceId::new("store"), partition.unwrap())
}

fn january() -> DateTime {
    DateTime::parse("2026-01-01T00:00:00Z").unwrap()
}

fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(30))
}

async fn told<T>(store: &StoreAdapter, statement: &str) -> Vec<T>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    let mut connection = database_of(store.partition().backend()).for_upkeep().await.unwrap();
    let told = sqlx::query_scalar(AssertSqlSafe(statement.to_owned()));
    told.fetch_all(&mut *connection).await.unwrap()
}

/// Everything that the tables say.
async fn tables(store: &StoreAdapter) -> Vec<Vec<Option<String>>> {
    let mut all = Vec::new();
    for table in TABLES {
        let mut rows: Vec<Option<String>> = told(store, table).await;
        rows.sort_unstable();
        all.push(rows);
    }
    all
}

fn site(number: usize, capacity: i64) -> Entity {
    let id = EntityId::parse(&format!("urn:ngsi-ld:Site:{number:06}")).unwrap();
    let mut entity = Entity::new(id, type_name(0));
    let mut add = |position: usize, value| {
        let instance = Instance::new(value);
        entity.attributes.push(Attribute::new(name(position), instance));
    };
    add(0, AttributeValue::Property(Value::from("佐野市立小学校")));
    add(1, AttributeValue::Property(Value::Number(Number::Integer(capacity))));
    let place = Geometry::point(139.712_345, 36.554_7).unwrap();
    add(2, AttributeValue::GeoProperty(Box::new(place)));
    entity
}

/// The entity, unless it has expired before it is written.
fn lasting(mut entity: Entity) -> Entity {
    if entity.first_expiry().is_some_and(|expiry| *expiry <= january()) {
        entity.system.dates_mut().expires_at = None;
    }
    entity
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stood there before, and however much was written together.
    #[test]
    fn what_is_written_in_the_place_of_another_has_the_rows_that_it_would_have_alone(
        loads in prop::collection::vec(prop::collection::vec(entities().prop_map(lasting), 1..40), 1..4),
    ) {
        runtime().block_on(async {
            let (folder, alone_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (store, alone) = (open(&folder).await, open(&alone_folder).await);
            let mut last = std::collections::BTreeMap::new();
            for load in loads {
                for entity in &load {
                    last.insert(entity.id.as_str().to_owned(), entity.clone());
                }
                store.partition().load(load, january()).await.unwrap();
            }
            alone.partition().load(last.into_values(), january()).await.unwrap();
            prop_assert_eq!(tables(&store).await, tables(&alone).await);
            let ids: Vec<EntityId> = told::<String>(&store, "SELECT id FROM entities").await.iter()
                .map(EntityId::new_unchecked)
                .collect();
            store.partition().delete_all(&ids).await.unwrap();
            prop_assert!(tables(&store).await.iter().all(Vec::is_empty));
            Ok(())
        })?;
    }
}

/// Rows that this connection has changed since it was opened.
async fn changed_rows(store: &StoreAdapter) -> i64 {
    told(store, "SELECT total_changes()").await[0]
}

#[tokio::test]
async fn a_change_of_one_attribute_writes_the_same_few_rows_however_many_entities_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let mut written = Vec::new();
    for count in [1, 2_000] {
        let load = (0..count).map(|number| site(number, 1));
        store.partition().load(load, january()).await.unwrap();
        let before = changed_rows(&store).await;
        let put = store
            .put(site(0, count.try_into().unwrap()), &|_| true, january(), &call())
            .await;
        put.unwrap();
        written.push(changed_rows(&store).await - before);
    }
    // Its own row, the value that is another, and the mark in the outbox.
    assert!(written[0] <= 3 && written[1] <= 3, "{written:?}");
}

#[tokio::test]
async fn the_same_again_writes_its_own_row_and_its_mark() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let put = async || store.put(site(7, 3), &|_| true, january(), &call()).await.unwrap();
    put().await;
    let before = changed_rows(&store).await;
    put().await;
    assert_eq!(
        changed_rows(&store).await - before,
        2,
        "not even its place is written again"
    );
}
