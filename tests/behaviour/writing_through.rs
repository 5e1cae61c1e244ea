//! Writing through to a source that is no store: what is permitted arrives there and reads back, and of what is not permitted,
//! or would come back as something else, nothing does.

use http::Method;
use serde_json::{Value, json};
use stand_ins::LoggedRequest;

use super::harness::{Answer, Builder, ORION, Platform, change_source, key_of, keys, section};

const TENANT: &str = "nasushiobara";
const WRITER: &str = "nasu-writer";
const ID: &str = "urn:ngsi-ld:EvacuationSite:E092130009001";

/// A consumer of the city that may read and write whatever is open of its own.
async fn builder() -> Builder {
    let permit = |actions: &str| {
        format!(
            "permit (principal == Consumer::\"{WRITER}\", action in {actions}, resource in Tenant::\"{TENANT}\") \
             when {{ resource.class == Class::\"open\" }};\n"
        )
    };
    let policies = permit("Action::\"provide\"") + &permit("Action::\"read\"");
    Platform::builder()
        .await
        .tenants(|table| {
            let mut consumer = toml::Table::new();
            consumer.insert("name".into(), WRITER.into());
            consumer.insert("tenant".into(), TENANT.into());
            consumer.insert("keys".into(), keys(&key_of(WRITER)));
            section(table, "consumers").insert(WRITER.into(), toml::Value::Table(consumer));
        })
        .policy("nasushiobara.cedar", &policies)
}

/// The city's broker takes writes. Where it holds personal data beside, nobody's grant is of everything that an entity may have.
fn written(builder: Builder, personal_data: &str) -> Builder {
    builder.tenants(|table| {
        change_source(table, ORION, |source| {
            source.insert("writable".into(), true.into());
            source.insert("personal_data".into(), personal_data.into());
        });
    })
}

async fn writable(personal_data: &str) -> Platform {
    let platform = written(builder().await, personal_data).start().await;
    platform.forget_requests();
    platform
}

/// What was to change something in the source since it was last asked.
fn changes(platform: &Platform) -> Vec<LoggedRequest> {
    let asked = platform.asked_of_orion();
    platform.forget_requests();
    asked
        .into_iter()
        .filter(|request| request.method != Method::GET)
        .collect()
}

fn site(id: &str, more: &Value) -> Value {
    let mut site = json!({
        "id": id,
        "type": "EvacuationSite",
        "name": { "type": "Property", "value": "第一小学校" },
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [139.95, 36.96] } },
    });
    for (name, value) in more.as_object().unwrap() {
        site[name] = value.clone();
    }
    site
}

async fn read(platform: &Platform, id: &str) -> Answer {
    platform.entity(id).by(WRITER).tenant(TENANT).await
}

fn without_context(answer: &Answer) -> Value {
    let mut entity = answer.json();
    entity.as_object_mut().unwrap().remove("@context");
    entity
}

#[tokio::test]
async fn what_is_written_stands_in_the_source_and_reads_back_equal_until_it_is_deleted() {
    let platform = writable("none").await;
    let capacity = json!({ "maxCapacity": { "type": "Property", "value": 250, "observedAt": "2026-01-01T00:00:00Z" } });
    let written = site(ID, &capacity);
    let created = platform.create(&written).by(WRITER).await;
    assert_eq!(created.status, 201, "{created}");
    let sent = changes(&platform);
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].method.as_str(), sent[0].path.as_str()),
        ("POST", "/v2/entities")
    );
    assert_eq!(sent[0].header("fiware-service"), Some(TENANT));
    let mut found = without_context(&read(&platform, ID).await.ok());
    // Orion writes milliseconds.
    assert_eq!(found["maxCapacity"]["observedAt"], "2026-01-01T00:00:00.000Z");
    found["maxCapacity"]["observedAt"] = "2026-01-01T00:00:00Z".into();
    assert_eq!(found, written);

    let again = platform.create(&written).by(WRITER).await;
    assert_eq!(
        (again.status, again.error_type().as_str()),
        (409, "AlreadyExists"),
        "{again}"
    );
    assert!(changes(&platform).is_empty());

    let replaced = site(
        ID,
        &json!({ "name": { "type": "Property", "value": "第二小学校（本館）" } }),
    );
    let upserted = platform
        .post("/ngsi-ld/v1/entityOperations/upsert")
        .json(&json!([replaced]))
        .by(WRITER)
        .await;
    assert_eq!(upserted.status, 204, "{upserted}");
    assert_eq!(without_context(&read(&platform, ID).await.ok()), replaced);
    assert_eq!(changes(&platform).len(), 1);

    let deleted = platform.delete(ID).by(WRITER).await;
    assert_eq!(deleted.status, 204, "{deleted}");
    assert_eq!(read(&platform, ID).await.status, 404);
    let nothing = platform.delete(ID).by(WRITER).await;
    assert_eq!(nothing.status, 404, "{nothing}");
}

