//! Writing through the adapter to a stand-in for Orion: what comes back, what is sent for it, and what is refused.

use ngsi_ld::entity::parse::parse_entities;
use ngsi_ld::{Entity, EntityId};
use stand_ins::{Fault, LoggedRequest, Orion};

use super::super::tests::{adapter, all, call, ids, of_id, of_types, settings, type_name, with};
use super::*;
use kakehashi_contract::{Adapter, Repeating, SourceQuery};

pub(super) fn entity(json: &str) -> Entity {
    let list = format!("[{json}]");
    parse_entities(list.as_bytes(), ngsi_ld::context::Context::core())
        .unwrap()
        .remove(0)
}

fn room(attributes: &str) -> Entity {
    entity(&format!(r#"{{"id":"urn:x:1","type":"Room",{attributes}}}"#))
}

pub(super) async fn write(
    adapter: &NgsiV2Adapter,
    id: &EntityId,
    operation: WriteOperation,
    decide: impl Fn(Option<&Entity>) -> Decision + Send + Sync,
) -> Result<Written, WriteError> {
    let types = [type_name("Room")];
    let change = EntityWrite {
        id,
        operation,
        decide: &decide,
        types: &types,
    };
    let now = DateTime::parse("2026-02-01T00:00:00Z").unwrap();
    adapter
        .writer()
        .unwrap()
        .write(&[change], &now, &call())
        .await
        .remove(0)
}

/// Whatever stands there becomes this, unless it is to be created.
pub(super) async fn put(
    adapter: &NgsiV2Adapter,
    operation: WriteOperation,
    wanted: &Entity,
) -> Result<Written, WriteError> {
    let decide = |existing: Option<&Entity>| match existing {
        Some(_) if operation == WriteOperation::Create => Decision::Leave,
        _ => Decision::Write(Box::new(wanted.clone())),
    };
    write(adapter, &wanted.id, operation, decide).await
}

async fn delete(adapter: &NgsiV2Adapter, id: &str) -> Result<Written, WriteError> {
    let id = EntityId::parse(id).unwrap();
    write(adapter, &id, WriteOperation::Delete, |_| Decision::Delete).await
}

async fn held(adapter: &NgsiV2Adapter) -> Entity {
    all(adapter, &of_id("urn:x:1", &["Room"])).await.unwrap().remove(0)
}

/// What changed something, since the last time that this was asked.
fn changes(orion: &Orion) -> Vec<LoggedRequest> {
    let all = orion.requests();
    orion.clear_requests();
    all.into_iter().filter(|request| request.method != "GET").collect()
}

fn lines(requests: &[LoggedRequest]) -> Vec<String> {
    requests
        .iter()
        .map(|request| format!("{} {}?{}", request.method, request.path, request.query))
        .collect()
}

const WHOLE: &str = r#"
    "name":{"type":"Property","value":"第一小学校 <本館>"},
    "level":{"type":"Property","value":2.5,"unitCode":"MTR","observedAt":"2026-01-01T00:00:00.5Z",
             "accuracy":{"type":"Property","value":0.1}},
    "open":{"type":"Property","value":true},
    "tags":{"type":"Property","value":["a",{"b":[1,null_free]}]},
    "checked":{"type":"Property","value":{"@type":"DateTime","@value":"2026-01-01T09:30:00Z"}},
    "location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[139.5,36.123456789]}},
    "owner":{"type":"Relationship","object":"urn:ngsi-ld:Organization:1"},
    "near":{"type":"Relationship","object":["urn:x:2","urn:x:3"]}"#;

fn whole() -> Entity {
    room(&WHOLE.replace("null_free", "2"))
}

#[tokio::test]
async fn what_is_created_comes_back_as_it_was_written_and_once() {
    let (orion, adapter) = with("[]").await;
    assert_eq!(
        put(&adapter, WriteOperation::Create, &whole()).await.unwrap(),
        Written::Created(None)
    );
    let sent = changes(&orion);
    assert_eq!(lines(&sent), ["POST /v2/entities?"]);
    assert_eq!(sent[0].header("fiware-servicepath"), Some("/"));
    assert_eq!(sent[0].header("fiware-service"), Some("city"));
    assert_eq!(sent[0].header("content-type"), Some("application/json"));
    let (mut back, mut wanted) = (held(&adapter).await, whole());
    back.attributes
        .sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    wanted
        .attributes
        .sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    assert_eq!(back, wanted);
    assert_eq!(
        put(&adapter, WriteOperation::Create, &whole()).await.unwrap(),
        Written::Left
    );
    assert!(changes(&orion).is_empty());
}

#[tokio::test]
async fn a_source_of_one_path_is_not_read_before_an_entity_is_created() {
    let orion = Orion::start().await.unwrap();
    let adapter = adapter(NgsiV2Settings {
        fiware_servicepath: "/park".to_owned(),
        ..settings(&orion)
    });
    let one = room(r#""a":{"type":"Property","value":1}"#);
    put(&adapter, WriteOperation::Create, &one).await.unwrap();
    let again = put(&adapter, WriteOperation::Create, &one).await;
    assert!(matches!(again, Err(WriteError::AlreadyExists)), "{again:?}");
    let requests = orion.requests();
    assert_eq!(lines(&requests), ["POST /v2/entities?", "POST /v2/entities?"]);
    assert_eq!(requests[0].header("fiware-servicepath"), Some("/park"));
}

#[tokio::test]
async fn only_what_is_different_is_sent_and_what_is_added_before_what_goes() {
    let (orion, adapter) = with(
        r#"[{"id":"urn:x:1","type":"Room","a":{"type":"Number","value":1,"metadata":{"m":{"value":1}}},
            "b":{"type":"Text","value":"x"},"c":{"type":"Celsius","value":2},"d":{"value":3}}]"#,
    )
    .await;
    let wanted = room(
        r#""a":{"type":"Property","value":1},"c":{"type":"Property","value":2},"e":{"type":"Property","value":5}"#,
    );
    let changed = put(&adapter, WriteOperation::Merge, &wanted).await.unwrap();
    assert_eq!(changed, Written::Replaced(None));
    let sent = changes(&orion);
    assert_eq!(
        lines(&sent),
        [
            "POST /v2/entities/urn:x:1/attrs?type=Room&options=overrideMetadata",
            "DELETE /v2/entities/urn:x:1/attrs/b?type=Room",
            "DELETE /v2/entities/urn:x:1/attrs/d?type=Room",
        ]
    );
    let body = String::from_utf8(sent[0].body.to_vec()).unwrap();
    assert!(
        body.contains(r#""a":"#) && body.contains(r#""e":"#) && !body.contains(r#""c":"#),
        "{body}"
    );
    assert_eq!(held(&adapter).await.attributes.len(), 3);
    assert!(
        held(&adapter).await.attributes[0].instances[0]
            .sub_attributes
            .is_empty()
    );
    put(&adapter, WriteOperation::Merge, &wanted).await.unwrap();
    assert!(changes(&orion).is_empty(), "it is so already");
}

#[tokio::test]
async fn a_replacement_is_one_request_and_leaves_nothing() {
    let (orion, adapter) = with(
        r#"[{"id":"urn:x:1","type":"Room","a":{"value":1},"nothing":{"value":null},"dateExpires":{"type":"DateTime","value":"2040-01-01T00:00:00Z"}}]"#,
    )
    .await;
    let wanted = room(r#""b":{"type":"Property","value":2}"#);
    put(&adapter, WriteOperation::Replace, &wanted).await.unwrap();
    assert_eq!(lines(&changes(&orion)), ["PUT /v2/entities/urn:x:1/attrs?type=Room"]);
    assert_eq!(held(&adapter).await, wanted);
}

#[tokio::test]
async fn an_entity_ceases_to_be_valid_when_its_writer_says_so() {
    let (orion, adapter) = with("[]").await;
    let mut wanted = room(r#""a":{"type":"Property","value":1}"#);
    wanted.system.dates_mut().expires_at = Some(DateTime::parse("2040-01-01T00:00:00Z").unwrap());
    put(&adapter, WriteOperation::Create, &wanted).await.unwrap();
    let query = SourceQuery {
        system_attributes: true,
        ..of_id("urn:x:1", &["Room"])
    };
    let expiry = async || {
        let found = all(&adapter, &query).await.unwrap().remove(0);
        found.system.expires_at().map(|date| date.as_str().to_owned())
    };
    assert_eq!(expiry().await.as_deref(), Some("2040-01-01T00:00:00.000Z"));
    changes(&orion);
    put(
        &adapter,
        WriteOperation::Merge,
        &room(r#""a":{"type":"Property","value":1}"#),
    )
    .await
    .unwrap();
    assert_eq!(
        lines(&changes(&orion)),
        ["DELETE /v2/entities/urn:x:1/attrs/dateExpires?type=Room"]
    );
    assert_eq!(expiry().await, None);
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_nothing_else() {
    let (orion, adapter) = with(
        r#"[{"id":"urn:x:1","type":"Room"},{"id":"urn:x:1","type":"Resident"},{"id":"b 1","type":"Room"}]"#
            .replace("b 1", "b1")
            .as_str(),
    )
    .await;
    assert_eq!(delete(&adapter, "urn:x:1").await.unwrap(), Written::Deleted(None));
    assert_eq!(
        delete(&adapter, "urn:ngsi-ld:Room:b1").await.unwrap(),
        Written::Deleted(None)
    );
    assert_eq!(
        lines(&changes(&orion)),
        [
            "DELETE /v2/entities/urn:x:1?type=Room",
            "DELETE /v2/entities/b1?type=Room"
        ]
    );
    assert_eq!(delete(&adapter, "urn:x:1").await.unwrap(), Written::Left);
    assert_eq!(ids(&adapter, &of_types(&["Resident"])).await, ["urn:x:1"]);
}

#[tokio::test]
async fn an_id_that_was_made_here_leads_back_and_is_not_given_twice() {
    let (orion, adapter) = with(r#"[{"id":"b1","type":"Room","a":{"value":1}}]"#).await;
    let shown = entity(r#"{"id":"urn:ngsi-ld:Room:b1","type":"Room","a":{"type":"Property","value":2}}"#);
    assert_eq!(
        put(&adapter, WriteOperation::Create, &shown).await.unwrap(),
        Written::Left
    );
    put(&adapter, WriteOperation::Update, &shown).await.unwrap();
    assert_eq!(
        lines(&changes(&orion)),
        ["POST /v2/entities/b1/attrs?type=Room&options=overrideMetadata"]
    );
}

#[tokio::test]
async fn a_write_goes_to_the_service_path_of_its_entity_and_to_one_entity_alone() {
    let orion = Orion::start().await.unwrap();
    let one = r#"[{"id":"urn:x:1","type":"Room","a":{"value":1}}]"#;
    orion.load("city", "/park/west", one).unwrap();
    let adapter = adapter(settings(&orion));
    let wanted = room(r#""a":{"type":"Property","value":2}"#);
    put(&adapter, WriteOperation::Merge, &wanted).await.unwrap();
    assert_eq!(changes(&orion)[0].header("fiware-servicepath"), Some("/park/west"));
    assert_eq!(held(&adapter).await, wanted);
    orion.load("city", "/road", one).unwrap();
    let several = put(
        &adapter,
        WriteOperation::Merge,
        &room(r#""a":{"type":"Property","value":3}"#),
    )
    .await;
    assert!(matches!(several, Err(WriteError::CannotHold(_))), "{several:?}");
    assert!(changes(&orion).is_empty());
}

#[tokio::test]
async fn paths_that_are_scopes_are_written_as_such() {
    let orion = Orion::start().await.unwrap();
    let adapter = adapter(NgsiV2Settings {
        scope_from_servicepath: true,
        ..settings(&orion)
    });
    let mut wanted = room(r#""a":{"type":"Property","value":2}"#);
    wanted.scopes = ["/park/west".into()].into_iter().collect();
    put(&adapter, WriteOperation::Create, &wanted).await.unwrap();
    assert_eq!(held(&adapter).await, wanted);
    let moved = put(
        &adapter,
        WriteOperation::Merge,
        &room(r#""a":{"type":"Property","value":2}"#),
    )
    .await;
    assert!(matches!(moved, Err(WriteError::CannotHold(_))), "{moved:?}");
}

#[tokio::test]
async fn what_would_come_back_as_something_else_is_refused_by_name_and_not_sent() {
    let (orion, adapter) = with("[]").await;
    for attribute in [
        r#"{"type":"Property","value":3.14159265358979}"#,
        r#"{"type":"Property","value":9007199254740993}"#,
        r#"{"type":"Property","value":{"deep":[1e-10]}}"#,
        r#"{"type":"Property","value":["(in brackets)"]}"#,
        r#"{"type":"Property","value":{"@type":"DateTime","@value":"2026-01-01T00:00:00.123456Z"}}"#,
        r#"{"type":"Property","value":{"@type":"DateTime","@value":"1969-01-01T00:00:00Z"}}"#,
        r#"{"type":"Property","value":{"@type":"Date","@value":"2026-01-01"}}"#,
        r#"{"type":"Property","value":1,"datasetId":"urn:x:d"}"#,
        r#"{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00.0001Z"}"#,
        r#"{"type":"Property","value":1,"unitCode":"m(2)"}"#,
        r#"{"type":"Property","value":1,"b":{"type":"Property","value":1,"c":{"type":"Property","value":1}}}"#,
        r#"{"type":"Property","value":1,"b":{"type":"Relationship","object":"urn:x:2"}}"#,
        r#"{"type":"Property","value":1,"b":{"type":"Property","value":"a;b"}}"#,
        r#"{"type":"GeoProperty","value":{"type":"Point","coordinates":[139.12345678901,36]}}"#,
        r#"{"type":"Relationship","object":"urn:x:a;b"}"#,
        r#"{"type":"LanguageProperty","languageMap":{"ja":"学校"}}"#,
        r#"{"type":"VocabProperty","vocab":"open"}"#,
        r#"{"type":"JsonProperty","json":{"a":1}}"#,
        r#"{"type":"ListProperty","valueList":[1,2]}"#,
        r#"[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:x:d"}]"#,
    ] {
        for name in ["a", "b-c"].map(|name| name.replace('-', "%2D")) {
            let wanted = room(&format!(
                r#""fine":{{"type":"Property","value":1}},"{name}":{attribute}"#
            ));
            let refused = put(&adapter, WriteOperation::Create, &wanted).await;
            let Err(WriteError::CannotHold(reason)) = refused else {
                panic!("{attribute}: {refused:?}");
            };
            assert!(reason.starts_with(&format!("`{name}`: ")), "{attribute}: {reason}");
        }
    }
    for name in ["気温", "%69d", "dateModified", "a%2Cb", "https://example.org/x"] {
        let wanted = room(&format!(r#""{name}":{{"type":"Property","value":1}}"#));
        let refused = put(&adapter, WriteOperation::Create, &wanted).await;
        let Err(WriteError::CannotHold(reason)) = refused else {
            panic!("{name}: {refused:?}");
        };
        assert!(reason.starts_with(&format!("`{name}`: ")), "{reason}");
    }
    let two = r#"{"type":"GeoProperty","value":{"type":"Point","coordinates":[139,36]}}"#;
    let refused = put(
        &adapter,
        WriteOperation::Create,
        &room(&format!(r#""a":{two},"b":{two}"#)),
    )
    .await;
    assert!(
        matches!(&refused, Err(WriteError::CannotHold(reason)) if reason.starts_with("`b`: ")),
        "{refused:?}"
    );
    for json in [
        r#"{"id":"urn:x:1","type":["Room","Hall"]}"#,
        r#"{"id":"urn:x:1","type":"Tower"}"#,
        r#"{"id":"urn:x:1","type":"Room","scope":"/a"}"#,
        r#"{"id":"urn:x:a(1)","type":"Room"}"#,
    ] {
        let refused = put(&adapter, WriteOperation::Create, &entity(json)).await;
        assert!(matches!(refused, Err(WriteError::CannotHold(_))), "{json}: {refused:?}");
    }
    assert!(changes(&orion).is_empty());
}

#[tokio::test]
async fn what_the_source_refuses_is_told_without_its_words() {
    let (orion, adapter) = with(r#"[{"id":"urn:x:1","type":"Room","a":{"value":1}}]"#).await;
    let wanted = room(r#""a":{"type":"Property","value":2}"#);
    // Its answer to the read is the right one.
    let decide = |_: Option<&Entity>| {
        orion.set_fault(Fault::Status(400));
        Decision::Write(Box::new(wanted.clone()))
    };
    let refused = write(&adapter, &wanted.id, WriteOperation::Merge, decide).await;
    assert!(
        matches!(&refused, Err(WriteError::CannotHold(said)) if !said.contains("internal")),
        "{refused:?}"
    );
    let decide = |_: Option<&Entity>| {
        orion.set_fault(Fault::Status(502));
        Decision::Write(Box::new(wanted.clone()))
    };
    orion.clear_fault();
    let refused = write(&adapter, &wanted.id, WriteOperation::Merge, decide).await;
    let Err(WriteError::Source(error)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (error.kind, error.repeating),
        (ErrorKind::Status(502), Repeating::MayDoTwice)
    );
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_sent_once() {
    let (orion, adapter) = with(r#"[{"id":"urn:x:1","type":"Room","a":{"value":1}}]"#).await;
    let wanted = room(r#""a":{"type":"Property","value":2}"#);
    for (operation, becomes) in [
        (WriteOperation::Merge, true),
        (WriteOperation::Replace, true),
        (WriteOperation::Delete, false),
    ] {
        orion.clear_requests();
        let decide = |_: Option<&Entity>| {
            orion.set_fault(Fault::Reset);
            match becomes {
                true => Decision::Write(Box::new(wanted.clone())),
                false => Decision::Delete,
            }
        };
        let lost = write(&adapter, &wanted.id, operation, decide).await;
        orion.clear_fault();
        let Err(WriteError::Source(error)) = lost else {
            panic!("{operation:?}: {lost:?}")
        };
        assert_eq!(error.repeating, Repeating::MayDoTwice, "{operation:?}");
        assert_eq!(changes(&orion).len(), 1, "{operation:?}");
    }
}
