//! Writing entities: into the writer's own partition, within its grant, whole or not at all.

use serde_json::{Value, json};

use super::harness::{Answer, Platform, key_of, keys, section};

const CREATE: &str = "/ngsi-ld/v1/entityOperations/create";
const UPSERT: &str = "/ngsi-ld/v1/entityOperations/upsert";
const DELETE: &str = "/ngsi-ld/v1/entityOperations/delete";

/// The policies of a tenant that lets its own consumers, and one of another tenant, write.
fn may_write(consumer: &str, tenant: &str) -> String {
    format!(
        "permit (principal == Consumer::\"{consumer}\", action in Action::\"provide\", resource in Tenant::\"{tenant}\") \
         when {{ resource.class == Class::\"open\" }};"
    )
}

/// `tochigi-writer` writes for Tochigi and for Yaita, `yaita-writer` for Yaita, `aed-writer` Yaita's AEDs alone.
async fn platform() -> Platform {
    let aeds = "permit (principal == Consumer::\"aed-writer\", action in Action::\"provide\", \
                resource == EntityType::\"yaita/AED\");";
    let reads = "permit (principal == Consumer::\"tochigi-writer\", action in Action::\"read\", \
                 resource in Tenant::\"tochigi\") when { resource.class == Class::\"open\" };";
    Platform::builder()
        .await
        .tenants(|table| {
            let consumers = section(table, "consumers");
            for (id, tenant) in [
                ("tochigi-writer", "tochigi"),
                ("yaita-writer", "yaita"),
                ("aed-writer", "yaita"),
                ("sano-writer", "sano"),
            ] {
                let mut consumer = toml::Table::new();
                consumer.insert("name".into(), id.into());
                consumer.insert("tenant".into(), tenant.into());
                consumer.insert("roles".into(), toml::Value::Array(vec!["writer".into()]));
                consumer.insert("keys".into(), keys(&key_of(id)));
                consumers.insert(id.into(), toml::Value::Table(consumer));
            }
        })
        .policy("tochigi.cedar", &may_write("tochigi-writer", "tochigi"))
        .policy("tochigi.cedar", reads)
        .policy("yaita.cedar", &may_write("tochigi-writer", "yaita"))
        .policy("yaita.cedar", &may_write("yaita-writer", "yaita"))
        .policy("yaita.cedar", aeds)
        .policy("sano.cedar", &may_write("sano-writer", "sano"))
        .start()
        .await
}

fn aed(id: &str) -> Value {
    json!({
        "id": id,
        "type": "AED",
        "name": { "type": "Property", "value": "市民会館AED" },
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [139.9, 36.8] } },
    })
}

/// What stands in a partition for everybody who may read it.
async fn read(platform: &Platform, id: &str, tenant: &str) -> Answer {
    platform.entity(id).tenant(tenant).await
}

#[track_caller]
fn refused(answer: &Answer, status: u16, error_type: &str) {
    assert_eq!(
        (answer.status, answer.error_type().as_str()),
        (status, error_type),
        "{answer}"
    );
}

#[tokio::test]
//= 5.6.1.4-1, 5.6.1.4-2, 5.6.6.4-4, 6.3.6-8, 6.4.3.1-1, 6.4.3.1-2, 6.5.3.2-1
async fn what_is_created_reads_back_equal_until_it_is_deleted() {
    let platform = platform().await;
    let entity = aed("urn:ngsi-ld:AED:written");
    let created = platform.create(&entity).by("tochigi-writer").await;
    assert_eq!(created.status, 201, "{created}");
    assert_eq!(
        created.header("location"),
        Some("/ngsi-ld/v1/entities/urn:ngsi-ld:AED:written")
    );
    let mut found = read(&platform, "urn:ngsi-ld:AED:written", "tochigi").await.json();
    found.as_object_mut().unwrap().remove("@context");
    assert_eq!(found, entity);
    refused(
        &platform.create(&entity).by("tochigi-writer").await,
        409,
        "AlreadyExists",
    );
    let deleted = platform.delete("urn:ngsi-ld:AED:written").by("tochigi-writer").await;
    assert_eq!(
        (deleted.status, deleted.header("content-length")),
        (204, None),
        "{deleted}"
    );
    refused(
        &platform.delete("urn:ngsi-ld:AED:written").by("tochigi-writer").await,
        404,
        "ResourceNotFound",
    );
    assert_eq!(read(&platform, "urn:ngsi-ld:AED:written", "tochigi").await.status, 404);
}

