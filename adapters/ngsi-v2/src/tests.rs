//! The adapter against a stand-in for Orion: what it asks, and what it makes of Orion's habits.

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use ngsi_ld::query::{Expression, GeoQuery};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};
use stand_ins::Orion;

use super::*;
use kakehashi_client::HttpClientSettings;
use kakehashi_contract::entities_of;
use kakehashi_contract::{AdapterError, AttributeSelection, Call, Coverage, ErrorKind, Page};

const TYPES: [&str; 3] = ["Room", "Hall", "Resident"];

pub(super) fn settings(orion: &Orion) -> NgsiV2Settings {
    NgsiV2Settings {
        source: SourceId::new("orion"),
        endpoint: orion.url().to_owned(),
        fiware_service: Some("city".to_owned()),
        fiware_servicepath: EVERY_SERVICE_PATH.to_owned(),
        types: TYPES
            .iter()
            .map(|short| ProvidedType {
                name: type_name(short),
                short: (*short).into(),
            })
            .collect(),
        context: Arc::clone(Context::core()),
        ids_repeat: IdsRepeat::No,
        object_types: Vec::new(),
        scope_from_servicepath: false,
    }
}

pub(super) fn adapter(settings: NgsiV2Settings) -> NgsiV2Adapter {
    let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
    NgsiV2Adapter::new(http, settings, None, SourceLimits::default()).unwrap()
}

/// An Orion with these entities in the path `/`, and its adapter.
pub(super) async fn with(entities: &str) -> (Orion, NgsiV2Adapter) {
    let orion = Orion::start().await.unwrap();
    orion.load("city", "/", entities).unwrap();
    let adapter = adapter(settings(&orion));
    (orion, adapter)
}

pub(super) fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(20))
}

pub(super) fn type_name(short: &str) -> TypeName {
    Context::core().expand_type(short).unwrap()
}

pub(super) fn attribute(short: &str) -> AttributeName {
    Context::core().expand_attribute(short).unwrap()
}

pub(super) fn of_types(types: &[&str]) -> SourceQuery {
    SourceQuery::of_types(types.iter().map(|short| type_name(short)).collect())
}

pub(super) fn of_id(id: &str, types: &[&str]) -> SourceQuery {
    SourceQuery {
        ids: vec![EntityId::parse(id).unwrap()],
        ..of_types(types)
    }
}

pub(super) async fn all(adapter: &NgsiV2Adapter, query: &SourceQuery) -> Result<Vec<Entity>, AdapterError> {
    entities_of(adapter.prepare(query).query(None, &call()))
        .try_collect()
        .await
}

pub(super) async fn page_of(adapter: &NgsiV2Adapter, query: &SourceQuery, page: Page) -> Vec<String> {
    let page = adapter.prepare(query).query(Some(page), &call());
    let entities: Vec<Entity> = entities_of(page).try_collect().await.unwrap();
    entities.iter().map(|entity| entity.id.as_str().to_owned()).collect()
}

async fn retrieved(adapter: &NgsiV2Adapter, query: &SourceQuery) -> Option<Entity> {
    let found = adapter.prepare(query).retrieve(&call()).await.unwrap();
    found.map(|found| found.entity().unwrap())
}

pub(super) async fn counted(adapter: &NgsiV2Adapter, query: &SourceQuery) -> u64 {
    adapter.prepare(query).count(&call()).await.unwrap().entities
}

pub(super) async fn ids(adapter: &NgsiV2Adapter, query: &SourceQuery) -> Vec<String> {
    let entities = all(adapter, query).await.unwrap();
    entities.iter().map(|entity| entity.id.as_str().to_owned()).collect()
}

/// A parameter of the only request so far.
fn asked(orion: &Orion, parameter: &str) -> Option<String> {
    let requests = orion.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/v2/entities");
    orion.clear_requests();
    requests[0].parameter(parameter)
}

