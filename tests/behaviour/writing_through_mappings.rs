//! Writing through to a custom platform whose mapping says how: what is permitted stands there and reads back, nothing that the view
//! does not show is lost, and of what is not permitted, or would come back as something else, nothing arrives.

use http::Method;
use serde_json::{Value, json};
use stand_ins::LoggedRequest;

use super::harness::{Answer, Builder, Files, Finished, Platform, SANO, change_source, key_of, keys, section};

const TENANT: &str = "sano";
const WRITER: &str = "sano-writer";
/// Who may see and write the names alone.
const NAMER: &str = "sano-namer";
const ID: &str = "urn:ngsi-ld:EvacuationSite:E0920459009001";
const RAW: &str = "E0920459009001";
/// One that the platform has.
const STANDING: &str = "urn:ngsi-ld:EvacuationSite:E0920400001201";
const STANDING_RAW: &str = "E0920400001201";

const CHANGE: &str = "change = { path = \"/api/v1/sites/{kyotsu_id}\" }\n";

const WRITE: &str = "[types.EvacuationSite.write]\n\
                     create = { path = \"/api/v1/sites\" }\n\
                     replace = { path = \"/api/v1/sites/{kyotsu_id}\" }\n\
                     change = { path = \"/api/v1/sites/{kyotsu_id}\" }\n\
                     delete = { path = \"/api/v1/sites/{kyotsu_id}\" }\n\
                     texts = [\"ido\", \"keido\"]\n\
                     set_by_platform = [\"koshin\"]\n\n";

/// The committed mapping, with how its sites are written.
fn mapping(files: &Files, write: &str) -> String {
    let mapping = files.read("mappings/sano.toml");
    let words = "\"無\" = false, \"\" = false }\n";
    let filters = "[types.EvacuationSite.filters]";
    assert!(mapping.contains(words) && mapping.contains(filters));
    mapping
        .replacen(words, &format!("{words}write = [\"○\", \"無\"]\n"), 1)
        .replacen(filters, &format!("{write}{filters}"), 1)
}

async fn builder(write: &str) -> Builder {
    let mut policies = String::new();
    for action in ["provide", "read"] {
        for (writer, annotation) in [(WRITER, ""), (NAMER, "@attributes(\"name\")\n")] {
            policies += &format!(
                "{annotation}permit (principal == Consumer::\"{writer}\", action in Action::\"{action}\", \
                 resource in Tenant::\"{TENANT}\") when {{ resource.class == Class::\"open\" }};\n"
            );
        }
    }
    let builder = Platform::builder()
        .await
        .tenants(|table| {
            for writer in [WRITER, NAMER] {
                let mut consumer = toml::Table::new();
                consumer.insert("name".into(), writer.into());
                consumer.insert("tenant".into(), TENANT.into());
                consumer.insert("keys".into(), keys(&key_of(writer)));
                section(table, "consumers").insert(writer.into(), toml::Value::Table(consumer));
            }
            change_source(table, SANO, |source| {
                source.insert("writable".into(), true.into());
            });
        })
        .policy("sano.cedar", &policies);
    let changed = mapping(builder.files(), write);
    builder.files().write("mappings/sano.toml", changed);
    builder.demo().sano().take_writes();
    builder
}

async fn start(write: &str) -> Platform {
    let platform = builder(write).await.start().await;
    platform.forget_requests();
    platform
}

/// What was to change something in the platform since it was last asked.
fn changes(platform: &Platform) -> Vec<LoggedRequest> {
    let asked = platform.asked_of_sano();
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
        "typeOfDisasterFlood": { "type": "Property", "value": true },
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [139.578_125, 36.314_2] } },
    });
    for (name, value) in more.as_object().unwrap() {
        site[name] = value.clone();
    }
    site
}

async fn read(platform: &Platform, id: &str) -> Answer {
    platform.entity(id).by(WRITER).tenant(TENANT).await
}

