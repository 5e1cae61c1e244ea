//! A write of a tenant that has a part of the store and a system of its own: what goes where by the system's mode, and what is told
//! where a part fails (CIM 009 clauses 4.3.6.2, 4.3.6.3, 5.6 and 6.3.17).

use http::Method;
use serde_json::{Value, json};
use stand_ins::LoggedRequest;
use toml::Value as Toml;

use super::explained_requests::explained;
use super::harness::{Answer, Ask, Builder, ORION, Platform, change_source, key_of, keys, section};

pub(super) const TENANT: &str = "nasushiobara";
pub(super) const WRITER: &str = "nasu-writer";
pub(super) const ID: &str = "urn:ngsi-ld:EvacuationSite:E092130009001";
pub(super) const OTHER: &str = "urn:ngsi-ld:EvacuationSite:E092130009002";
const REGISTRATION: &str = "urn:ngsi-ld:ContextSourceRegistration:nasushiobara-orion";
pub(super) const ENTITIES: &str = "/ngsi-ld/v1/entities";

/// Everything of the type.
pub(super) const WHOLE: &str = r#"[{ type = "EvacuationSite" }]"#;
/// One attribute of one entity.
pub(super) const ONE: &str =
    r#"[{ type = "EvacuationSite", id = "urn:ngsi-ld:EvacuationSite:E092130009001", attributes = ["maxCapacity"] }]"#;

/// The city has a part of the store, and its Orion stands to that as `mode` says.
pub(super) async fn platform(mode: &str, provides: &str, writable: bool) -> Platform {
    let platform = builder(mode, provides, writable).await.start().await;
    platform.forget_requests();
    platform
}

pub(super) async fn builder(mode: &str, provides: &str, writable: bool) -> Builder {
    let provides: toml::Table = format!("provides = {provides}").parse().unwrap();
    let policy = format!(
        "permit (principal == Consumer::\"{WRITER}\", action, resource == EntityType::\"{TENANT}/EvacuationSite\");\n"
    );
    Platform::builder()
        .await
        .tenants(|table| {
            let mut consumer = toml::Table::new();
            consumer.insert("name".into(), WRITER.into());
            consumer.insert("tenant".into(), TENANT.into());
            consumer.insert("keys".into(), keys(&key_of(WRITER)));
            section(table, "consumers").insert(WRITER.into(), Toml::Table(consumer));
            change_source(table, "tochigi-store", |store| {
                let partitions = store["partitions"].as_array_mut().unwrap();
                partitions.push(TENANT.into());
            });
            change_source(table, ORION, |source| {
                source.insert("mode".into(), mode.into());
                source.insert("writable".into(), writable.into());
                source.insert("personal_data".into(), "none".into());
                source.insert("provides".into(), provides["provides"].clone());
            });
        })
        .policy("nasushiobara.cedar", &policy)
}

/// The same, where the Orion of the city does not answer.
pub(super) fn away(builder: Builder) -> Builder {
    builder.tenants(|table| {
        change_source(table, ORION, |source| {
            source.insert("endpoint".into(), "http://127.0.0.1:9".into());
        });
    })
}

pub(super) fn property(value: impl Into<Value>) -> Value {
    json!({ "type": "Property", "value": value.into() })
}

pub(super) fn site(id: &str, capacity: impl Into<Value>) -> Value {
    json!({
        "id": id,
        "type": "EvacuationSite",
        "name": property("第一小学校"),
        "maxCapacity": property(capacity),
    })
}

/// What was to change something in Orion since it was last asked.
pub(super) fn sent(platform: &Platform) -> Vec<LoggedRequest> {
    let asked = platform.asked_of_orion();
    platform.forget_requests();
    let changes = asked.into_iter().filter(|request| request.method != Method::GET);
    changes.collect()
}

