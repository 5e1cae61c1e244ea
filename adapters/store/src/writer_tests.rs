use std::time::{Duration, Instant};

use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Instance, Value};
use ngsi_ld::{Entity, EntityId};

use super::backend::sqlite::database_of;
use super::samples::{name, type_name};
use super::{StoreAdapter, StoreOptions, StorePartition};
use kakehashi_contract::plain_writes::{NotWritten, PlainWrites};
use kakehashi_contract::{Adapter, Call, ErrorKind, SourceId, SourceQuery, WriteError, Written, Yielded};

fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(30))
}

fn anybody(_: &Entity) -> bool {
    true
}

fn january() -> DateTime {
    DateTime::parse("2026-01-01T00:00:00Z").unwrap()
}

fn february() -> DateTime {
    DateTime::parse("2026-02-01T00:00:00Z").unwrap()
}

fn id() -> EntityId {
    EntityId::parse("urn:a:1").unwrap()
}

fn site(text: &str) -> Entity {
    let mut entity = Entity::new(id(), type_name(0));
    let instance = Instance::new(AttributeValue::Property(Value::from(text)));
    entity.attributes.push(Attribute::new(name(0), instance));
    entity
}

async fn store(folder: &tempfile::TempDir) -> StoreAdapter {
    let partition = StorePartition::open(folder.path(), "yaita", StoreOptions::default()).await;
    StoreAdapter::new(SourceId::new("store"), partition.unwrap())
}

async fn held(store: &StoreAdapter) -> Option<Entity> {
    let query = SourceQuery {
        ids: vec![id()],
        system_attributes: true,
        ..SourceQuery::of_types(vec![type_name(0)])
    };
    store
        .prepare(&query)
        .retrieve(&call())
        .await
        .unwrap()
        .and_then(Yielded::entity)
}

fn value_of(entity: &Entity) -> &AttributeValue {
    &entity.attributes[0].instances[0].value
}

#[tokio::test]
async fn an_entity_is_created_once_and_keeps_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    store.create(site("first"), &anybody, january(), &call()).await.unwrap();
    let again = store.create(site("second"), &anybody, february(), &call()).await;
    assert!(matches!(again, Err(NotWritten::AlreadyExists)), "{again:?}");
    let nobody = |_: &Entity| false;
    let untold = store.create(site("second"), &nobody, february(), &call()).await;
    assert!(matches!(untold, Err(NotWritten::Refused)), "{untold:?}");
    let found = held(&store).await.unwrap();
    assert_eq!(value_of(&found), &AttributeValue::Property(Value::from("first")));
    assert_eq!(found.system.modified_at(), Some(&january()));
    assert_eq!(store.held_types(&call()).await.unwrap(), [type_name(0)]);
}

#[tokio::test]
async fn whether_it_may_be_changed_is_asked_of_the_entity_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let nobody = |_: &Entity| false;
    let first = store.put(site("first"), &nobody, january(), &call()).await.unwrap();
    assert!(matches!(first, Written::Created(_)), "there was nothing to ask about");
    let refused = store.put(site("second"), &nobody, february(), &call()).await;
    assert!(matches!(refused, Err(NotWritten::Refused)), "{refused:?}");
    let refused = store.delete(&id(), &[], &nobody, &call()).await;
    assert!(matches!(refused, Err(NotWritten::Refused)), "{refused:?}");
    let found = held(&store).await.unwrap();
    assert_eq!(value_of(&found), &AttributeValue::Property(Value::from("first")));

    let is_first = |entity: &Entity| value_of(entity) == &AttributeValue::Property(Value::from("first"));
    let put = store.put(site("second"), &is_first, february(), &call()).await.unwrap();
    assert!(matches!(put, Written::Replaced(_)));
    let found = held(&store).await.unwrap();
    let dates = found.system.dates().unwrap();
    assert_eq!(dates.created_at, Some(january()), "the entity is the same");
    assert_eq!(dates.modified_at, Some(february()));

    store.delete(&id(), &[], &anybody, &call()).await.unwrap();
    assert_eq!(held(&store).await, None);
    assert_eq!(store.held_types(&call()).await.unwrap(), []);
    let gone = store.delete(&id(), &[], &anybody, &call()).await;
    assert!(matches!(gone, Err(NotWritten::NotFound)), "{gone:?}");
}

