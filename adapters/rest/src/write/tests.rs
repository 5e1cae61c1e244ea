//! Writing through the adapter to a platform on a real socket: what comes back, what is sent for it, and what is refused.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entities;
use ngsi_ld::{Entity, EntityId, TypeName};
use stand_ins::server::Server;
use stand_ins::{Fault, LoggedRequest};

use super::register::{Register, Shared};
use super::*;
use crate::RestSettings;
use kakehashi_client::{HttpClient, HttpClientSettings, SourceLimits};
use kakehashi_contract::{Adapter, Repeating, SourceId, SourceQuery, entities_of};
use kakehashi_mapping::Mapping;

pub(super) const MAPPING: &str = include_str!("register.toml");

pub(super) struct Running {
    pub(super) server: Server,
    pub(super) register: Arc<Register>,
    pub(super) adapter: RestAdapter,
}

impl Running {
    pub(super) fn put_record(&self, no: &str, record: &str) {
        self.register
            .records
            .lock()
            .unwrap()
            .insert(no.to_owned(), record.to_owned());
    }

    fn record(&self, no: &str) -> String {
        self.register.records.lock().unwrap()[no].clone()
    }

    /// What changed something, since the last time that this was asked.
    pub(super) fn changes(&self) -> Vec<LoggedRequest> {
        let all = self.server.requests();
        self.server.clear_requests();
        all.into_iter().filter(|request| request.method != "GET").collect()
    }
}

pub(super) async fn started(register: Register, mapping: &str) -> Running {
    let register = Arc::new(register);
    let server = Server::start(0, Shared(Arc::clone(&register))).await.unwrap();
    let mapping = Mapping::parse(mapping, "register.toml", Context::kakehashi());
    let mapping = mapping.unwrap_or_else(|errors| panic!("{errors:?}"));
    let settings = RestSettings {
        source: SourceId::new("register"),
        endpoint: server.url().to_owned(),
        outside: kakehashi_mapping::record::Outside::default(),
        types: mapping.types().cloned().collect(),
        mapping: Arc::new(mapping),
        credential: None,
        limits: SourceLimits::default(),
    };
    let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
    Running {
        server,
        register,
        adapter: RestAdapter::new(http, settings).unwrap(),
    }
}

async fn start() -> Running {
    started(Register::default(), MAPPING).await
}

pub(super) fn entity(json: &str) -> Entity {
    let list = format!("[{json}]");
    parse_entities(list.as_bytes(), Context::kakehashi()).unwrap().remove(0)
}

pub(super) fn site(attributes: &str) -> Entity {
    let separator = if attributes.is_empty() { "" } else { "," };
    entity(&format!(
        r#"{{"id":"urn:ngsi-ld:EvacuationSite:092045:7","type":"EvacuationSite"{separator}{attributes}}}"#
    ))
}

fn type_name(name: &str) -> TypeName {
    Context::kakehashi().expand_type(name).unwrap()
}

fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(20))
}

pub(super) async fn write(
    running: &Running,
    id: &EntityId,
    operation: WriteOperation,
    decide: impl Fn(Option<&Entity>) -> Decision + Send + Sync,
) -> Result<Written, WriteError> {
    let types = [type_name("EvacuationSite")];
    let one = EntityWrite {
        id,
        operation,
        decide: &decide,
        types: &types,
    };
    let now = DateTime::parse("2026-02-01T00:00:00Z").unwrap();
    let writer = running.adapter.writer().unwrap();
    writer.write(&[one], &now, &call()).await.remove(0)
}

/// Whatever stands there becomes this, unless it is to be created.
pub(super) async fn put(running: &Running, operation: WriteOperation, wanted: &Entity) -> Result<Written, WriteError> {
    let decide = |existing: Option<&Entity>| match existing {
        Some(_) if operation == WriteOperation::Create => Decision::Leave,
        _ => Decision::Write(Box::new(wanted.clone())),
    };
    write(running, &wanted.id, operation, decide).await
}

pub(super) async fn held(running: &Running) -> Option<Entity> {
    let mut query = SourceQuery::of_types(vec![type_name("EvacuationSite")]);
    query.ids = vec![EntityId::parse("urn:ngsi-ld:EvacuationSite:092045:7").unwrap()];
    let found: Vec<Entity> = entities_of(running.adapter.prepare(&query).query(None, &call()))
        .try_collect()
        .await
        .unwrap();
    found.into_iter().next()
}

pub(super) fn sorted(mut entity: Entity) -> Entity {
    entity
        .attributes
        .sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    entity
}