/// An entity as it is shown, or as the store alone has it; null: there is none.
pub(super) async fn seen(platform: &Platform, id: &str, local: bool) -> Value {
    let target = format!("{ENTITIES}/{id}?options=keyValues&local={local}");
    let answer = platform.get(target).by(WRITER).tenant(TENANT).await;
    if answer.status == 404 {
        return Value::Null;
    }
    let mut entity = answer.ok().json();
    for member in ["@context", "id", "type"] {
        entity.as_object_mut().unwrap().remove(member);
    }
    entity
}

pub(super) fn change(platform: &Platform, method: Method, rest: &str, body: &Value) -> Ask {
    let ask = platform.request(method, format!("{ENTITIES}/{rest}"));
    ask.by(WRITER).body("application/json", body.to_string())
}

pub(super) fn batch(platform: &Platform, name: &str, body: &Value) -> Ask {
    let ask = platform.post(format!("/ngsi-ld/v1/entityOperations/{name}"));
    ask.by(WRITER).json(body)
}

#[track_caller]
pub(super) fn is(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer}");
}

/// That a write failed in the part of Orion alone, with this status.
#[track_caller]
pub(super) fn failed_in_orion(answer: &Answer, status: u16) {
    is(answer, 207);
    let told = answer.json();
    let errors = told["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{answer}");
    assert_eq!(
        (&errors[0]["registrationId"], &errors[0]["error"]["status"]),
        (&json!(REGISTRATION), &json!(status)),
        "{answer}"
    );
    assert_eq!(told["success"], json!([ID]), "{answer}");
}

#[tokio::test]
async fn what_is_redirected_stands_in_the_other_system_and_never_in_the_store() {
    let platform = platform("redirect", WHOLE, true).await;
    is(&platform.create(&site(ID, 250)).by(WRITER).await, 201);
    assert_eq!(sent(&platform).len(), 1);
    assert_eq!(seen(&platform, ID, true).await, Value::Null);
    let shown = json!({ "name": "第一小学校", "maxCapacity": 250 });
    assert_eq!(seen(&platform, ID, false).await, shown);
    is(&platform.create(&site(ID, 1)).by(WRITER).await, 409);

    let capacity = |value: u32| json!({ "maxCapacity": property(value) });
    is(&change(&platform, Method::PATCH, ID, &capacity(1)).await, 204);
    is(
        &change(&platform, Method::POST, &format!("{ID}/attrs"), &capacity(2)).await,
        204,
    );
    is(
        &change(&platform, Method::PATCH, &format!("{ID}/attrs"), &capacity(3)).await,
        204,
    );
    let path = format!("{ID}/attrs/maxCapacity");
    is(
        &change(&platform, Method::PATCH, &path, &json!({ "value": 4 })).await,
        204,
    );
    is(&change(&platform, Method::PUT, &path, &property(5)).await, 204);
    assert_eq!(seen(&platform, ID, false).await["maxCapacity"], 5);
    is(
        &platform
            .request(Method::DELETE, format!("{ENTITIES}/{path}"))
            .by(WRITER)
            .await,
        204,
    );
    is(&change(&platform, Method::PUT, ID, &site(ID, 6)).await, 204);
    is(
        &batch(&platform, "upsert", &json!([site(ID, 7), site(OTHER, 8)])).await,
        201,
    );
    is(&batch(&platform, "merge", &json!([site(ID, 8)])).await, 204);
    is(&batch(&platform, "update", &json!([site(ID, 9)])).await, 204);
    assert_eq!(seen(&platform, ID, false).await["maxCapacity"], 9);
    for id in [ID, OTHER] {
        assert_eq!(seen(&platform, id, true).await, Value::Null);
    }
    is(&batch(&platform, "delete", &json!([ID])).await, 204);
    is(&platform.delete(OTHER).by(WRITER).await, 204);
    is(&platform.delete(OTHER).by(WRITER).await, 404);
    assert_eq!(seen(&platform, ID, false).await, Value::Null);
}

