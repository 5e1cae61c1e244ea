//! The outbox: that it says what was done and nothing else, in order; what rests in it and for how long; and that nothing
//! of what is erased is left in a file.

mod killed;
mod marks;
mod resting;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures::TryStreamExt;
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Instance, Value};
use ngsi_ld::{Entity, EntityId};

use super::backend::sqlite::database_of;
use super::samples::{name, type_name};
use super::{StoreAdapter, StoreOptions, StorePartition};
use kakehashi_contract::{
    Adapter, Call, Change, Changed, Fate, MayRest, Position, SourceId, SourceQuery, Told, Values, entities_of,
};

fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(30))
}

fn now() -> DateTime {
    DateTime::from_system_time(SystemTime::now())
}

fn anybody(_: &Entity) -> bool {
    true
}

fn id(number: usize) -> EntityId {
    EntityId::parse(&format!("urn:a:{number}")).unwrap()
}

/// An entity with a value.
fn site(number: usize, text: &str) -> Entity {
    let mut entity = Entity::new(id(number), type_name(0));
    let instance = Instance::new(AttributeValue::Property(Value::from(text)));
    entity.attributes.push(Attribute::new(name(0), instance));
    entity
}

/// A partition in which everything may rest.
async fn store(folder: &Path) -> StoreAdapter {
    let store = untold(folder).await;
    let everything: MayRest = Arc::new(|entity: &Entity| Some(entity.clone()));
    store.partition().let_rest(everything);
    store.partition().narrow_outbox().await.unwrap();
    store
}

/// One that has been told nothing yet.
async fn untold(folder: &Path) -> StoreAdapter {
    let partition = StorePartition::open(folder, "yaita", StoreOptions::default())
        .await
        .unwrap();
    StoreAdapter::new(SourceId::new("store"), partition)
}

async fn changes(store: &StoreAdapter, mut after: Position) -> Vec<Change> {
    let mut all = Vec::new();
    loop {
        let Told::Changes(some) = store.partition().changes_after(after, &call()).await.unwrap() else {
            panic!("it fell behind");
        };
        let Some(last) = some.last() else {
            return all;
        };
        after = last.position;
        all.extend(some);
    }
}

fn fates(changes: &[Change]) -> Vec<Option<Fate>> {
    let fate = |change: &Change| match &change.changed {
        Changed::Entity { fate, .. } => Some(*fate),
        Changed::Load { .. } => None,
    };
    changes.iter().map(fate).collect()
}

fn values(change: &Change) -> (&Values, &Values) {
    match &change.changed {
        Changed::Entity { before, after, .. } => (before, after),
        Changed::Load { .. } => panic!("{change:?}"),
    }
}

async fn held(store: &StoreAdapter) -> BTreeMap<EntityId, Entity> {
    let everything = SourceQuery {
        system_attributes: true,
        ..SourceQuery::of_types((0..3).map(type_name).collect())
    };
    let found: Vec<Entity> = entities_of(store.prepare(&everything).query(None, &call()))
        .try_collect()
        .await
        .unwrap();
    found.into_iter().map(|entity| (entity.id.clone(), entity)).collect()
}

/// What somebody who has read everything knows. Each change must begin with what the one before has left.
async fn replayed(store: &StoreAdapter) -> BTreeMap<EntityId, Entity> {
    let mut known: BTreeMap<EntityId, Entity> = BTreeMap::new();
    let mut has_compared = false;
    let mut last = Position::BEGINNING;
    for change in changes(store, Position::BEGINNING).await {
        assert!(change.position > last, "{change:?} after {last:?}");
        last = change.position;
        match change.changed {
            Changed::Load { .. } => {
                known = held(store).await;
                has_compared = true;
            }
            Changed::Entity {
                id,
                fate,
                before,
                after,
                ..
            } => {
                match before {
                    Values::Kept(before) if !has_compared => assert_eq!(known.get(&id), Some(&*before), "{fate:?}"),
                    Values::Nothing if !has_compared => assert_eq!(known.get(&id), None, "{fate:?}"),
                    _ => {}
                }
                match after {
                    Values::Kept(after) => known.insert(id, *after),
                    // What has become of it stands in a later change.
                    Values::Nothing | Values::NotKept => known.remove(&id),
                };
            }
        }
    }
    known
}

/// Runs statements on the file of a partition.
async fn run(store: &StoreAdapter, statements: &'static str) {
    let mut connection = database_of(store.partition().backend()).for_upkeep().await.unwrap();
    sqlx::raw_sql(statements).execute(&mut *connection).await.unwrap();
}

/// In how many rows of the outbox a text stands.
async fn rows_with(store: &StoreAdapter, text: &str) -> i64 {
    let mut connection = database_of(store.partition().backend()).for_upkeep().await.unwrap();
    let statement = "SELECT count(*) FROM outbox WHERE instr(before, ?1) OR instr(after, ?1)";
    let rows = sqlx::query_scalar(statement).bind(text.as_bytes());
    rows.fetch_one(&mut *connection).await.unwrap()
}

async fn bytes_of_values(store: &StoreAdapter) -> i64 {
    let mut connection = database_of(store.partition().backend()).for_upkeep().await.unwrap();
    let statement = "SELECT coalesce(sum(coalesce(length(before), 0) + coalesce(length(after), 0)), 0) FROM outbox";
    sqlx::query_scalar(statement).fetch_one(&mut *connection).await.unwrap()
}

fn is_in_a_file(folder: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(folder).unwrap();
    let has_it = |file: std::io::Result<std::fs::DirEntry>| {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        content.windows(text.len()).any(|bytes| bytes == text.as_bytes())
    };
    files.into_iter().any(has_it)
}

/// The text stands in no file of the partition while it is open; what is there stands in one.
fn assert_nowhere(folder: &Path, _open: &StoreAdapter, text: &str) {
    assert!(is_in_a_file(folder, "SQLite format 3"));
    assert!(!is_in_a_file(folder, text), "{text}");
}
