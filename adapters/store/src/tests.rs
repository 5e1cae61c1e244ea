use std::time::{Duration, Instant};

use futures::TryStreamExt;
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Instance, Value};
use ngsi_ld::query::{Query, TypeSelection};
use ngsi_ld::{Entity, EntityId};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tempfile::TempDir;

use super::backend::sql::Statement;
use super::samples::{entities, name, queries, type_name};
use super::{Loaded, StoreAdapter, StoreError, StoreOptions, StorePartition};
use kakehashi_contract::{
    Adapter, AttributeSelection, Call, Coverage, ErrorKind, Page, SourceId, SourceQuery, Yielded, entities_of,
};

fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(30))
}

fn date(text: &str) -> DateTime {
    DateTime::parse(text).unwrap()
}

fn january() -> DateTime {
    date("2026-01-01T00:00:00Z")
}

fn february() -> DateTime {
    date("2026-02-01T00:00:00.5Z")
}

async fn open(folder: &TempDir) -> StorePartition {
    StorePartition::open(folder.path(), "yaita", StoreOptions::default())
        .await
        .unwrap()
}

async fn store_of(entities: Vec<Entity>) -> (TempDir, StoreAdapter) {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(&folder).await;
    partition.load(entities, january()).await.unwrap();
    (folder, StoreAdapter::new(SourceId::new("store"), partition))
}

fn site(id: &str, text: &str) -> Entity {
    let mut entity = Entity::new(EntityId::parse(id).unwrap(), type_name(0));
    let instance = Instance::new(AttributeValue::Property(Value::from(text)));
    entity.attributes.push(Attribute::new(name(0), instance));
    entity
}

fn of_id(id: &str) -> SourceQuery {
    SourceQuery {
        ids: vec![EntityId::parse(id).unwrap()],
        system_attributes: true,
        ..SourceQuery::of_types(vec![type_name(0)])
    }
}

async fn ask(adapter: &StoreAdapter, query: &SourceQuery) -> Vec<Entity> {
    entities_of(adapter.prepare(query).query(None, &call()))
        .try_collect()
        .await
        .unwrap()
}

async fn page_of(adapter: &StoreAdapter, query: &SourceQuery, page: Page) -> Vec<Entity> {
    let listed = adapter.prepare(query).query(Some(page), &call());
    entities_of(listed).try_collect().await.unwrap()
}

async fn retrieve(adapter: &StoreAdapter, id: &str) -> Option<Entity> {
    retrieve_by(adapter, &of_id(id)).await
}

async fn retrieve_by(adapter: &StoreAdapter, query: &SourceQuery) -> Option<Entity> {
    let found = adapter.prepare(query).retrieve(&call()).await.unwrap();
    found.and_then(Yielded::entity)
}