#[tokio::test]
async fn an_entity_of_which_one_system_alone_has_an_attribute_is_written_to_both_and_reads_as_one() {
    let platform = platform("exclusive", ONE, true).await;
    is(&platform.create(&site(ID, 250)).by(WRITER).await, 201);
    let bodies: Vec<String> = sent(&platform)
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect();
    assert!(
        bodies.len() == 1 && bodies[0].contains("250") && !bodies[0].contains("学校"),
        "{bodies:?}"
    );
    assert_eq!(seen(&platform, ID, true).await, json!({ "name": "第一小学校" }));
    let shown = json!({ "name": "第一小学校", "maxCapacity": 250 });
    assert_eq!(seen(&platform, ID, false).await, shown);

    let both = json!({ "name": property("a"), "maxCapacity": property(1) });
    is(&change(&platform, Method::PATCH, ID, &both).await, 204);
    assert_eq!(seen(&platform, ID, true).await, json!({ "name": "a" }));
    assert_eq!(
        seen(&platform, ID, false).await,
        json!({ "name": "a", "maxCapacity": 1 })
    );
    sent(&platform);
    is(
        &change(&platform, Method::PATCH, ID, &json!({ "name": property("b") })).await,
        204,
    );
    assert!(
        platform.asked_of_orion().is_empty(),
        "what is not about it is not asked of it"
    );
    is(
        &change(&platform, Method::PATCH, ID, &json!({ "maxCapacity": property(2) })).await,
        204,
    );
    let appended = json!({ "name": property("c"), "maxCapacity": property(3) });
    is(
        &change(&platform, Method::POST, &format!("{ID}/attrs"), &appended).await,
        204,
    );
    is(
        &batch(&platform, "upsert", &json!([site(ID, 4), site(OTHER, 5)])).await,
        201,
    );
    assert_eq!(
        seen(&platform, ID, false).await,
        json!({ "name": "第一小学校", "maxCapacity": 4 })
    );
    assert_eq!(
        seen(&platform, OTHER, true).await,
        json!({ "name": "第一小学校", "maxCapacity": 5 })
    );

    is(&platform.delete(ID).by(WRITER).await, 204);
    assert_eq!(seen(&platform, ID, false).await, Value::Null);
    assert_eq!(sent(&platform).last().unwrap().method, Method::DELETE);
}

//= 6.3.18-1, 6.3.18-2
#[tokio::test]
async fn what_stands_beside_the_store_is_written_to_both() {
    let platform = platform("inclusive", WHOLE, true).await;
    is(&platform.create(&site(ID, 250)).by(WRITER).await, 201);
    assert_eq!(sent(&platform).len(), 1);
    let shown = json!({ "name": "第一小学校", "maxCapacity": 250 });
    assert_eq!(seen(&platform, ID, true).await, shown);
    is(
        &change(&platform, Method::PATCH, ID, &json!({ "maxCapacity": property(1) })).await,
        204,
    );
    assert_eq!(sent(&platform).len(), 1);
    assert_eq!(seen(&platform, ID, true).await["maxCapacity"], 1);

    let local = platform.request(Method::DELETE, format!("{ENTITIES}/{ID}?local=true"));
    is(&local.by(WRITER).await, 204);
    assert!(sent(&platform).is_empty(), "the store alone");
    assert_eq!(seen(&platform, ID, false).await["maxCapacity"], 1);
    // What is not there in one of both and is done in the other is done.
    is(
        &change(&platform, Method::PATCH, ID, &json!({ "maxCapacity": property(2) })).await,
        204,
    );
    assert_eq!(seen(&platform, ID, true).await, Value::Null);
    is(&platform.delete(ID).by(WRITER).await, 204);
    is(&platform.delete(ID).by(WRITER).await, 404);
}