#[tokio::test]
async fn after_the_deadline_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let late = Call::until(Instant::now());
    let written = store.create(site("late"), &anybody, january(), &late).await;
    let Err(NotWritten::Failed(WriteError::Source(error))) = written else {
        panic!("{written:?}");
    };
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_eq!(held(&store).await, None);
}

fn expiring_in_january(mut entity: Entity) -> Entity {
    entity.system.dates_mut().expires_at = Some(january());
    entity
}

/// Rows of the tables of a partition, as another program sees them.
async fn rows_of(store: &StoreAdapter, table: &str) -> i64 {
    let mut connection = database_of(store.partition().backend()).for_upkeep().await.unwrap();
    let statement = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .fetch_one(&mut *connection)
        .await
        .unwrap()
}

#[tokio::test]
//= 4.22-1
async fn what_has_expired_is_removed_from_the_file_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let expiring = expiring_in_january(site("gone"));
    store.create(expiring, &anybody, january(), &call()).await.unwrap();
    let everything = SourceQuery::of_types(vec![type_name(0)]);
    assert_eq!(rows_of(&store, "entities").await, 1);
    assert_eq!(store.prepare(&everything).count(&call()).await.unwrap().entities, 0);
    for table in ["entities", "attribute_values", "entity_types", "expiries"] {
        assert_eq!(rows_of(&store, table).await, 0, "{table}");
    }
    assert_eq!(store.held_types(&call()).await.unwrap(), []);
}

#[tokio::test]
async fn a_part_that_has_expired_is_removed_and_nobody_has_modified_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let mut entity = site("stays");
    let mut expiring = Instance::new(AttributeValue::Property(Value::from("gone")));
    expiring.system.dates_mut().expires_at = Some(january());
    entity.attributes.push(Attribute::new(name(1), expiring));
    store.create(entity, &anybody, january(), &call()).await.unwrap();
    let found = held(&store).await.unwrap();
    assert_eq!(found.attributes.len(), 1);
    assert_eq!(value_of(&found), &AttributeValue::Property(Value::from("stays")));
    assert_eq!(found.system.modified_at(), Some(&january()));
    assert_eq!(rows_of(&store, "attribute_values").await, 1);
    assert_eq!(rows_of(&store, "expiries").await, 0);
}

#[tokio::test]
async fn what_has_expired_takes_the_place_of_nothing_new_and_is_not_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let expiring = || expiring_in_january(site("gone"));
    store.create(expiring(), &anybody, january(), &call()).await.unwrap();
    let gone = store.delete(&id(), &[], &|_: &Entity| true, &call()).await;
    assert!(matches!(gone, Err(NotWritten::NotFound)), "{gone:?}");
    store.create(expiring(), &anybody, january(), &call()).await.unwrap();
    store.create(site("new"), &anybody, february(), &call()).await.unwrap();
    let found = held(&store).await.unwrap();
    assert_eq!(found.system.dates().unwrap().created_at, Some(february()));
}

#[tokio::test]
async fn what_another_process_has_written_expires_too() {
    let folder = tempfile::tempdir().unwrap();
    let reading = store(&folder).await;
    assert_eq!(held(&reading).await, None);
    let writing = store(&folder).await;
    let expiring = expiring_in_january(site("gone"));
    writing.create(expiring, &anybody, january(), &call()).await.unwrap();
    // The reader looks at the file from time to time, without being told.
    reading.partition().note_expiry(i64::MIN);
    assert_eq!(held(&reading).await, None);
    assert_eq!(rows_of(&writing, "entities").await, 0);
}

#[tokio::test]
async fn what_expires_at_the_end_of_time_has_nobody_look_for_it_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let mut entity = site("stays");
    entity.system.dates_mut().expires_at = Some(DateTime::parse("9999-12-31T23:59:59Z").unwrap());
    store.create(entity, &anybody, january(), &call()).await.unwrap();
    assert!(held(&store).await.is_some());
    // Whoever reads would remove something first.
    assert!(store.partition().next_expiry() > february().unix_micros());
}