/// The query as the evaluator takes it, without the conditions that the source has decided.
fn residual(query: &SourceQuery, decided: Option<kakehashi_contract::PushDown>) -> Query {
    let remains = |coverage: fn(&kakehashi_contract::PushDown) -> Coverage| {
        decided
            .as_ref()
            .is_none_or(|decided| coverage(decided) != Coverage::Exact)
    };
    let types = query.types.iter().cloned().map(TypeSelection::Type).collect();
    Query {
        types: remains(|decided| decided.selection).then_some(TypeSelection::Any(types)),
        ids: if remains(|decided| decided.selection) {
            query.ids.clone()
        } else {
            Vec::new()
        },
        id_pattern: query
            .id_pattern
            .clone()
            .filter(|_| remains(|decided| decided.id_pattern)),
        attributes: if remains(|decided| decided.any_attribute) {
            query.any_attribute.clone()
        } else {
            Vec::new()
        },
        filter: query
            .filter
            .as_deref()
            .cloned()
            .filter(|_| remains(|decided| decided.filter)),
        geo: query.geo.as_deref().cloned().filter(|_| remains(|decided| decided.geo)),
        scope: query
            .scope
            .as_deref()
            .cloned()
            .filter(|_| remains(|decided| decided.scope)),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// One store serves many queries: opening it is what takes time.
    #[test]
    //= 5.7.2.4-9
    fn push_down_and_residual_equal_evaluating_everything(
        stored in prop::collection::vec(entities(), 1..40),
        asked in prop::collection::vec(queries(), 40),
    ) {
        runtime().block_on(async {
            let (_folder, adapter) = store_of(stored).await;
            let everything = SourceQuery {
                system_attributes: true,
                ..SourceQuery::of_types(vec![type_name(0), type_name(1), type_name(2)])
            };
            let all = ask(&adapter, &everything).await;
            for query in asked {
                let decided = adapter.prepare(&query).push_down();
                let rest = residual(&query, Some(decided));
                let whole = residual(&query, None);
                let candidates = ask(&adapter, &query).await;
                let found: Vec<&Entity> = candidates.iter().filter(|entity| rest.matches(entity)).collect();
                let expected: Vec<&Entity> = all.iter().filter(|entity| whole.matches(entity)).collect();
                prop_assert_eq!(&found, &expected, "{:?} decides {:?}", &query, decided);
                if decided.is_exact() {
                    let count = adapter.prepare(&query).count(&call()).await.unwrap().entities;
                    prop_assert_eq!(usize::try_from(count).unwrap(), expected.len());
                    let listed = page_of(&adapter, &query, Page { limit: 3, offset: 1 }).await;
                    let expected: Vec<Entity> = expected.into_iter().skip(1).take(3).cloned().collect();
                    prop_assert_eq!(listed, expected, "{:?}", &query);
                }
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}

#[tokio::test]
async fn what_is_loaded_comes_back_also_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(&folder).await;
    let loaded = partition
        .load([site("urn:避難所:1", "佐野"), site("urn:避難所:2", "矢板")], january())
        .await
        .unwrap();
    assert_eq!(
        loaded,
        Loaded {
            created: 2,
            ..Loaded::default()
        }
    );
    partition.close().await;
    let adapter = StoreAdapter::new(SourceId::new("store"), open(&folder).await);
    let found = retrieve(&adapter, "urn:避難所:2").await.unwrap();
    assert_eq!(
        found.attributes[0].instances[0].value,
        AttributeValue::Property("矢板".into())
    );
    assert_eq!(found.system.modified_at(), Some(&january()));
    assert_eq!(retrieve(&adapter, "urn:避難所:3").await, None);
}

#[tokio::test]
//= 5.6.2.4-8
async fn a_replacement_keeps_the_dates_of_creation_and_nothing_else() {
    let (_folder, adapter) = store_of(vec![site("urn:x:1", "old")]).await;
    let mut replacement = site("urn:x:1", "new");
    replacement.attributes.push(Attribute::new(
        name(1),
        Instance::new(AttributeValue::Property(true.into())),
    ));
    replacement.system.dates_mut().created_at = Some(date("1999-01-01T00:00:00Z"));
    let loaded = adapter.partition().load([replacement], february()).await.unwrap();
    assert_eq!(
        loaded,
        Loaded {
            replaced: 1,
            ..Loaded::default()
        }
    );

    let found = retrieve(&adapter, "urn:x:1").await.unwrap();
    let dates = found.system.dates().unwrap();
    assert_eq!(
        (dates.created_at.clone(), dates.modified_at.clone()),
        (Some(january()), Some(february()))
    );
    let created = |position: usize| {
        let attribute = found.attribute(&name(position)).unwrap();
        attribute.instances[0].system.dates().unwrap().created_at.clone()
    };
    assert_eq!((created(0), created(1)), (Some(january()), Some(february())));

    let old_value = SourceQuery {
        filter: Some(equals(0, "old").into()),
        ..SourceQuery::of_types(vec![type_name(0)])
    };
    assert_eq!(ask(&adapter, &old_value).await, vec![]);
}

fn equals(position: usize, text: &str) -> ngsi_ld::query::Expression {
    use ngsi_ld::query::{AttributePath, Comparand, Comparison, Condition, Expression};
    Expression::Condition(Condition {
        path: AttributePath {
            attribute: name(position),
            sub_attributes: Vec::new(),
            members: Vec::new(),
            linked: None,
        },
        comparison: Some(Comparison::Equal {
            negated: false,
            values: vec![Comparand::String(text.into())],
        }),
    })
}

#[tokio::test]
async fn a_deleted_entity_is_gone_from_every_answer() {
    let (_folder, adapter) = store_of(vec![site("urn:x:1", "a"), site("urn:x:2", "a")]).await;
    let id = EntityId::parse("urn:x:1").unwrap();
    assert!(adapter.partition().delete(&id).await.unwrap());
    assert!(!adapter.partition().delete(&id).await.unwrap());
    assert_eq!(retrieve(&adapter, "urn:x:1").await, None);
    let query = SourceQuery {
        filter: Some(equals(0, "a").into()),
        ..SourceQuery::of_types(vec![type_name(0)])
    };
    assert_eq!(adapter.prepare(&query).count(&call()).await.unwrap().entities, 1);
}

#[tokio::test]
async fn a_load_that_fails_changes_nothing() {
    let (_folder, adapter) = store_of(vec![site("urn:x:1", "a")]).await;
    let mut too_deep = Attribute::new(name(0), Instance::new(AttributeValue::Property(true.into())));
    for _ in 0..super::body::MAX_DEPTH {
        let mut outer = Instance::new(AttributeValue::Property(true.into()));
        outer.sub_attributes.push(too_deep);
        too_deep = Attribute::new(name(0), outer);
    }
    let mut broken = site("urn:x:3", "c");
    broken.attributes = vec![too_deep];
    let error = adapter
        .partition()
        .load([site("urn:x:2", "b"), broken], january())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Entity { position: 2, .. }), "{error}");
    assert_eq!(retrieve(&adapter, "urn:x:2").await, None);
    assert!(retrieve(&adapter, "urn:x:1").await.is_some());
    // The names of the failed load were given up as well, and can be given again.
    adapter
        .partition()
        .load([site("urn:x:2", "b")], january())
        .await
        .unwrap();
    assert!(retrieve(&adapter, "urn:x:2").await.is_some());
}

#[tokio::test]
async fn a_reader_learns_the_names_that_another_process_has_added() {
    let folder = tempfile::tempdir().unwrap();
    let reading = StoreAdapter::new(SourceId::new("store"), open(&folder).await);
    let other = open(&folder).await;
    other.load([site("urn:x:1", "a")], january()).await.unwrap();
    assert!(retrieve(&reading, "urn:x:1").await.is_some());
    let mut entity = site("urn:x:2", "b");
    entity.types.push(type_name(2));
    other.load([entity], january()).await.unwrap();
    assert_eq!(ask(&reading, &SourceQuery::of_types(vec![type_name(0)])).await.len(), 2);
}

#[tokio::test]
async fn only_what_was_asked_for_comes_back() {
    let mut entity = site("urn:x:1", "a");
    entity.attributes.push(Attribute::new(
        name(1),
        Instance::new(AttributeValue::Property("hidden".into())),
    ));
    let (_folder, adapter) = store_of(vec![entity]).await;
    let mut query = SourceQuery {
        attributes: AttributeSelection::only(vec![name(0)]),
        system_attributes: false,
        ..of_id("urn:x:1")
    };
    let found = retrieve_by(&adapter, &query).await.unwrap();
    assert!(found.attribute(&name(0)).is_some() && found.attribute(&name(1)).is_none());
    assert_eq!(found.system.dates(), None);
    query.attributes = AttributeSelection::only(Vec::new());
    let bare = retrieve_by(&adapter, &query).await.unwrap();
    assert!(bare.attributes.is_empty());
    query.types = vec![type_name(1)];
    assert_eq!(adapter.prepare(&query).retrieve(&call()).await.unwrap(), None);
    query.types = Vec::new();
    assert_eq!(adapter.prepare(&query).retrieve(&call()).await.unwrap(), None);
}

#[tokio::test]
async fn pages_visit_every_entity_once_in_the_order_of_ids() {
    let entities = (0..50)
        .rev()
        .map(|number| site(&format!("urn:x:{number:02}"), "a"))
        .collect();
    let (_folder, adapter) = store_of(entities).await;
    let mut seen = Vec::new();
    for offset in (0..56).step_by(7) {
        let query = SourceQuery::of_types(vec![type_name(0)]);
        let page = page_of(&adapter, &query, Page { limit: 7, offset }).await;
        seen.extend(page.into_iter().map(|entity| entity.id));
    }
    let expected: Vec<_> = (0..50)
        .map(|number| EntityId::parse(&format!("urn:x:{number:02}")).unwrap())
        .collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn an_entity_of_two_types_stands_on_one_page_once() {
    let mut entity = site("urn:x:1", "a");
    entity.types.push(type_name(1));
    let (_folder, adapter) = store_of(vec![entity]).await;
    let query = SourceQuery::of_types(vec![type_name(0), type_name(1)]);
    let second = Page { limit: 3, offset: 1 };
    assert_eq!(page_of(&adapter, &query, second).await, vec![]);
}

#[tokio::test]
async fn a_passed_deadline_is_a_timeout() {
    let (_folder, adapter) = store_of(vec![site("urn:x:1", "a")]).await;
    let late = Call::until(Instant::now());
    let query = SourceQuery::of_types(vec![type_name(0)]);
    let listed: Result<Vec<_>, _> = adapter.prepare(&query).query(None, &late).try_collect().await;
    assert_eq!(listed.unwrap_err().kind, ErrorKind::Timeout);
    assert_eq!(
        adapter.prepare(&query).count(&late).await.unwrap_err().kind,
        ErrorKind::Timeout
    );
    assert_eq!(ask(&adapter, &query).await.len(), 1);
}

#[tokio::test]
async fn a_statement_under_way_is_interrupted_at_the_deadline() {
    let (_folder, adapter) = store_of(Vec::new()).await;
    let deadline = Instant::now() + Duration::from_millis(500);
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    let late = Call::until(deadline);
    let reading = adapter.partition().read_apart(&late, move |selecting, names| {
        selecting.number(&Statement::text(endless), names).map(drop)
    });
    let outcome = reading.await;
    assert!(matches!(outcome.unwrap_err(), StoreError::Timeout));
}

#[tokio::test]
async fn streams_that_are_dropped_give_their_connections_back() {
    let entities = (0..500)
        .map(|number| site(&format!("urn:x:{number:03}"), "a"))
        .collect();
    let (_folder, adapter) = store_of(entities).await;
    let query = SourceQuery::of_types(vec![type_name(0)]);
    for _ in 0..20 {
        let mut stream = adapter.prepare(&query).query(None, &call());
        assert!(stream.try_next().await.unwrap().is_some());
    }
    assert_eq!(ask(&adapter, &query).await.len(), 500);
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("yaita.db"),
        "this is no database, but longer than a header ".repeat(20),
    )
    .unwrap();
    let opened = StorePartition::open(folder.path(), "yaita", StoreOptions::default()).await;
    assert!(opened.unwrap_err().to_string().contains("not a database"));
    for tenant in ["", "../yaita", "a/b", "Yaita", "矢板", ".hidden", &"a".repeat(65)] {
        let opened = StorePartition::open(folder.path(), tenant, StoreOptions::default()).await;
        assert!(matches!(opened.unwrap_err(), StoreError::TenantName(_)), "{tenant}");
    }
}

async fn stamp(folder: &TempDir, statement: &'static str) {
    use sqlx::Connection;
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("yaita.db"))
        .create_if_missing(true);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn files_of_other_programs_and_of_later_versions_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    stamp(&folder, "CREATE TABLE theirs (x)").await;
    let opened = StorePartition::open(folder.path(), "yaita", StoreOptions::default()).await;
    assert!(matches!(opened.unwrap_err(), StoreError::NotAStore));

    let folder = tempfile::tempdir().unwrap();
    open(&folder).await.close().await;
    stamp(&folder, "PRAGMA user_version = 99").await;
    let opened = StorePartition::open(folder.path(), "yaita", StoreOptions::default()).await;
    assert!(matches!(
        opened.unwrap_err(),
        StoreError::NewerVersion { found: 99, .. }
    ));
}

#[tokio::test]
async fn scopes_of_an_earlier_versions_entities_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(&folder).await;
    let scopes = ["/栃木県/佐野市", "/栃木県", "/disaster"];
    let entities = (0..2_500).map(|number| {
        let id = EntityId::parse(&format!("urn:x:{number:04}")).unwrap();
        let mut entity = Entity::new(id, type_name(0));
        entity.scopes.push(scopes[number % scopes.len()].into());
        entity
    });
    let now = DateTime::parse("2026-01-01T00:00:00Z").unwrap();
    partition.load(entities, now).await.unwrap();
    partition.close().await;
    stamp(
        &folder,
        "DROP TABLE entity_scopes; DROP TABLE outbox; DROP TABLE outbox_lost; DROP TRIGGER an_entity_more;
         DROP TRIGGER an_entity_less; DROP TRIGGER of_a_type_more; DROP TRIGGER of_a_type_less;
         DROP TABLE id_blocks; DROP TABLE type_blocks; PRAGMA user_version = 3",
    )
    .await;

    let adapter = StoreAdapter::new(SourceId::new("store"), open(&folder).await);
    for (scope, count) in [
        ("/栃木県/#", 1_667),
        ("/栃木県", 833),
        ("/disaster", 833),
        ("/#", 2_500),
        ("/x", 0),
    ] {
        let query = SourceQuery {
            scope: Some(ngsi_ld::query::ScopeQuery::parse(scope).unwrap().into()),
            ..SourceQuery::of_types(vec![type_name(0)])
        };
        assert!(adapter.prepare(&query).push_down().is_exact());
        assert_eq!(
            adapter.prepare(&query).count(&call()).await.unwrap().entities,
            count,
            "{scope}"
        );
    }
}