#[tokio::test]
async fn an_auxiliary_system_is_asked_and_never_written_to() {
    let platform = platform("auxiliary", WHOLE, false).await;
    let own = format!(
        r#"[{{"id":"{ID}","type":"EvacuationSite","name":{{"type":"Text","value":"x"}},"maxCapacity":{{"type":"Number","value":9}}}}]"#
    );
    platform.demo().orion().load(TENANT, "/", &own).unwrap();
    let mut named = site(ID, 1);
    named.as_object_mut().unwrap().remove("maxCapacity");
    is(&platform.create(&named).by(WRITER).await, 201);
    assert!(sent(&platform).is_empty());
    let shown = json!({ "name": "第一小学校", "maxCapacity": 9 });
    assert_eq!(seen(&platform, ID, false).await, shown);
    is(&platform.delete(ID).by(WRITER).await, 204);
    assert!(sent(&platform).is_empty());
}

//= 5.2.17-1, 5.2.19-1, 5.6.1.4-3, 5.6.2.4-4, 5.6.3.4-3, 5.6.4.4-5, 5.6.5.4-3, 5.6.6.4-3, 5.6.17.4-3, 5.6.18.4-3, 5.6.19.4-4, 6.4.3.1-3
#[tokio::test]
async fn what_one_system_alone_has_and_does_not_take_is_a_conflict_of_that_part() {
    let platform = platform("exclusive", ONE, false).await;
    let created = platform.create(&site(ID, 250)).by(WRITER).await;
    failed_in_orion(&created, 409);
    assert_eq!(created.header("location"), Some(&*format!("{ENTITIES}/{ID}")));
    assert_eq!(seen(&platform, ID, true).await, json!({ "name": "第一小学校" }));

    let capacity = json!({ "maxCapacity": property(1) });
    let alone = change(&platform, Method::PATCH, ID, &capacity).await;
    is(&alone, 409);
    let both = json!({ "name": property("a"), "maxCapacity": property(1) });
    failed_in_orion(&change(&platform, Method::PATCH, ID, &both).await, 409);
    let appended = change(&platform, Method::POST, &format!("{ID}/attrs"), &both).await;
    is(&appended, 207);
    let told = appended.json();
    assert_eq!(told["updated"].as_array().unwrap().len(), 1, "{appended}");
    assert_eq!(told["notUpdated"][0]["registrationId"], REGISTRATION, "{appended}");
    assert!(
        told["notUpdated"][0]["attributeName"]
            .as_str()
            .unwrap()
            .ends_with("maxCapacity"),
        "{appended}"
    );
    let updated = change(&platform, Method::PATCH, &format!("{ID}/attrs"), &both).await;
    is(&updated, 207);
    assert_eq!(
        updated.json()["notUpdated"][0]["registrationId"],
        REGISTRATION,
        "{updated}"
    );
    let path = format!("{ID}/attrs/maxCapacity");
    is(
        &change(&platform, Method::PATCH, &path, &json!({ "value": 4 })).await,
        409,
    );
    is(&change(&platform, Method::PUT, &path, &property(4)).await, 409);
    let deleted = platform.request(Method::DELETE, format!("{ENTITIES}/{path}"));
    is(&deleted.by(WRITER).await, 409);
    failed_in_orion(&change(&platform, Method::PUT, ID, &site(ID, 9)).await, 409);
    failed_in_orion(&batch(&platform, "upsert", &json!([site(ID, 2)])).await, 409);
    failed_in_orion(&platform.delete(ID).by(WRITER).await, 409);
    assert!(sent(&platform).is_empty());
    assert_eq!(seen(&platform, ID, true).await, Value::Null);
}

//= 5.6.1.4-3
#[tokio::test]
async fn what_is_redirected_to_a_system_that_takes_nothing_is_a_conflict_and_stands_nowhere() {
    let platform = platform("redirect", WHOLE, false).await;
    let conflicting = [
        platform.create(&site(ID, 1)).by(WRITER).await,
        change(
            &platform,
            Method::PATCH,
            &format!("{ID}?type=EvacuationSite"),
            &json!({ "name": property("a") }),
        )
        .await,
        platform
            .request(Method::DELETE, format!("{ENTITIES}?type=EvacuationSite"))
            .by(WRITER)
            .await,
    ];
    for answer in conflicting {
        // The store could hold the type, and has none of it.
        assert!([409, 204].contains(&answer.status), "{answer}");
    }
    is(&platform.create(&site(ID, 1)).by(WRITER).await, 409);
    assert_eq!(seen(&platform, ID, true).await, Value::Null);
    assert!(sent(&platform).is_empty());
}