#[tokio::test]
async fn an_entity_that_has_an_id_of_the_sources_own_is_changed_there_and_not_made_a_second_time() {
    let builder = written(builder().await, "none");
    let own = r#"[{"id":"E092130009002","type":"EvacuationSite","name":{"type":"Text","value":"a"}}]"#;
    builder.demo().orion().load(TENANT, "/shelters", own).unwrap();
    let platform = builder.start().await;
    let id = "urn:ngsi-ld:EvacuationSite:E092130009002";
    let again = platform.create(&site(id, &json!({}))).by(WRITER).await;
    assert_eq!(again.status, 409, "{again}");
    platform.forget_requests();
    let upserted = platform
        .post("/ngsi-ld/v1/entityOperations/upsert")
        .json(&json!([site(id, &json!({}))]))
        .by(WRITER)
        .await;
    assert_eq!(upserted.status, 204, "{upserted}");
    let sent = changes(&platform);
    assert_eq!(sent.len(), 1);
    assert!(
        sent[0].path.starts_with("/v2/entities/E092130009002/"),
        "{}",
        sent[0].path
    );
    assert_eq!(sent[0].header("fiware-servicepath"), Some("/shelters"));
}

#[tokio::test]
async fn what_may_hold_more_than_is_granted_is_neither_replaced_nor_deleted() {
    let platform = writable("present").await;
    let created = platform.create(&site(ID, &json!({}))).by(WRITER).await;
    assert_eq!(created.status, 201, "{created}");
    changes(&platform);
    let deleted = platform.delete(ID).by(WRITER).await;
    assert_eq!(deleted.status, 403, "{deleted}");
    let replaced = platform
        .post("/ngsi-ld/v1/entityOperations/upsert")
        .json(&json!([site(ID, &json!({}))]))
        .by(WRITER)
        .await;
    assert_eq!(
        (replaced.status, &replaced.json()["errors"][0]["error"]["status"]),
        (207, &json!(403)),
        "{replaced}"
    );
    assert!(changes(&platform).is_empty());
}

#[tokio::test]
async fn a_source_is_read_only_unless_its_configuration_says_otherwise() {
    let platform = builder().await.start().await;
    platform.forget_requests();
    let refused = platform.create(&site(ID, &json!({}))).by(WRITER).await;
    assert_eq!(
        (refused.status, refused.error_type().as_str()),
        (422, "OperationNotSupported"),
        "{refused}"
    );
    assert_eq!(platform.delete(ID).by(WRITER).await.status, 422);
    assert!(platform.asked_of_orion().is_empty());
}

#[tokio::test]
async fn what_leads_to_a_person_or_has_no_class_never_reaches_the_source() {
    let platform = writable("present").await;
    let resident = json!({
        "id": "urn:ngsi-ld:Resident:9001",
        "type": "Resident",
        "fullName": { "type": "Property", "value": "試験 花子" },
    });
    let unknown = json!({ "id": "urn:ngsi-ld:NobodyKnowsIt:1", "type": "NobodyKnowsIt" });
    let attribute = site(
        ID,
        &json!({ "nobodyKnowsThis": { "type": "Property", "value": "試験 花子" } }),
    );
    let value = site(
        ID,
        &json!({ "name": { "type": "Property", "value": "担当 090-1234-5678" } }),
    );
    for entity in [&resident, &unknown, &attribute, &value] {
        let refused = platform.create(entity).by(WRITER).await;
        assert_eq!(refused.status, 403, "{entity}: {refused}");
        let told = refused.everything();
        assert!(!told.contains("花子") && !told.contains("090-1234"), "{told}");
        let batch = platform
            .post("/ngsi-ld/v1/entityOperations/upsert")
            .json(&json!([entity]))
            .by(WRITER)
            .await;
        assert!(!batch.everything().contains("花子") && batch.status >= 207, "{batch}");
    }
    assert!(platform.asked_of_orion().is_empty(), "the source was asked nothing");
    let log = platform.whole_log().await;
    assert!(!log.contains("花子") && !log.contains("090-1234"));
}

#[tokio::test]
async fn what_the_source_would_give_back_as_something_else_is_refused_by_the_attributes_name() {
    let platform = writable("present").await;
    for (name, attribute) in [
        ("maxCapacity", json!({ "type": "Property", "value": 0.123_456_789_123 })),
        (
            "maxCapacity",
            json!({ "type": "Property", "value": 9_007_199_254_740_993_u64 }),
        ),
        (
            "maxCapacity",
            json!({ "type": "Property", "value": 1, "observedAt": "2026-01-01T00:00:00.123456Z" }),
        ),
        (
            "name",
            json!({ "type": "LanguageProperty", "languageMap": { "ja": "学校" } }),
        ),
        (
            "location",
            json!({ "type": "GeoProperty", "value": { "type": "Point", "coordinates": [139.123_456_789_012, 36.9] } }),
        ),
    ] {
        let refused = platform.create(&site(ID, &json!({ name: attribute }))).by(WRITER).await;
        assert_eq!(refused.status, 400, "{attribute}: {refused}");
        let detail = refused.problem().detail;
        assert!(detail.starts_with(&format!("`{name}`: ")), "{detail}");
    }
    assert!(changes(&platform).is_empty());
    let other = "urn:ngsi-ld:EvacuationSite:E092130009003";
    let batch = platform
        .post("/ngsi-ld/v1/entityOperations/create")
        .json(&json!([
            site(ID, &json!({ "maxCapacity": { "type": "Property", "value": 1e-12 } })),
            site(other, &json!({})),
        ]))
        .by(WRITER)
        .await;
    assert_eq!(batch.status, 207, "{batch}");
    assert_eq!(batch.json()["success"], json!([other]));
    assert_eq!(changes(&platform).len(), 1);
}