#[tokio::test]
//= 5.2.2-1
async fn the_dates_of_the_system_are_not_the_writers() {
    let platform = platform().await;
    let mut entity = aed("urn:ngsi-ld:AED:dated");
    entity["createdAt"] = json!("1999-01-01T00:00:00Z");
    entity["name"]["modifiedAt"] = json!("1999-01-01T00:00:00Z");
    let created = platform.create(&entity).by("tochigi-writer").await;
    assert_eq!(created.status, 201, "{created}");
    let found = platform
        .get("/ngsi-ld/v1/entities/urn:ngsi-ld:AED:dated?options=sysAttrs")
        .tenant("tochigi")
        .await
        .json();
    assert!(!found.to_string().contains("1999"), "{found}");
    assert!(found["createdAt"].is_string() && found["name"]["modifiedAt"].is_string());
}

#[tokio::test]
async fn equal_ids_of_two_tenants_know_nothing_of_each_other() {
    let platform = platform().await;
    let id = "urn:ngsi-ld:AED:shared-id";
    let mut of_yaita = aed(id);
    of_yaita["name"]["value"] = json!("矢板市のAED");
    assert_eq!(platform.create(&aed(id)).by("tochigi-writer").await.status, 201);
    // Yaita's writer is not told that Tochigi has one of that id.
    assert_eq!(platform.create(&of_yaita).by("yaita-writer").await.status, 201);
    // The header names the partition.
    refused(
        &platform.create(&aed(id)).by("tochigi-writer").tenant("yaita").await,
        409,
        "AlreadyExists",
    );
    assert_eq!(platform.delete(id).by("yaita-writer").await.status, 204);
    assert_eq!(read(&platform, id, "tochigi").await.status, 200);
    assert_eq!(read(&platform, id, "yaita").await.status, 404);
}

#[tokio::test]
async fn outside_of_the_grant_nothing_is_written_and_nothing_told() {
    let platform = platform().await;
    let there = "urn:ngsi-ld:AED:there";
    assert_eq!(platform.create(&aed(there)).by("tochigi-writer").await.status, 201);
    for id in [there, "urn:ngsi-ld:AED:not-there"] {
        for (consumer, tenant, status, error_type) in [
            // Of that tenant it may see nothing: for it, there is none.
            ("yaita-writer", Some("tochigi"), 404, "NonexistentTenant"),
            ("bousai-map", None, 403, "about:blank"),
            ("limited-app", Some("tochigi"), 403, "about:blank"),
        ] {
            let with_tenant = |ask: super::harness::Ask| match tenant {
                Some(tenant) => ask.by(consumer).tenant(tenant),
                None => ask.by(consumer),
            };
            refused(&with_tenant(platform.create(&aed(id))).await, status, error_type);
            refused(&with_tenant(platform.delete(id)).await, status, error_type);
        }
        // Nobody's partition is meant.
        refused(&platform.create(&aed(id)).anonymous().await, 403, "about:blank");
        refused(&platform.create(&aed(id)).by("limited-app").await, 403, "about:blank");
    }
    assert_eq!(read(&platform, there, "tochigi").await.status, 200);
    assert_eq!(
        read(&platform, "urn:ngsi-ld:AED:not-there", "tochigi").await.status,
        404
    );
}