#[tokio::test]
async fn many_that_expire_at_once_are_all_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let many = (0..450).map(|number| {
        let mut entity = expiring_in_january(site("gone"));
        entity.id = EntityId::parse(&format!("urn:a:{number}")).unwrap();
        entity
    });
    store.partition().load(many, january()).await.unwrap();
    // Who reads waits for this, but not for long, whatever the machine has to do beside.
    store.partition().remove_expired(&february(), None).await.unwrap();
    assert_eq!(rows_of(&store, "entities").await, 0);
    let everything = SourceQuery::of_types(vec![type_name(0)]);
    assert_eq!(store.prepare(&everything).count(&call()).await.unwrap().entities, 0);
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer_that_is_busy_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let expiring = expiring_in_january(site("gone"));
    store.create(expiring, &anybody, january(), &call()).await.unwrap();
    let busy = database_of(store.partition().backend()).for_upkeep().await.unwrap();
    let everything = SourceQuery::of_types(vec![type_name(0)]);
    // It is still there, and would not be answered at all if the removal were waited for.
    let soon = Call {
        deadline: Instant::now() + Duration::from_secs(20),
        ..call()
    };
    assert_eq!(store.prepare(&everything).count(&soon).await.unwrap().entities, 1);
    drop(busy);
    store.partition().note_expiry(i64::MIN);
    assert_eq!(store.prepare(&everything).count(&call()).await.unwrap().entities, 0);
}

/// Runs statements on the file of a partition.
async fn run(store: &StoreAdapter, statements: &'static str) {
    let mut connection = database_of(store.partition().backend()).for_upkeep().await.unwrap();
    sqlx::raw_sql(statements).execute(&mut *connection).await.unwrap();
}

/// Has every write of values fail as on a full disk: SQLite ends the transaction by itself.
const BREAK: &str =
    "CREATE TRIGGER broken BEFORE INSERT ON attribute_values BEGIN SELECT RAISE(ROLLBACK, 'broken'); END";

#[tokio::test]
async fn after_an_error_with_which_sqlite_ends_the_transaction_the_next_write_works() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    run(&store, BREAK).await;
    let refused = store.create(site("first"), &anybody, january(), &call()).await;
    assert!(
        matches!(refused, Err(NotWritten::Failed(WriteError::Source(_)))),
        "{refused:?}"
    );
    let refused = store.partition().load([site("first")], january()).await;
    assert!(refused.is_err(), "{refused:?}");
    run(&store, "DROP TRIGGER broken").await;
    store
        .create(site("second"), &anybody, january(), &call())
        .await
        .unwrap();
    let found = held(&store).await.unwrap();
    assert_eq!(value_of(&found), &AttributeValue::Property(Value::from("second")));
}

#[tokio::test]
async fn an_error_in_the_midst_of_a_load_leaves_nothing_of_it_and_the_next_works() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    run(
        &store,
        "CREATE TRIGGER broken BEFORE INSERT ON attribute_values WHEN NEW.text = 'third'
         BEGIN SELECT RAISE(ROLLBACK, 'broken'); END",
    )
    .await;
    let many = || {
        ["first", "second", "third", "fourth"].map(|text| {
            let mut entity = site(text);
            entity.id = EntityId::parse(&format!("urn:a:{text}")).unwrap();
            entity
        })
    };
    assert!(store.partition().load(many(), january()).await.is_err());
    assert_eq!(rows_of(&store, "entities").await, 0);
    assert_eq!(rows_of(&store, "names").await, 0);
    run(&store, "DROP TRIGGER broken").await;
    let loaded = store.partition().load(many(), january()).await.unwrap();
    assert_eq!(loaded.created, 4);
    let everything = SourceQuery::of_types(vec![type_name(0)]);
    assert_eq!(store.prepare(&everything).count(&call()).await.unwrap().entities, 4);
}