const WHOLE: &str = r#"
    "localGovernmentCode":{"type":"Property","value":"092045"},
    "commonId":{"type":"Property","value":"7"},
    "name":{"type":"Property","value":"第一小学校 \"本館\""},
    "maxCapacity":{"type":"Property","value":120.50,"unitCode":"C62"},
    "waterLevel":{"type":"Property","value":0.30000000000000000001,"observedAt":"2026-03-31T15:04:05.25Z"},
    "opened":{"type":"Property","value":true},
    "siteType":{"type":"Property","value":"school"},
    "tags":{"type":"Property","value":["月","火"]},
    "more":{"type":"Property","value":{"a":[1,2.50,"x"]}},
    "dateOpened":{"type":"Property","value":{"@type":"DateTime","@value":"2026-03-31T15:00:00Z"}},
    "location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[139.5,43.462879859445884]}},
    "area":{"type":"GeoProperty","value":{"type":"Polygon","coordinates":[[[139,36],[140,36],[140,37],[139,36]]]}},
    "owner":{"type":"Relationship","object":"urn:ngsi-ld:Organization:7000020092045"}"#;

#[tokio::test]
async fn what_is_created_comes_back_as_it_was_written_and_once() {
    let running = start().await;
    let wanted = site(WHOLE);
    let created = put(&running, WriteOperation::Create, &wanted).await;
    assert_eq!(created.unwrap(), Written::Created(None));
    let sent = running.changes();
    assert_eq!(
        (sent.len(), sent[0].method.as_str(), sent[0].path.as_str()),
        (1, "POST", "/sites")
    );
    assert_eq!(sent[0].header("content-type"), Some("application/json"));
    let body: serde_json::Value = serde_json::from_slice(&sent[0].body).unwrap();
    let record = &body["site"];
    assert_eq!((&record["no"], &record["shi"]), (&7.into(), &"092045".into()));
    assert_eq!(record["kaijo"], "○");
    assert_eq!(record["shubetsu"], "学");
    assert_eq!(record["youbi"], "月／火");
    assert_eq!(record["suii"]["at"], "2026-04-01T00:04:05.25+09:00");
    assert!(record.get("code").is_none() && record.get("koshin").is_none());
    assert_eq!(sorted(held(&running).await.unwrap()), sorted(wanted.clone()));
    let again = put(&running, WriteOperation::Create, &wanted).await;
    assert_eq!(again.unwrap(), Written::Left);
    assert!(running.changes().is_empty());
}