#[tokio::test]
async fn a_grant_of_one_type_reaches_no_other() {
    let platform = platform().await;
    let site = json!({ "id": "urn:ngsi-ld:EvacuationSite:new", "type": "EvacuationSite" });
    refused(&platform.create(&site).by("aed-writer").await, 403, "about:blank");
    let both = json!({ "id": "urn:ngsi-ld:AED:both", "type": ["AED", "EvacuationSite"] });
    refused(&platform.create(&both).by("aed-writer").await, 403, "about:blank");
    assert_eq!(platform.create(&site).by("yaita-writer").await.status, 201);
    // It may read neither, so that what exists and what does not are the same to it.
    refused(
        &platform.delete("urn:ngsi-ld:EvacuationSite:new").by("aed-writer").await,
        404,
        "ResourceNotFound",
    );
    refused(
        &platform.delete("urn:ngsi-ld:EvacuationSite:old").by("aed-writer").await,
        404,
        "ResourceNotFound",
    );
    // Nor may it put an AED in the place of a site.
    let instead = json!([{ "id": "urn:ngsi-ld:EvacuationSite:new", "type": "AED" }]);
    let answer = platform.post(UPSERT).by("aed-writer").json(&instead).await;
    assert_eq!(answer.status, 207, "{answer}");
    let kept = read(&platform, "urn:ngsi-ld:EvacuationSite:new", "yaita").await;
    assert_eq!(kept.ok().json()["type"], "EvacuationSite");
}

#[tokio::test]
async fn what_is_personal_or_unclassified_is_never_written() {
    let platform = platform().await;
    let base = aed("urn:ngsi-ld:AED:personal");
    let with = |name: &str, value: Value| {
        let mut entity = base.clone();
        entity[name] = value;
        entity
    };
    let property = json!({ "type": "Property", "value": "x" });
    let mut inner = base.clone();
    inner["name"]["managerName"] = property.clone();
    for entity in [
        json!({ "id": "urn:ngsi-ld:Resident:1", "type": "Resident" }),
        with("type", json!(["AED", "Resident"])),
        with("type", json!("NobodyHasClassifiedThis")),
        with("fullName", property.clone()),
        with("nobodyHasClassifiedThis", property.clone()),
        inner,
    ] {
        let answer = platform.create(&entity).by("tochigi-writer").await;
        refused(&answer, 403, "about:blank");
        let answer = platform.post(CREATE).by("tochigi-writer").json(&json!([entity])).await;
        assert_eq!(answer.status, 207, "{answer}");
        assert_eq!(answer.json()["success"], json!([]), "{answer}");
        assert_eq!(answer.json()["errors"][0]["error"]["status"], 403, "{answer}");
    }
    assert_eq!(read(&platform, "urn:ngsi-ld:AED:personal", "tochigi").await.status, 404);
}

#[tokio::test]
async fn a_tenant_without_a_partition_offers_no_writing() {
    let platform = platform().await;
    let answer = platform.create(&aed("urn:ngsi-ld:AED:1")).by("sano-writer").await;
    refused(&answer, 422, "OperationNotSupported");
    let answer = platform.delete("urn:ngsi-ld:AED:1").by("sano-writer").await;
    refused(&answer, 422, "OperationNotSupported");
    assert_eq!(platform.asked_of_sano().len(), 0);
}