#[tokio::test]
async fn a_write_that_is_given_up_in_the_midst_leaves_nothing_and_the_next_works() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    // So long that no deadline of a test comes later.
    run(
        &store,
        "CREATE TRIGGER slow BEFORE INSERT ON attribute_values BEGIN
         INSERT INTO names (key, name) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000)
         SELECT 1000, max(i) FROM n; END",
    )
    .await;
    let soon = Call {
        deadline: Instant::now() + Duration::from_millis(100),
        ..call()
    };
    let late = store.create(site("late"), &anybody, january(), &soon).await;
    let Err(NotWritten::Failed(WriteError::Source(error))) = late else {
        panic!("{late:?}");
    };
    assert_eq!(error.kind, ErrorKind::Timeout);
    run(&store, "DROP TRIGGER slow").await;
    store.create(site("next"), &anybody, january(), &call()).await.unwrap();
    let found = held(&store).await.unwrap();
    assert_eq!(value_of(&found), &AttributeValue::Property(Value::from("next")));
    assert!(store.trouble().is_none());
}

#[tokio::test]
async fn what_is_refused_costs_no_new_connection() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let mut prepared = Vec::new();
    for _ in 0..3 {
        let may_change = |_: &Entity| true;
        store.put(site("put"), &may_change, february(), &call()).await.unwrap();
        store.put(site("put"), &may_change, february(), &call()).await.unwrap();
        let again = store.create(site("again"), &anybody, february(), &call()).await;
        assert!(matches!(again, Err(NotWritten::AlreadyExists)), "{again:?}");
        prepared.push(prepared_statements(&store).await);
    }
    // A new connection would have fewer.
    assert!(
        prepared[0] > 10 && prepared.iter().all(|count| *count == prepared[0]),
        "{prepared:?}"
    );
}

/// How many statements the connection that writes has prepared.
async fn prepared_statements(store: &StoreAdapter) -> usize {
    let connection = database_of(store.partition().backend()).for_upkeep().await.unwrap();
    sqlx::Connection::cached_statements_size(&*connection)
}

#[tokio::test]
async fn what_is_written_as_it_was_keeps_its_date_and_what_is_in_it_has_one_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let with = |first: &str, second: &str, inner: Option<&str>| {
        let instance = |text: &str| Instance::new(AttributeValue::Property(Value::from(text)));
        let mut entity = site(first);
        entity.attributes.push(Attribute::new(name(1), instance(second)));
        let inner = inner.map(|inner| Attribute::new(name(2), instance(inner)));
        entity.attributes[0].instances[0].sub_attributes.extend(inner);
        entity
    };
    let day = |number: u8| DateTime::parse(&format!("2026-01-{number:02}T00:00:00Z")).unwrap();
    let modified = |entity: &Entity| {
        let of = |instance: &Instance| instance.system.modified_at().cloned();
        let inner = entity.attributes[0].instances[0].sub_attributes.first();
        [
            entity.system.modified_at().cloned(),
            of(&entity.attributes[0].instances[0]),
            entity
                .attributes
                .get(1)
                .and_then(|attribute| of(&attribute.instances[0])),
            inner.and_then(|inner| of(&inner.instances[0])),
        ]
    };
    let mut reordered = with("a", "b", Some("c"));
    reordered.system.dates_mut().modified_at = Some(day(31));
    for (number, entity, days) in [
        (1, with("a", "b", Some("c")), [1, 1, 1, 1]),
        (2, reordered, [1, 1, 1, 1]),
        (3, with("a", "B", Some("c")), [3, 1, 3, 1]),
        (4, with("a", "B", Some("C")), [4, 1, 3, 4]),
        (5, with("A", "B", Some("C")), [5, 5, 3, 4]),
        (6, with("A", "B", None), [6, 5, 3, 0]),
        (7, site("A"), [7, 5, 0, 0]),
        (8, with("A", "B", None), [8, 5, 8, 0]),
    ] {
        store.put(entity, &anybody, day(number), &call()).await.unwrap();
        let found = held(&store).await.unwrap();
        let days = days.map(|number| (number > 0).then(|| day(number)));
        assert_eq!(modified(&found), days, "day {number}");
    }
}