//= 5.6.1.4-3, 6.3.17-4
#[tokio::test]
async fn what_a_source_alone_can_tell_costs_its_own_part() {
    let platform = platform("exclusive", ONE, true).await;
    // Orion would give back another number.
    failed_in_orion(&platform.create(&site(ID, 1e-12)).by(WRITER).await, 400);
    assert_eq!(seen(&platform, ID, false).await, json!({ "name": "第一小学校" }));
    // The entity is not there in the one that alone has the attribute.
    let both = json!({ "name": property("a"), "maxCapacity": property(1) });
    failed_in_orion(&change(&platform, Method::PATCH, ID, &both).await, 404);
    assert_eq!(seen(&platform, ID, false).await, json!({ "name": "a" }));
    let alone = json!({ "maxCapacity": property(1) });
    is(&change(&platform, Method::PATCH, ID, &alone).await, 404);
    let again = platform.create(&site(ID, 2)).by(WRITER).await;
    is(&again, 207);
    assert_eq!(
        again.json()["errors"][0]["error"]["status"],
        409,
        "the store has it: {again}"
    );
    assert_eq!(again.json()["errors"][0].get("registrationId"), None, "{again}");
    assert_eq!(
        seen(&platform, ID, false).await,
        json!({ "name": "a", "maxCapacity": 2 })
    );
    is(&platform.create(&site(ID, 3)).by(WRITER).await, 409);
}

//= 5.6.1.4-3, 6.3.17-4
#[tokio::test]
async fn a_system_that_is_away_costs_its_own_part_and_alone_is_a_bad_gateway() {
    let platform = away(builder("exclusive", ONE, true).await).start().await;
    failed_in_orion(&platform.create(&site(ID, 1)).by(WRITER).await, 502);
    assert_eq!(seen(&platform, ID, true).await, json!({ "name": "第一小学校" }));
    let alone = json!({ "maxCapacity": property(1) });
    is(&change(&platform, Method::PATCH, ID, &alone).await, 502);

    let platform = away(builder("redirect", WHOLE, true).await).start().await;
    is(&platform.create(&site(ID, 1)).by(WRITER).await, 502);
    assert_eq!(seen(&platform, ID, true).await, Value::Null);
}

#[tokio::test]
async fn what_is_refused_for_one_part_is_written_to_none() {
    let platform = platform("exclusive", ONE, true).await;
    let unknown = json!({ "maxCapacity": property(1), "nobodyKnowsThis": property(1) });
    let mut created = site(ID, 1);
    created["nobodyKnowsThis"] = property(1);
    is(&platform.create(&created).by(WRITER).await, 403);
    assert!(platform.asked_of_orion().is_empty());
    assert_eq!(seen(&platform, ID, false).await, Value::Null);

    is(&platform.create(&site(ID, 250)).by(WRITER).await, 201);
    sent(&platform);
    let phone = json!({ "maxCapacity": property(1), "name": property("担当 090-1234-5678") });
    for body in [&unknown, &phone] {
        is(&change(&platform, Method::PATCH, ID, body).await, 403);
        let appended = change(&platform, Method::POST, &format!("{ID}/attrs"), body).await;
        is(&appended, 403);
    }
    assert!(sent(&platform).is_empty(), "nothing is sent where a part is refused");
    assert_eq!(seen(&platform, ID, false).await["maxCapacity"], 250);
}