async fn patch(platform: &Platform, id: &str, fragment: &Value) -> Answer {
    platform
        .request(Method::PATCH, format!("/ngsi-ld/v1/entities/{id}"))
        .json(fragment)
        .by(WRITER)
        .await
}

#[tokio::test]
async fn what_is_written_stands_in_the_platform_and_reads_back_until_it_is_deleted() {
    let platform = start(WRITE).await;
    let created = platform.create(&site(ID, &json!({}))).by(WRITER).await;
    assert_eq!(created.status, 201, "{created}");
    let sent = changes(&platform);
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].method.as_str(), sent[0].path.as_str()),
        ("POST", "/api/v1/sites")
    );
    assert!(sent[0].header("x-api-key").is_some());
    let record = platform.demo().sano().record(RAW).unwrap();
    assert_eq!(
        (&record["namae"], &record["ido"], &record["keido"], &record["kozui"]),
        (
            &json!("第一小学校"),
            &json!("36.3142"),
            &json!("139.578125"),
            &json!("○")
        )
    );
    let found = read(&platform, ID).await.ok().json();
    assert_eq!(found["name"]["value"], "第一小学校");
    assert_eq!(
        found["location"]["value"]["coordinates"],
        json!([139.578_125, 36.314_2])
    );
    assert_eq!(found["typeOfDisasterFlood"]["value"], true);

    let again = platform.create(&site(ID, &json!({}))).by(WRITER).await;
    assert_eq!(
        (again.status, again.error_type().as_str()),
        (409, "AlreadyExists"),
        "{again}"
    );
    assert!(changes(&platform).is_empty());

    let patched = patch(
        &platform,
        ID,
        &json!({ "remarks": { "type": "Property", "value": "体育館" } }),
    )
    .await;
    assert_eq!(patched.status, 204, "{patched}");
    let sent = changes(&platform);
    assert_eq!(
        (sent[0].method.as_str(), sent[0].path.as_str()),
        ("PATCH", &*format!("/api/v1/sites/{RAW}"))
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&sent[0].body).unwrap(),
        json!({ "biko": "体育館" })
    );
    assert!(sent[0].header("if-match").is_some());

    let partial = platform
        .request(
            Method::PATCH,
            format!("/ngsi-ld/v1/entities/{ID}/attrs/typeOfDisasterFlood"),
        )
        .json(&json!({ "type": "Property", "value": false }))
        .by(WRITER)
        .await;
    assert_eq!(partial.status, 204, "{partial}");
    assert_eq!(platform.demo().sano().record(RAW).unwrap()["kozui"], "無");

    let removed = platform
        .request(Method::DELETE, format!("/ngsi-ld/v1/entities/{ID}/attrs/remarks"))
        .by(WRITER)
        .await;
    assert_eq!(removed.status, 204, "{removed}");
    assert!(read(&platform, ID).await.ok().json().get("remarks").is_none());

    let deleted = platform.delete(ID).by(WRITER).await;
    assert_eq!(deleted.status, 204, "{deleted}");
    assert!(platform.demo().sano().record(RAW).is_none());
    assert_eq!(platform.delete(ID).by(WRITER).await.status, 404);
}