#[tokio::test]
//= 5.5.4-1, 5.5.4-2, 6.3.5-3, 6.3.5-4
async fn malformed_bodies_are_refused_and_say_where() {
    let platform = platform().await;
    let id = "urn:ngsi-ld:AED:malformed";
    let deep = format!(
        r#"{{"id":"{id}","type":"AED","name":{}1{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let json = "application/json";
    let json_ld = "application/ld+json";
    for (media_type, body, error_type, word) in [
        (json, " ".to_owned(), "InvalidRequest", "JSON"),
        (json, "{".to_owned(), "InvalidRequest", "line 1"),
        (json, "[]".to_owned(), "InvalidRequest", "object"),
        (json, r#"{"type":"AED"}"#.to_owned(), "BadRequestData", "id"),
        (json, format!(r#"{{"id":"{id}"}}"#), "BadRequestData", "type"),
        (
            json,
            r#"{"id":"no uri","type":"AED"}"#.to_owned(),
            "BadRequestData",
            "id",
        ),
        (
            json,
            format!(r#"{{"id":"{id}","id":"{id}","type":"AED"}}"#),
            "BadRequestData",
            "id",
        ),
        (
            json,
            format!(r#"{{"id":"{id}","type":"AED","name":{{"type":"Property","value":null}}}}"#),
            "BadRequestData",
            "name.value",
        ),
        (
            json,
            format!(
                r#"{{"id":"{id}","type":"AED","location":{{"type":"GeoProperty","value":{{"type":"Point","coordinates":[1]}}}}}}"#
            ),
            "BadRequestData",
            "location",
        ),
        (json, deep, "BadRequestData", "64"),
        (
            json,
            format!(r#"{{"id":"{id}","type":"AED","@context":{{}}}}"#),
            "BadRequestData",
            "@context",
        ),
        (
            json_ld,
            format!(r#"{{"id":"{id}","type":"AED"}}"#),
            "BadRequestData",
            "@context",
        ),
        (
            json_ld,
            format!(r#"{{"id":"{id}","type":"AED","@context":5}}"#),
            "BadRequestData",
            "@context",
        ),
    ] {
        let shown: String = body.chars().take(80).collect();
        let answer = platform
            .post("/ngsi-ld/v1/entities")
            .by("tochigi-writer")
            .body(media_type, body)
            .await;
        refused(&answer, 400, error_type);
        assert!(answer.problem().detail.contains(word), "{shown}: {answer}");
    }
    assert_eq!(read(&platform, id, "tochigi").await.status, 404, "nothing was written");
}

#[tokio::test]
//= 6.3.2-3, 6.3.5-5
async fn a_body_says_its_type_and_its_length_and_stays_within_the_limit() {
    let platform = platform().await;
    let entity = aed("urn:ngsi-ld:AED:typed").to_string();
    for media_type in ["application/xml", "text/plain", "application/geo+json", ""] {
        let answer = platform
            .post("/ngsi-ld/v1/entities")
            .by("tochigi-writer")
            .body(media_type, entity.clone())
            .await;
        assert_eq!(answer.status, 415, "{media_type}: {answer}");
    }
    let large = format!("{entity}{}", " ".repeat(3 * 1024 * 1024));
    let answer = platform
        .post("/ngsi-ld/v1/entities")
        .by("tochigi-writer")
        .body("application/json", large)
        .await;
    refused(&answer, 413, "about:blank");
    let in_body = r#"{"@context": {"名称": "https://example.org/x"}, "id": "urn:ngsi-ld:AED:ld", "type": "AED"}"#;
    let link = "<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld>; \
                rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";
    let answer = platform
        .post("/ngsi-ld/v1/entities")
        .by("tochigi-writer")
        .header("link", link)
        .body("application/ld+json", in_body)
        .await;
    refused(&answer, 400, "BadRequestData");
    assert_eq!(read(&platform, "urn:ngsi-ld:AED:typed", "tochigi").await.status, 404);
}

#[tokio::test]
//= 5.2.16-1, 5.2.17-1, 5.6.7.4-1, 5.6.7.4-2, 5.6.8.4-3, 5.6.10.4-1, 5.6.10.4-2, 6.14.3.1-1, 6.15.3.1-1, 6.17.3.1-1
async fn a_batch_tells_what_became_of_each() {
    let platform = platform().await;
    let ids: Vec<String> = (0..4).map(|number| format!("urn:ngsi-ld:AED:batch-{number}")).collect();
    let two = json!([aed(&ids[0]), aed(&ids[1])]);
    let created = platform.post(CREATE).by("tochigi-writer").json(&two).await;
    assert_eq!(
        (created.status, created.json()),
        (201, json!([ids[0], ids[1]])),
        "{created}"
    );

    let mixed = json!([
        aed(&ids[1]),
        aed(&ids[2]),
        { "id": "urn:ngsi-ld:AED:batch-bad", "type": "AED", "name": { "type": "Property", "value": null } },
    ]);
    let partly = platform.post(CREATE).by("tochigi-writer").json(&mixed).await;
    assert_eq!(partly.status, 207, "{partly}");
    let result = partly.json();
    assert_eq!(result["success"], json!([ids[2]]));
    assert_eq!(result["errors"][0]["entityId"], ids[1].as_str());
    assert_eq!(
        result["errors"][0]["error"]["type"],
        "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists"
    );
    assert_eq!(
        result["errors"][1]["error"]["type"],
        "https://uri.etsi.org/ngsi-ld/errors/BadRequestData"
    );

    let upserted = json!([aed(&ids[2]), aed(&ids[3])]);
    let answer = platform.post(UPSERT).by("tochigi-writer").json(&upserted).await;
    assert_eq!((answer.status, answer.json()), (201, json!([ids[3]])), "{answer}");
    let answer = platform.post(UPSERT).by("tochigi-writer").json(&upserted).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0), "{answer}");

    let answer = platform
        .post(DELETE)
        .by("tochigi-writer")
        .json(&json!([ids[0], ids[1]]))
        .await;
    assert_eq!(answer.status, 204, "{answer}");
    let answer = platform
        .post(DELETE)
        .by("tochigi-writer")
        .json(&json!([ids[0], ids[2]]))
        .await;
    assert_eq!(
        (answer.status, &answer.json()["success"]),
        (207, &json!([ids[2]])),
        "{answer}"
    );
    assert_eq!(answer.json()["errors"][0]["error"]["status"], 404);

    for body in [json!([]), json!([null]), json!({}), json!([aed(&ids[0]), null])] {
        let answer = platform.post(CREATE).by("tochigi-writer").json(&body).await;
        refused(&answer, 400, "BadRequestData");
        let answer = platform.post(DELETE).by("tochigi-writer").json(&body).await;
        refused(&answer, 400, "BadRequestData");
    }
    assert_eq!(read(&platform, &ids[0], "tochigi").await.status, 404);
}

#[tokio::test]
async fn what_not_every_reader_of_json_reads_the_same_is_refused_where_it_stands() {
    let platform = platform().await;
    let long = "7".repeat(10_000);
    for (value, place) in [
        ("1e400", "name.value"),
        (r#"{"a":[1,-1e999]}"#, "name.value.a[1]"),
        (long.as_str(), "name.value"),
        (r#"{"a":{"b":1,"b":2}}"#, "name.value.a.b"),
        (r#"{"a":"\ud83d"}"#, "name.value.a"),
        (r#"1,"value":2"#, "name.value"),
        (r#"1},"name":{"type":"Property","value":2"#, "name"),
        (r#"1},"id":"urn:ngsi-ld:AED:W1","x":{"type":"Property","value":2"#, "id"),
    ] {
        let entity =
            format!(r#"{{"id":"urn:ngsi-ld:AED:W1","type":"AED","name":{{"type":"Property","value":{value}}}}}"#);
        let create = platform.post("/ngsi-ld/v1/entities").by("tochigi-writer");
        let answer = create.body("application/json", entity.clone()).await;
        refused(&answer, 400, "BadRequestData");
        assert!(
            answer.problem().detail.contains(&format!("{place}: ")),
            "{place}: {answer}"
        );
        // Of several, the one is named; what holds for the others holds.
        let create = platform
            .post("/ngsi-ld/v1/entityOperations/create")
            .by("tochigi-writer");
        let answer = create.body("application/json", format!("[{entity}]")).await;
        assert!(answer.status == 400 || answer.status == 207, "{answer}");
        assert_eq!(read(&platform, "urn:ngsi-ld:AED:W1", "tochigi").await.status, 404);
    }
}