#[tokio::test]
async fn types_and_attributes_are_always_sent_also_for_a_retrieve() {
    let (orion, adapter) = with(r#"[{"id":"urn:x:1","type":"Room","a":{"value":1},"b":{"value":2}}]"#).await;
    let with_attributes = |names: &[&str]| SourceQuery {
        attributes: AttributeSelection::only(names.iter().map(|short| attribute(short))),
        ..of_id("urn:x:1", &["Room", "Hall"])
    };
    for (names, sent) in [
        (&["a", "b"][..], "a,b"),
        (&["a%2Db"], "a-b"),
        (&[], "dateModified"),
        (&["https://example.org/a"], "dateModified"),
    ] {
        adapter
            .prepare(&with_attributes(names))
            .retrieve(&call())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(asked(&orion, "attrs").as_deref(), Some(sent));
        ids(&adapter, &with_attributes(names)).await;
        assert_eq!(asked(&orion, "attrs").as_deref(), Some(sent));
    }
    adapter
        .prepare(&with_attributes(&["a"]))
        .retrieve(&call())
        .await
        .unwrap();
    assert_eq!(asked(&orion, "type").as_deref(), Some("Room,Hall"));
    counted(&adapter, &of_types(&["Hall"])).await;
    assert_eq!(asked(&orion, "type").as_deref(), Some("Hall"));
}

#[tokio::test]
async fn what_the_source_does_not_provide_is_not_asked_for() {
    let (orion, adapter) = with("[]").await;
    assert_eq!(ids(&adapter, &of_types(&["Secret"])).await, [""; 0]);
    assert_eq!(counted(&adapter, &of_types(&["Secret"])).await, 0);
    assert_eq!(
        adapter
            .prepare(&of_id("urn:x:(1)", &["Room"]))
            .retrieve(&call())
            .await
            .unwrap(),
        None
    );
    assert!(orion.requests().is_empty());
}

#[tokio::test]
async fn every_request_names_the_service_of_the_configuration() {
    let (orion, adapter) = with("[]").await;
    ids(&adapter, &of_types(&["Room"])).await;
    let request = &orion.requests()[0];
    assert_eq!(request.header("fiware-service"), Some("city"));
    assert_eq!(request.header("fiware-servicepath"), Some("/#"));
    assert_eq!(request.header("accept"), Some("application/json"));
}

#[tokio::test]
async fn what_a_list_shows_can_be_read_by_its_id() {
    let (_orion, adapter) = with(
        r#"[{"id":"Room9","type":"Room"},{"id":"Room9","type":"Hall"},{"id":"a,b","type":"Room"},{"id":"urn:x:a,b","type":"Room"},{"id":"50%:x","type":"Hall"}]"#,
    )
    .await;
    let listed = ids(&adapter, &of_types(&TYPES)).await;
    assert_eq!(
        listed,
        [
            "urn:ngsi-ld:Room:Room9",
            "urn:ngsi-ld:Hall:Room9",
            "urn:ngsi-ld:Room:a%2Cb",
            "urn:x:a,b",
            "urn:ngsi-ld:Hall:50%25%3Ax"
        ]
    );
    for id in &listed {
        let found = retrieved(&adapter, &of_id(id, &TYPES)).await;
        assert_eq!(found.map(|entity| entity.id.as_str().to_owned()).as_ref(), Some(id));
        assert_eq!(ids(&adapter, &of_id(id, &TYPES)).await, std::slice::from_ref(id));
    }
    // The same id of a type that may not be asked for.
    let hidden = of_id("urn:ngsi-ld:Hall:Room9", &["Room"]);
    assert_eq!(adapter.prepare(&hidden).retrieve(&call()).await.unwrap(), None);
}

#[tokio::test]
async fn one_id_in_several_paths_and_types_is_one_entity() {
    // Which of the two is newer their own dates say, not when they were loaded.
    let a = |value: u8| {
        let day = 10 - value;
        format!(
            r#""a":{{"value":{value},"metadata":{{"TimeInstant":{{"type":"DateTime","value":"2026-01-0{day}T00:00:00Z"}}}}}}"#
        )
    };
    let (orion, adapter) = with(&format!(r#"[{{"id":"urn:x:1","type":"Room",{}}}]"#, a(1))).await;
    let more = &format!(r#"[{{"id":"urn:x:1","type":"Room",{},"b":{{"value":2}}}}]"#, a(2));
    orion.load("city", "/second", more).unwrap();
    orion
        .load("city", "/", r#"[{"id":"urn:x:1","type":"Hall","c":{"value":3}}]"#)
        .unwrap();
    let check = |entity: &Entity| {
        assert_eq!(entity.types.as_slice(), [type_name("Room"), type_name("Hall")]);
        let mut names: Vec<_> = entity
            .attributes
            .iter()
            .map(|attribute| attribute.name.clone())
            .collect();
        names.sort();
        assert_eq!(names, [attribute("a"), attribute("b"), attribute("c")]);
        let first = &entity.attribute(&attribute("a")).unwrap().instances[0].value;
        let one = ngsi_ld::entity::Value::Number(1_i64.into());
        assert_eq!(*first, ngsi_ld::entity::AttributeValue::Property(one));
    };
    check(&retrieved(&adapter, &of_id("urn:x:1", &TYPES)).await.unwrap());
    for ids_repeat in [IdsRepeat::No, IdsRepeat::Yes, IdsRepeat::FindOut] {
        let adapter = super::tests::adapter(NgsiV2Settings {
            ids_repeat,
            ..settings(&orion)
        });
        let query = of_types(&TYPES);
        let entities = all(&adapter, &query).await.unwrap();
        assert_eq!(entities.len(), 1);
        check(&entities[0]);
        let is_exact = adapter.prepare(&query).push_down().is_exact();
        assert_eq!(is_exact, ids_repeat == IdsRepeat::No);
    }
}

#[tokio::test]
async fn more_than_orion_sends_at_once_are_several_requests() {
    let many: Vec<String> = (0..2_345)
        .map(|number| format!(r#"{{"id":"urn:x:{number}","type":"Room"}}"#))
        .collect();
    let (orion, adapter) = with(&format!("[{}]", many.join(","))).await;
    let query = of_types(&["Room"]);
    let whole = ids(&adapter, &query).await;
    assert_eq!(whole.len(), 2_345);
    assert_eq!(whole.iter().collect::<std::collections::HashSet<_>>().len(), 2_345);
    assert_eq!(orion.requests().len(), 3);
    assert_eq!(counted(&adapter, &query).await, 2_345);
    for (limit, offset) in [(1_500, 0), (1_500, 1_000), (20, 40), (2_000, 345)] {
        let expected: Vec<_> = whole.iter().skip(offset).take(limit).cloned().collect();
        let page = page_of(&adapter, &query, Page { limit, offset }).await;
        assert_eq!(page, expected, "{limit} {offset}");
    }
}

#[tokio::test]
async fn no_page_is_asked_for_that_the_total_says_is_empty() {
    for (there_are, requests) in [(1_000, 1), (1_001, 2)] {
        let many: Vec<String> = (0..there_are)
            .map(|number| format!(r#"{{"id":"urn:x:{number}","type":"Room"}}"#))
            .collect();
        let (orion, adapter) = with(&format!("[{}]", many.join(","))).await;
        let one_more_than_a_page = Page {
            limit: 1_001,
            offset: 0,
        };
        let found = page_of(&adapter, &of_types(&["Room"]), one_more_than_a_page).await;
        assert_eq!(found.len(), there_are);
        assert_eq!(orion.requests().len(), requests, "{there_are}");
    }
}

#[tokio::test]
async fn an_entity_that_a_later_page_repeats_is_skipped() {
    let many: Vec<String> = (0..1_200)
        .map(|number| format!(r#"{{"id":"urn:x:{number}","type":"Room"}}"#))
        .collect();
    let (orion, adapter) = with(&format!("[{}]", many.join(","))).await;
    orion.load("city", "/second", &format!("[{}]", many[3])).unwrap();
    let whole = ids(&adapter, &of_types(&["Room"])).await;
    assert_eq!(whole.len(), 1_200);
    assert_eq!(whole.iter().filter(|id| *id == "urn:x:3").count(), 1);
}

#[tokio::test]
async fn a_number_that_orion_rounds_is_found_by_what_it_shows() {
    let (_orion, adapter) = with(r#"[{"id":"urn:x:1","type":"Room","pi":{"value":3.14159265358979}}]"#).await;
    let shown = ids(&adapter, &of_types(&["Room"])).await;
    for text in [
        "pi==3.141592654",
        "pi>=3.141592654",
        "pi==3..3.141592654",
        "pi>3.1415926535",
        "pi!=3.14159265358979",
    ] {
        let filter = Expression::parse(text, Context::core()).unwrap();
        let query = SourceQuery {
            filter: Some(filter.clone().into()),
            ..of_types(&["Room"])
        };
        let entities = all(&adapter, &query).await.unwrap();
        assert_eq!(entities.len(), shown.len(), "{text}");
        assert!(filter.matches(&entities[0]), "{text}");
    }
}

#[tokio::test]
async fn near_is_never_counted_by_orion() {
    let orion = Orion::builder().with_near_count_quirk().start().await.unwrap();
    let rooms: Vec<String> = (0..5)
        .map(|n| {
            format!(r#"{{"id":"urn:x:{n}","type":"Room","location":{{"type":"geo:point","value":"36.{n},139.0"}}}}"#)
        })
        .collect();
    orion.load("city", "/", &format!("[{}]", rooms.join(","))).unwrap();
    let adapter = adapter(settings(&orion));
    let near = GeoQuery::parse("near;maxDistance==80000", "Point", "[139,36]", None, Context::core()).unwrap();
    let query = SourceQuery {
        geo: Some(near.into()),
        ..of_types(&["Room"])
    };
    assert_eq!(adapter.prepare(&query).push_down().geo, Coverage::Narrows);
    assert_eq!(counted(&adapter, &query).await, 5);
    assert!(
        orion
            .requests()
            .iter()
            .all(|request| request.parameter("options").is_none())
    );
    assert_eq!(
        orion.requests()[0].parameter("georel").as_deref(),
        Some("near;maxDistance:81050")
    );
}

#[tokio::test]
async fn filters_in_japanese_reach_orion() {
    let (orion, adapter) = with(r#"[{"id":"urn:x:1","type":"Room","name":{"value":"避難所"}},{"id":"urn:x:2","type":"Room","name":{"value":"公園"}}]"#).await;
    let query = SourceQuery {
        filter: Some(Expression::parse("name==\"避難所\"", Context::core()).unwrap().into()),
        ..of_types(&["Room"])
    };
    assert_eq!(ids(&adapter, &query).await, ["urn:x:1"]);
    assert_eq!(asked(&orion, "q").as_deref(), Some("name=='避難所'"));
}

#[tokio::test]
async fn system_attributes_are_asked_for_on_demand() {
    let (orion, adapter) = with(r#"[{"id":"urn:x:1","type":"Room","a":{"value":1}}]"#).await;
    let query = SourceQuery {
        system_attributes: true,
        ..of_id("urn:x:1", &["Room"])
    };
    let entity = retrieved(&adapter, &query).await.unwrap();
    let dates = entity.system.dates().unwrap();
    assert!(dates.created_at.is_some() && dates.modified_at.is_some());
    assert!(entity.attributes[0].instances[0].system.modified_at().is_some());
    assert_eq!(
        asked(&orion, "attrs").as_deref(),
        Some("dateCreated,dateModified,dateExpires,*")
    );
    let plain = retrieved(&adapter, &of_id("urn:x:1", &["Room"])).await.unwrap();
    assert_eq!(plain.system.dates(), None);
}

#[tokio::test]
async fn an_error_with_status_200_is_an_error() {
    let (orion, _) = with("[]").await;
    let mut platform = Arc::into_inner(adapter(settings(&orion)).0).unwrap();
    let paths: Vec<String> = (0..11).map(|number| format!("/p{number}")).collect();
    platform.source.headers = vec![(
        HeaderName::from_static("fiware-servicepath"),
        HeaderValue::from_str(&paths.join(",")).unwrap(),
    )]
    .into();
    let adapter = NgsiV2Adapter(Arc::new(platform));
    let error = adapter
        .prepare(&of_id("urn:x:1", &["Room"]))
        .retrieve(&call())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Status(400));
    assert_eq!(
        adapter
            .prepare(&of_types(&["Room"]))
            .count(&call())
            .await
            .unwrap_err()
            .kind,
        ErrorKind::Status(400)
    );
}

#[tokio::test]
async fn settings_that_orion_would_refuse_are_refused() {
    let orion = Orion::start().await.unwrap();
    let refused = |change: fn(&mut NgsiV2Settings)| {
        let mut settings = settings(&orion);
        change(&mut settings);
        let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
        NgsiV2Adapter::new(http, settings, None, SourceLimits::default())
            .unwrap_err()
            .to_string()
    };
    assert!(refused(|s| s.fiware_service = Some("With-Dash".into())).contains("fiware_service"));
    assert!(refused(|s| s.fiware_service = Some("a".repeat(51))).contains("fiware_service"));
    assert!(refused(|s| s.fiware_servicepath = "city".into()).contains("fiware_servicepath"));
    assert!(refused(|s| s.fiware_servicepath = ["/p"; 11].join(",")).contains("fiware_servicepath"));
    assert!(refused(|s| s.endpoint = "localhost".into()).contains("endpoint"));
    assert!(refused(|s| s.types[0].short = "a b".into()).contains("type"));
}

#[tokio::test]
async fn a_walk_ends_where_it_has_read_too_many_bytes() {
    let rooms: Vec<serde_json::Value> = (0..20_000)
        .map(|number| {
            let text = "x".repeat(20);
            serde_json::json!({ "id": format!("urn:x:{number}"), "type": "Room", "a": { "value": text } })
        })
        .collect();
    let orion = Orion::start().await.unwrap();
    orion
        .load("city", "/", &serde_json::to_string(&rooms).unwrap())
        .unwrap();
    let ask = async |body: usize| {
        let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
        let limits = SourceLimits {
            body,
            ..SourceLimits::default()
        };
        let adapter = NgsiV2Adapter::new(http, settings(&orion), None, limits).unwrap();
        let all = all(&adapter, &of_types(&["Room"])).await;
        all.map(|entities| entities.len()).map_err(|error| error.kind)
    };
    // Twenty pages of some 95 KB each.
    assert_eq!(ask(1024 * 1024).await, Ok(20_000));
    assert_eq!(ask(100 * 1024).await, Err(ErrorKind::TooMany));
    assert_eq!(ask(64).await, Err(ErrorKind::TooLarge), "each entity alone");
}

#[tokio::test]
async fn a_disjunction_is_asked_branch_by_branch_and_each_entity_comes_once() {
    let (orion, adapter) = with(
        r#"[{"id":"urn:x:1","type":"Room","a":{"type":"Text","value":"x"},"b":{"type":"Text","value":"y"}},
            {"id":"urn:x:2","type":"Room","b":{"type":"Text","value":"y"}},
            {"id":"urn:x:3","type":"Room","a":{"type":"Text","value":"z"}}]"#,
    )
    .await;
    let query = SourceQuery {
        filter: Some(Expression::parse(r#"a=="x"|b=="y""#, Context::core()).unwrap().into()),
        ..of_types(&["Room"])
    };
    assert_eq!(adapter.prepare(&query).push_down().filter, Coverage::Narrows);
    assert_eq!(ids(&adapter, &query).await, ["urn:x:1", "urn:x:2"]);
    let sent: Vec<_> = orion.requests().iter().map(|request| request.parameter("q")).collect();
    assert_eq!(sent, [Some("a=='x'".to_owned()), Some("b=='y'".to_owned())]);
    orion.clear_requests();
    assert_eq!(counted(&adapter, &query).await, 2);
    assert_eq!(adapter.prepare(&query).asked(None).unwrap().len(), 2);
    // Of entities whose ids are known there are few.
    let by_id = SourceQuery {
        ids: vec![EntityId::parse("urn:x:1").unwrap()],
        ..query
    };
    assert_eq!(adapter.prepare(&by_id).asked(None).unwrap().len(), 1);
}

#[tokio::test]
async fn a_scope_asks_for_the_service_paths_that_may_meet_it() {
    let orion = Orion::start().await.unwrap();
    for (number, path) in ["/north", "/north/station", "/south", "/"].into_iter().enumerate() {
        let room = format!(r#"[{{"id":"urn:x:{number}","type":"Room"}}]"#);
        orion.load("city", path, &room).unwrap();
    }
    let with_scopes = adapter(NgsiV2Settings {
        scope_from_servicepath: true,
        ..settings(&orion)
    });
    for (scope, path, found) in [
        ("/north/#", "/north/#", &["urn:x:0", "urn:x:1"][..]),
        ("/north", "/north", &["urn:x:0"]),
        (
            "/south,/north/station",
            "/south,/north/station",
            &["urn:x:1", "urn:x:2"],
        ),
    ] {
        let query = SourceQuery {
            scope: Some(ngsi_ld::query::ScopeQuery::parse(scope).unwrap().into()),
            ..of_types(&["Room"])
        };
        assert_eq!(with_scopes.prepare(&query).push_down().scope, Coverage::Narrows);
        orion.clear_requests();
        let mut ids = ids(&with_scopes, &query).await;
        ids.sort();
        assert_eq!(ids, found, "{scope}");
        assert_eq!(orion.requests()[0].header("fiware-servicepath"), Some(path));
    }
    // A scope that no path can be is in no entity: nobody is asked.
    let nowhere = SourceQuery {
        scope: Some(ngsi_ld::query::ScopeQuery::parse("/佐野").unwrap().into()),
        ..of_types(&["Room"])
    };
    orion.clear_requests();
    assert_eq!(ids(&with_scopes, &nowhere).await, [""; 0]);
    assert!(orion.requests().is_empty());
    // Where paths are no scopes, the gateway finds out by itself that no entity has any.
    let without = adapter(settings(&orion));
    assert_eq!(without.prepare(&nowhere).push_down().scope, Coverage::None);
    assert_eq!(ids(&without, &nowhere).await.len(), 4);
}

#[tokio::test]
async fn what_a_relationship_leads_to_does_not_depend_on_the_question() {
    let rooms =
        r#"[{"id":"r1","type":"Room","refHall":{"type":"Relationship","value":"h1"}},{"id":"h1","type":"Hall"}]"#;
    let (_orion, adapter) = with(rooms).await;
    let leads_to_the_hall = SourceQuery {
        filter: Some(Arc::new(
            Expression::parse(r#"refHall=="urn:ngsi-ld:Hall:h1""#, Context::core()).unwrap(),
        )),
        ..of_types(&["Room"])
    };
    for query in [
        of_types(&["Room"]),
        of_types(&["Room", "Hall"]),
        of_id("urn:ngsi-ld:Room:r1", &["Room"]),
        of_id("urn:ngsi-ld:Room:r1", &["Resident", "Room"]),
        leads_to_the_hall,
    ] {
        let found = all(&adapter, &query).await.unwrap();
        let instance = &found[0].attribute(&attribute("refHall")).unwrap().instances[0];
        let hall = EntityId::parse("urn:ngsi-ld:Hall:h1").unwrap();
        assert_eq!(
            instance.value,
            ngsi_ld::entity::AttributeValue::relationship(hall),
            "{query:?}"
        );
    }
}