#[tokio::test]
async fn a_record_that_can_only_be_sent_whole_keeps_what_the_view_does_not_show() {
    let platform = start(&WRITE.replace(CHANGE, "")).await;
    let before = platform.demo().sano().record(STANDING_RAW).unwrap();
    let patched = patch(
        &platform,
        STANDING,
        &json!({ "name": { "type": "Property", "value": "別の名" } }),
    )
    .await;
    assert_eq!(patched.status, 204, "{patched}");
    assert_eq!(changes(&platform)[0].method, Method::PUT);
    let mut after = platform.demo().sano().record(STANDING_RAW).unwrap();
    assert_eq!(after["namae"], "別の名");
    for member in ["namae", "koshin"] {
        after[member] = before[member].clone();
    }
    // Who holds the keys is in there, whom no consumer ever sees.
    assert!(before["kanrisha_keitai"].is_string());
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_writer_of_one_attribute_changes_that_one_alone_and_deletes_nothing() {
    let platform = start(WRITE).await;
    let before = platform.demo().sano().record(STANDING_RAW).unwrap();
    let patched = platform
        .request(Method::PATCH, format!("/ngsi-ld/v1/entities/{STANDING}"))
        .json(&json!({ "name": { "type": "Property", "value": "別の名" } }))
        .by(NAMER)
        .await;
    assert_eq!(patched.status, 204, "{patched}");
    let sent = changes(&platform);
    assert_eq!(
        serde_json::from_slice::<Value>(&sent[0].body).unwrap(),
        json!({ "namae": "別の名" })
    );
    let mut after = platform.demo().sano().record(STANDING_RAW).unwrap();
    for member in ["namae", "koshin"] {
        after[member] = before[member].clone();
    }
    assert_eq!(after, before);
    let deleted = platform.delete(STANDING).by(NAMER).await;
    assert_eq!(deleted.status, 403, "{deleted}");
    assert!(changes(&platform).is_empty());
}

#[tokio::test]
async fn a_writer_of_one_attribute_does_not_find_out_what_else_is_dated_with_it() {
    let builder = builder(&WRITE.replace("set_by_platform = [\"koshin\"]\n", "")).await;
    let mut mapping = builder
        .files()
        .read("mappings/sano.toml")
        .replacen("observed_at = \"koshin\"\n", "", 1);
    for (name, field) in [("name", "namae"), ("remarks", "biko")] {
        let plain = format!("\n{name} = \"{field}\"");
        assert!(mapping.contains(&plain), "{name}");
        let dated = format!("\n{name} = {{ field = \"{field}\", observed_at = \"koshin\" }}");
        mapping = mapping.replacen(&plain, &dated, 1);
    }
    builder.files().write("mappings/sano.toml", mapping);
    let platform = builder.start().await;
    let other = "urn:ngsi-ld:EvacuationSite:E0920459009002";
    let remarks = json!({ "remarks": { "type": "Property", "value": "体育館" } });
    for (id, more) in [(ID, &remarks), (other, &json!({}))] {
        let created = platform.create(&site(id, more)).by(WRITER).await;
        assert_eq!(created.status, 201, "{created}");
    }
    changes(&platform);
    let name = json!({ "name": { "type": "Property", "value": "別の名", "observedAt": "2020-01-01T00:00:00Z" } });
    let mut details = Vec::new();
    for id in [ID, other] {
        let refused = platform
            .request(Method::PATCH, format!("/ngsi-ld/v1/entities/{id}"))
            .json(&name)
            .by(NAMER)
            .await;
        assert_eq!(refused.status, 400, "{id}: {refused}");
        details.push(refused.problem().detail);
    }
    assert!(details[0].starts_with("`name`: "), "{details:?}");
    assert_eq!(details[0], details[1]);
    assert!(changes(&platform).is_empty());
}

#[tokio::test]
async fn what_the_platform_would_give_back_as_something_else_is_refused_by_the_attributes_name() {
    let platform = start(WRITE).await;
    for (name, attribute) in [
        (
            "name",
            json!({ "type": "LanguageProperty", "languageMap": { "ja": "学校" } }),
        ),
        ("name", json!({ "type": "Property", "value": "---" })),
        (
            "name",
            json!({ "type": "Property", "value": "a", "observedAt": "2026-01-01T00:00:00Z" }),
        ),
        ("typeOfDisasterFlood", json!({ "type": "Property", "value": "maybe" })),
        ("localGovernmentCode", json!({ "type": "Property", "value": "092010" })),
        (
            "location",
            json!({ "type": "GeoProperty", "value": { "type": "Point", "coordinates": [0, 0] } }),
        ),
        ("maxCapacity", json!({ "type": "Property", "value": 1 })),
    ] {
        let refused = platform.create(&site(ID, &json!({ name: attribute }))).by(WRITER).await;
        assert_eq!(refused.status, 400, "{attribute}: {refused}");
        let detail = refused.problem().detail;
        assert!(detail.starts_with(&format!("`{name}`: ")), "{detail}");
    }
    assert!(changes(&platform).is_empty());
    let other = "urn:ngsi-ld:EvacuationSite:E0920459009002";
    let batch = platform
        .post("/ngsi-ld/v1/entityOperations/create")
        .json(&json!([
            site(ID, &json!({ "name": { "type": "Property", "value": "-" } })),
            site(other, &json!({})),
        ]))
        .by(WRITER)
        .await;
    assert_eq!(batch.status, 207, "{batch}");
    assert_eq!(batch.json()["success"], json!([other]));
    assert_eq!(changes(&platform).len(), 1);
}

#[tokio::test]
async fn what_leads_to_a_person_or_has_no_class_never_reaches_the_platform() {
    let present = builder(WRITE).await.tenants(|table| {
        change_source(table, SANO, |source| {
            source.insert("personal_data".into(), "present".into());
        });
    });
    let platform = present.start().await;
    platform.forget_requests();
    let attribute = site(
        ID,
        &json!({ "nobodyKnowsThis": { "type": "Property", "value": "試験 花子" } }),
    );
    let value = site(
        ID,
        &json!({ "name": { "type": "Property", "value": "担当 090-1234-5678" } }),
    );
    for entity in [&attribute, &value] {
        let refused = platform.create(entity).by(WRITER).await;
        assert_eq!(refused.status, 403, "{entity}: {refused}");
        let told = refused.everything();
        assert!(!told.contains("花子") && !told.contains("090-1234"), "{told}");
    }
    assert!(platform.asked_of_sano().is_empty(), "the platform was asked nothing");
    let log = platform.whole_log().await;
    assert!(!log.contains("花子") && !log.contains("090-1234"));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_sent_once_and_nobody_is_told_that_it_was_not_done() {
    let platform = start(WRITE).await;
    platform.demo().sano().lose_answers();
    let created = platform.create(&site(ID, &json!({}))).by(WRITER).await;
    assert!(created.status >= 500, "{created}");
    assert!(
        created.problem().detail.contains("nobody knows whether it was written"),
        "{created}"
    );
    assert_eq!(changes(&platform).len(), 1);
    assert!(platform.demo().sano().record(RAW).is_some(), "it was");
}

#[tokio::test]
async fn what_the_mapping_does_not_say_cannot_be_done_and_is_named() {
    let platform = start(&WRITE.replace("delete = { path = \"/api/v1/sites/{kyotsu_id}\" }\n", "")).await;
    let refused = platform.delete(STANDING).by(WRITER).await;
    assert_eq!(
        (refused.status, refused.error_type().as_str()),
        (422, "OperationNotSupported"),
        "{refused}"
    );
    let detail = refused.problem().detail;
    assert!(
        detail.contains("no `delete` in [types.EvacuationSite.write]"),
        "{detail}"
    );
    assert!(changes(&platform).is_empty());
}

#[test]
fn the_check_says_what_a_mapping_lacks_and_what_would_not_come_back_from_its_sample() {
    let files = Files::committed();
    files.change_tenants(|table| {
        change_source(table, SANO, |source| {
            source.insert("writable".into(), true.into());
        });
    });
    let check = || {
        let Finished { stdout, stderr, .. } = Finished::of(files.folder(), &["check"]);
        stdout + &stderr
    };
    let said = check();
    assert!(
        said.contains("its mapping says of none of its types how they are written"),
        "{said}"
    );
    let without_texts = WRITE.replace("texts = [\"ido\", \"keido\"]\n", "");
    files.write("mappings/sano.toml", mapping(&files, &without_texts));
    let said = check();
    assert!(
        said.contains("`DesignatedShelter`") && said.contains("stay read-only"),
        "{said}"
    );
    assert!(
        said.contains("the field `ido` of ") && said.contains("name it in `texts`"),
        "{said}"
    );
    assert!(said.contains("well: revision"), "{said}");
}