#[tokio::test]
async fn what_the_mapping_and_the_id_say_need_not_be_written() {
    let running = start().await;
    let wanted = site(r#""name":{"type":"Property","value":"a"}"#);
    put(&running, WriteOperation::Create, &wanted).await.unwrap();
    assert_eq!(held(&running).await.unwrap().attributes.len(), 3);
    let other = site(r#""name":{"type":"Property","value":"b"}"#);
    put(&running, WriteOperation::Replace, &other).await.unwrap();
    let refused = put(&running, WriteOperation::Merge, &other).await;
    assert!(
        matches!(&refused, Err(WriteError::CannotHold(said)) if said.starts_with("`localGovernmentCode`: ")),
        "{refused:?}"
    );
}

pub(super) const STANDING: &str = r#"{"no":7,"shi":"092045","namae":"a","ninzu":"1,200","ido":"36.5","keido":"139.5","kaijo":"1",
    "hidden":{"phone":"x"},"big":12345678901234567890.5,"suii":{"level":1.0,"at":"2026-04-01T09:00:00+09:00","by":"q"}}"#;

#[tokio::test]
async fn only_the_members_that_differ_are_sent_whole_with_what_the_mapping_does_not_know_of_them() {
    let running = start().await;
    running.put_record("7", STANDING);
    let mut wanted = held(&running).await.unwrap();
    wanted = change(
        wanted,
        r#""waterLevel":{"type":"Property","value":2,"observedAt":"2026-04-02T00:00:00Z"}"#,
    );
    put(&running, WriteOperation::Merge, &wanted).await.unwrap();
    let sent = running.changes();
    assert_eq!((sent[0].method.as_str(), sent[0].path.as_str()), ("PATCH", "/sites/7"));
    assert_eq!(
        std::str::from_utf8(&sent[0].body).unwrap(),
        r#"{"site":{"suii":{"level":2,"at":"2026-04-02T09:00:00+09:00","by":"q"}}}"#
    );
    assert_eq!(sorted(held(&running).await.unwrap()), sorted(wanted.clone()));
    put(&running, WriteOperation::Merge, &wanted).await.unwrap();
    assert!(running.changes().is_empty(), "it is so already");
}

/// The entity with these attributes in the place of its own.
pub(super) fn change(mut entity: Entity, attributes: &str) -> Entity {
    for attribute in site(attributes).attributes {
        entity.attributes.retain(|other| other.name != attribute.name);
        entity.attributes.push(attribute);
    }
    entity
}

#[tokio::test]
async fn a_record_that_is_sent_whole_keeps_every_member_and_digit_that_the_view_does_not_show() {
    let whole_only = MAPPING.replace("change = { path = \"/sites/{no}\" }", "");
    let running = started(Register::default(), &whole_only).await;
    running.put_record("7", STANDING);
    let wanted = change(
        held(&running).await.unwrap(),
        r#""maxCapacity":{"type":"Property","value":1300,"unitCode":"C62"}"#,
    );
    put(&running, WriteOperation::Update, &wanted).await.unwrap();
    let sent = running.changes();
    assert_eq!(sent[0].method.as_str(), "PUT");
    let record = running.record("7");
    for kept in [
        r#""hidden":{"phone":"x"}"#,
        r#""big":12345678901234567890.5"#,
        r#""by":"q""#,
        r#""ninzu":"1300""#,
        r#""kaijo":"1""#,
    ] {
        assert!(record.contains(kept), "{kept}: {record}");
    }
    assert_eq!(sorted(held(&running).await.unwrap()), sorted(wanted));
}

#[tokio::test]
async fn what_is_removed_becomes_nothing_and_a_replacement_leaves_what_the_view_does_not_show() {
    let running = start().await;
    running.put_record("7", STANDING);
    let wanted = site(r#""name":{"type":"Property","value":"b"}"#);
    put(&running, WriteOperation::Replace, &wanted).await.unwrap();
    let record = running.record("7");
    assert!(
        record.contains(r#""hidden":{"phone":"x"}"#) && record.contains(r#""ninzu":null"#),
        "{record}"
    );
    let names = held(&running).await.unwrap().attributes.len();
    assert_eq!(names, 3, "what comes by itself, and the name");
}

#[tokio::test]
async fn what_would_come_back_as_something_else_is_refused_by_name_and_not_sent() {
    let running = start().await;
    for (name, attribute) in [
        ("localGovernmentCode", r#"{"type":"Property","value":"092010"}"#),
        ("commonId", r#"{"type":"Property","value":"8"}"#),
        ("name", r#"{"type":"Property","value":"-"}"#),
        ("name", r#"{"type":"Property","value":" "}"#),
        ("name", r#"{"type":"Property","value":1,"unitCode":"C62"}"#),
        ("name", r#"{"type":"LanguageProperty","languageMap":{"ja":"学校"}}"#),
        ("name", r#"{"type":"VocabProperty","vocab":"x"}"#),
        ("name", r#"{"type":"Property","value":"a","datasetId":"urn:x:d"}"#),
        (
            "name",
            r#"[{"type":"Property","value":"a"},{"type":"Property","value":"b","datasetId":"urn:x:d"}]"#,
        ),
        (
            "name",
            r#"{"type":"Property","value":"a","note":{"type":"Property","value":"b"}}"#,
        ),
        (
            "name",
            r#"{"type":"Property","value":"a","observedAt":"2026-01-01T00:00:00Z"}"#,
        ),
        (
            "name",
            r#"{"type":"Property","value":{"@type":"Date","@value":"2026-01-01"}}"#,
        ),
        ("maxCapacity", r#"{"type":"Property","value":1}"#),
        ("maxCapacity", r#"{"type":"Property","value":"many","unitCode":"C62"}"#),
        ("opened", r#"{"type":"Property","value":"maybe"}"#),
        ("siteType", r#"{"type":"Property","value":"学"}"#),
        ("tags", r#"{"type":"Property","value":["a／b"]}"#),
        ("tags", r#"{"type":"Property","value":["a"," b"]}"#),
        ("tags", r#"{"type":"Property","value":[1]}"#),
        ("dateOpened", r#"{"type":"Property","value":"2026-01-01"}"#),
        (
            "dateOpened",
            r#"{"type":"Property","value":{"@type":"DateTime","@value":"9999-12-31T23:59:59Z"}}"#,
        ),
        (
            "location",
            r#"{"type":"GeoProperty","value":{"type":"Point","coordinates":[0,0]}}"#,
        ),
        (
            "location",
            r#"{"type":"GeoProperty","value":{"type":"Point","coordinates":[139,36,5]}}"#,
        ),
        (
            "location",
            r#"{"type":"GeoProperty","value":{"type":"LineString","coordinates":[[139,36],[140,36]]}}"#,
        ),
        ("owner", r#"{"type":"Relationship","object":"urn:ngsi-ld:Person:1"}"#),
        (
            "owner",
            r#"{"type":"Relationship","object":["urn:ngsi-ld:Organization:1","urn:ngsi-ld:Organization:2"]}"#,
        ),
        ("nobodyKnowsIt", r#"{"type":"Property","value":1}"#),
    ] {
        let wanted = site(&format!(r#""{name}":{attribute}"#));
        let refused = put(&running, WriteOperation::Create, &wanted).await;
        let Err(WriteError::CannotHold(reason)) = refused else {
            panic!("{name}: {attribute}: {refused:?}");
        };
        assert!(reason.starts_with(&format!("`{name}`: ")), "{attribute}: {reason}");
    }
    for json in [
        r#"{"id":"urn:ngsi-ld:EvacuationSite:092045:7","type":["EvacuationSite","Hall"]}"#,
        r#"{"id":"urn:ngsi-ld:EvacuationSite:092045:7","type":"EvacuationSite","scope":"/a"}"#,
        r#"{"id":"urn:ngsi-ld:EvacuationSite:092045:7","type":"EvacuationSite","expiresAt":"2040-01-01T00:00:00Z"}"#,
        r#"{"id":"urn:ngsi-ld:EvacuationSite:7","type":"EvacuationSite"}"#,
        r#"{"id":"urn:ngsi-ld:EvacuationSite:092045:x","type":"EvacuationSite"}"#,
    ] {
        let refused = put(&running, WriteOperation::Create, &entity(json)).await;
        assert!(matches!(refused, Err(WriteError::CannotHold(_))), "{json}: {refused:?}");
    }
    assert!(running.changes().is_empty());
}

#[tokio::test]
async fn attributes_of_one_field_are_not_changed_behind_each_others_back() {
    let shared = MAPPING.replace("name = \"namae\"", "name = \"namae\"\ntitle = \"namae\"");
    let running = started(Register::default(), &shared).await;
    running.put_record("7", STANDING);
    let standing = held(&running).await.unwrap();
    let one = change(standing.clone(), r#""name":{"type":"Property","value":"b"}"#);
    let refused = put(&running, WriteOperation::Merge, &one).await;
    // The other may be hidden from whoever writes: it is not named.
    assert!(
        matches!(&refused, Err(WriteError::CannotHold(said)) if said.starts_with("`name`: ") && !said.contains("title")),
        "{refused:?}"
    );
    let both = change(one, r#""title":{"type":"Property","value":"b"}"#);
    put(&running, WriteOperation::Merge, &both).await.unwrap();
    assert_eq!(sorted(held(&running).await.unwrap()), sorted(both));
}

#[tokio::test]
async fn a_date_of_the_whole_record_is_changed_for_all_or_left_to_the_platform() {
    let dated = MAPPING.replace("modified_at = \"koshin\"", "observed_at = \"koshin\"");
    let running = started(Register::default(), &dated).await;
    let standing = r#"{"no":7,"shi":"092045","namae":"a","biko":"b","koshin":"2026-04-01 09:00:00"}"#;
    running.put_record("7", standing);
    let before = held(&running).await.unwrap();
    let later = r#""name":{"type":"Property","value":"c","observedAt":"2026-04-02T00:00:00Z"}"#;
    let refused = put(&running, WriteOperation::Merge, &change(before.clone(), later)).await;
    assert!(
        matches!(&refused, Err(WriteError::CannotHold(said)) if said.starts_with("`name`: ") && said.contains("same observedAt")),
        "{refused:?}"
    );
    assert!(running.changes().is_empty());
    let by_platform = dated.replace(
        "[types.EvacuationSite.write]",
        "[types.EvacuationSite.write]\nset_by_platform = [\"koshin\"]",
    );
    let running = started(Register::default(), &by_platform).await;
    running.put_record("7", standing);
    let refused = put(&running, WriteOperation::Merge, &change(before.clone(), later)).await;
    assert!(
        matches!(&refused, Err(WriteError::CannotHold(said)) if said.starts_with("`name`: ")),
        "{refused:?}"
    );
    let undated = change(before, r#""name":{"type":"Property","value":"c"}"#);
    put(&running, WriteOperation::Merge, &undated).await.unwrap();
    assert_eq!(
        std::str::from_utf8(&running.changes()[0].body).unwrap(),
        r#"{"site":{"namae":"c"}}"#
    );
}

#[tokio::test]
async fn a_tag_keeps_the_writes_of_others_from_being_lost() {
    let tagged = Register {
        has_tags: true,
        ..Register::default()
    };
    let running = started(tagged, MAPPING).await;
    running.put_record("7", STANDING);
    let wanted = change(
        held(&running).await.unwrap(),
        r#""name":{"type":"Property","value":"b"}"#,
    );
    put(&running, WriteOperation::Merge, &wanted).await.unwrap();
    assert!(running.changes()[0].header("if-match").is_some());
    // Somebody else changes it once between reading and writing: what they wrote is seen, and stays.
    let times = Mutex::new(0);
    let decide = |_: Option<&Entity>| {
        let mut times = times.lock().unwrap();
        *times += 1;
        if *times == 1 {
            running.put_record("7", &STANDING.replace("\"kaijo\":\"1\"", "\"kaijo\":\"1\",\"new\":5"));
        }
        Decision::Write(Box::new(change(
            wanted.clone(),
            r#""name":{"type":"Property","value":"d"}"#,
        )))
    };
    write(&running, &wanted.id, WriteOperation::Merge, decide)
        .await
        .unwrap();
    assert_eq!(*times.lock().unwrap(), 2);
    assert!(running.record("7").contains("\"new\":5") && running.record("7").contains("\"namae\":\"d\""));
    let busy = Register {
        has_tags: true,
        is_busy: true,
        ..Register::default()
    };
    let running = started(busy, MAPPING).await;
    running.put_record("7", STANDING);
    let failed = put(&running, WriteOperation::Merge, &wanted).await;
    let Err(WriteError::Source(error)) = failed else {
        panic!("{failed:?}")
    };
    assert!(error.may_be_repeated() && error.repeating == Repeating::IsSafe);
    assert_eq!(running.changes().len(), ATTEMPTS);
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_what_the_mapping_lacks_cannot_be_done() {
    let running = start().await;
    running.put_record("7", STANDING);
    let id = site("").id;
    let deleted = write(&running, &id, WriteOperation::Delete, |_| Decision::Delete).await;
    assert_eq!(deleted.unwrap(), Written::Deleted(None));
    assert_eq!(held(&running).await, None);
    let again = write(&running, &id, WriteOperation::Delete, |_| Decision::Delete).await;
    assert_eq!(again.unwrap(), Written::Left);
    let part = MAPPING
        .replace("create = { path = \"/sites\" }", "")
        .replace("delete = { path = \"/sites/{no}\" }", "");
    let running = started(Register::default(), &part).await;
    assert_eq!(running.adapter.offer().operations, CHANGES);
    let created = put(&running, WriteOperation::Create, &site(WHOLE)).await;
    assert!(
        matches!(&created, Err(WriteError::Unsupported(said)) if said.contains("no `create` in [types.EvacuationSite.write]")),
        "{created:?}"
    );
    running.put_record("7", STANDING);
    let deleted = write(&running, &id, WriteOperation::Delete, |_| Decision::Delete).await;
    assert!(matches!(deleted, Err(WriteError::Unsupported(_))), "{deleted:?}");
    assert!(running.changes().is_empty());
}

#[tokio::test]
async fn what_the_platform_refuses_is_told_without_its_words_and_a_lost_answer_is_nobodys_knowledge() {
    let running = start().await;
    running.put_record("7", STANDING);
    let wanted = change(
        held(&running).await.unwrap(),
        r#""name":{"type":"Property","value":"b"}"#,
    );
    let under = async |fault: Fault, operation, becomes: bool| {
        running.server.clear_requests();
        let decide = |_: Option<&Entity>| {
            running.server.set_fault(fault);
            match becomes {
                true => Decision::Write(Box::new(wanted.clone())),
                false => Decision::Delete,
            }
        };
        let outcome = write(&running, &wanted.id, operation, decide).await;
        running.server.clear_fault();
        assert_eq!(running.changes().len(), 1, "once");
        outcome.unwrap_err()
    };
    for status in [400, 422, 413, 409] {
        let refused = under(Fault::Status(status), WriteOperation::Merge, true).await;
        assert!(
            matches!(&refused, WriteError::CannotHold(said) if !said.contains("internal")),
            "{status}: {refused:?}"
        );
    }
    for (fault, operation, becomes) in [
        (Fault::Reset, WriteOperation::Merge, true),
        (Fault::Reset, WriteOperation::Replace, true),
        (Fault::Reset, WriteOperation::Delete, false),
        (Fault::Status(500), WriteOperation::Merge, true),
        (Fault::Status(502), WriteOperation::Delete, false),
        (Fault::Status(303), WriteOperation::Merge, true),
    ] {
        let lost = under(fault, operation, becomes).await;
        let WriteError::Source(error) = &lost else {
            panic!("{lost:?}")
        };
        assert_eq!(error.repeating, Repeating::MayDoTwice, "{lost:?}");
    }
}