#[tokio::test]
async fn a_condition_holds_for_one_source_and_is_refused_over_several() {
    let platform = platform("exclusive", ONE, true).await;
    is(&platform.create(&site(ID, 250)).by(WRITER).await, 201);
    sent(&platform);
    let both = json!({ "name": property("a"), "maxCapacity": property(1) });
    let several = change(&platform, Method::PATCH, ID, &both)
        .header("if-match", "*")
        .await;
    is(&several, 412);
    assert!(several.problem().detail.contains("several sources"), "{several}");
    let deleted = platform.delete(ID).by(WRITER).header("if-match", "*").await;
    is(&deleted, 412);
    assert!(sent(&platform).is_empty());
    let one = json!({ "maxCapacity": property(1) });
    is(
        &change(&platform, Method::PATCH, ID, &one).header("if-match", "*").await,
        204,
    );
    let other = change(&platform, Method::PATCH, ID, &one)
        .header("if-match", "\"x\"")
        .await;
    is(&other, 412);
    assert_eq!(
        seen(&platform, ID, false).await,
        json!({ "name": "第一小学校", "maxCapacity": 1 })
    );
}

//= 5.6.21.4-10
#[tokio::test]
async fn a_purge_takes_away_what_every_system_has() {
    let platform = platform("inclusive", WHOLE, true).await;
    for id in [ID, OTHER] {
        is(&platform.create(&site(id, 250)).by(WRITER).await, 201);
    }
    let purge = |query: &str| {
        platform
            .request(Method::DELETE, format!("{ENTITIES}?{query}"))
            .by(WRITER)
    };
    is(
        &purge(&format!("type=EvacuationSite&id={ID},{OTHER}&drop=maxCapacity")).await,
        204,
    );
    for id in [ID, OTHER] {
        assert_eq!(seen(&platform, id, false).await, json!({ "name": "第一小学校" }));
    }
    sent(&platform);
    is(&purge(&format!("type=EvacuationSite&id={ID}")).await, 204);
    assert_eq!(sent(&platform).len(), 1);
    assert_eq!(seen(&platform, ID, false).await, Value::Null);
    assert_ne!(seen(&platform, OTHER, true).await, Value::Null);
}

#[tokio::test]
async fn entities_of_a_batch_that_go_to_one_source_alone_are_not_asked_of_the_others() {
    let provides = r#"[{ type = "EvacuationSite", id_pattern = "E09213000900" }]"#;
    let platform = platform("redirect", provides, true).await;
    let far = |number: usize| format!("urn:ngsi-ld:EvacuationSite:far{number}");
    let mut entities: Vec<Value> = (0..120).map(|number| site(&far(number), 1)).collect();
    is(&batch(&platform, "create", &json!(entities)).await, 201);
    assert!(platform.asked_of_orion().is_empty());
    entities.push(site(ID, 1));
    is(&batch(&platform, "upsert", &json!(entities)).await, 201);
    assert_eq!(sent(&platform).len(), 1);
    assert_eq!(seen(&platform, ID, true).await, Value::Null);
    is(&batch(&platform, "delete", &json!([ID, far(0), far(1)])).await, 204);
    assert_eq!(sent(&platform).len(), 1);
}

#[tokio::test]
async fn where_each_part_of_a_write_would_go_is_explained() {
    let platform = platform("exclusive", ONE, true).await;
    let files = platform.files();
    files.write("site.json", site(ID, 1).to_string());
    let told = explained(files, &["--consumer", WRITER, "POST", ENTITIES, "--body", "site.json"]);
    let parts = json!([
        { "source": ORION, "attributes": ["maxCapacity"], "isTaken": true },
        { "source": "tochigi-store", "attributes": ["name"], "isTaken": true },
    ]);
    assert_eq!(told["writes"][0]["parts"], parts, "{told:#}");
    files.write("site.json", site(OTHER, 1).to_string());
    let told = explained(files, &["--consumer", WRITER, "POST", ENTITIES, "--body", "site.json"]);
    assert_eq!(told["writes"][0]["source"], "tochigi-store", "{told:#}");
    assert_eq!(told["writes"][0].get("parts"), None, "{told:#}");
}
