//! What writers change of an entity that is there: all of it, some attributes, or members of one (clauses 5.6.2 to 5.6.5, 5.6.17 to
//! 5.6.19), and that what a writer may not see stays as it is.

use http::Method;
use serde_json::{Value, json};
use toml::{Table, Value as Toml};

use super::harness::{Answer, Ask, Platform, key_of, keys, section};

const ID: &str = "urn:ngsi-ld:AED:updated";
const PATH: &str = "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:updated";

/// `writer` may do anything with the AEDs of Yaita, `narrow` with some of their attributes.
async fn platform() -> Platform {
    let policy = "permit (principal == Consumer::\"writer\", action, resource == EntityType::\"yaita/AED\");\n\
                  @attributes(\"name,remarks,location\")\n\
                  permit (principal == Consumer::\"narrow\", action, resource == EntityType::\"yaita/AED\");";
    let builder = Platform::builder().await.tenants(|table| {
        for id in ["writer", "narrow"] {
            let mut consumer = Table::new();
            consumer.insert("name".into(), id.into());
            consumer.insert("tenant".into(), "yaita".into());
            consumer.insert("roles".into(), Toml::Array(vec!["updater".into()]));
            consumer.insert("keys".into(), keys(&key_of(id)));
            section(table, "consumers").insert(id.into(), Toml::Table(consumer));
        }
    });
    let stored = json!([aed()]).to_string();
    builder
        .policy("yaita.cedar", policy)
        .store("yaita", stored)
        .start()
        .await
}

fn aed() -> Value {
    json!({
        "id": ID, "type": "AED", "scope": "/yaita",
        "name": [
            { "type": "Property", "value": "市民会館", "observedAt": "2026-01-01T00:00:00Z" },
            { "type": "Property", "value": "旧市民会館", "datasetId": "urn:d:old" },
        ],
        "remarks": { "type": "Property", "value": { "floor": 1.50, "door": "north" } },
        "installationLocation": { "type": "Property", "value": "受付" },
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [139.9, 36.8] } },
    })
}

fn change(platform: &Platform, method: Method, rest: &str, body: &Value) -> Ask {
    let ask = platform.request(method, format!("{PATH}{rest}"));
    ask.by("writer").body("application/json", body.to_string())
}

#[track_caller]
fn done(answer: &Answer) {
    assert_eq!((answer.status, answer.body.len()), (204, 0), "{answer}");
}

#[track_caller]
fn refused(answer: &Answer, status: u16, error_type: &str) {
    assert_eq!(
        (answer.status, answer.error_type().as_str()),
        (status, error_type),
        "{answer}"
    );
}

/// The entity as it is now.
async fn now(platform: &Platform) -> Value {
    let mut entity = platform.get(PATH).by("writer").await.ok().json();
    entity.as_object_mut().unwrap().remove("@context");
    entity
}

/// The entity with other members; without those that are null.
fn with(members: &Value) -> Value {
    let mut entity = aed();
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => drop(entity.as_object_mut().unwrap().remove(name)),
            value => entity[name] = value.clone(),
        }
    }
    entity
}

#[tokio::test]
//= 5.4-1, 5.5.12-3, 5.6.17.4-4, 5.6.17.4-6, 5.6.17.4-10, 6.5.3.4-1, 6.5.3.4-2, 6.5.3.4-3
async fn a_merge_changes_what_it_names_to_any_depth_and_nothing_else() {
    let platform = platform().await;
    let fragment = json!({
        "type": "AED",
        "remarks": { "type": "Property", "value": { "door": "urn:ngsi-ld:null", "key": 2.0 } },
        "name": { "type": "Property", "value": "urn:ngsi-ld:null", "datasetId": "urn:d:old" },
        "installationLocation": "urn:ngsi-ld:null",
        "indoorOutdoorType": "屋内",
    });
    done(&change(&platform, Method::PATCH, "", &fragment).await);
    let expected = with(&json!({
        "name": { "type": "Property", "value": "市民会館", "observedAt": "2026-01-01T00:00:00Z" },
        "remarks": { "type": "Property", "value": { "floor": 1.50, "key": 2.0 } },
        "installationLocation": null,
        "indoorOutdoorType": { "type": "Property", "value": "屋内" },
    }));
    assert_eq!(now(&platform).await, expected);
    let simplified = json!({ "name": "会館", "remarks": { "type": "note", "value": 1 } });
    let target = "?format=simplified&observedAt=2027-01-01T00:00:00Z&type=AED";
    done(&change(&platform, Method::PATCH, target, &simplified).await);
    let named = now(&platform).await;
    assert_eq!(
        named["name"],
        json!({ "type": "Property", "value": "会館", "observedAt": "2027-01-01T00:00:00Z" })
    );
    assert_eq!(named["remarks"]["value"]["type"], "note");
    // A text for what has languages needs one.
    let languages = json!({ "remarks": { "type": "LanguageProperty", "languageMap": { "ja": "北", "en": "north" } } });
    done(&change(&platform, Method::PATCH, "/attrs", &languages).await);
    let text = json!({ "remarks": "nord" });
    refused(
        &change(&platform, Method::PATCH, "?options=keyValues", &text).await,
        400,
        "BadRequestData",
    );
    done(&change(&platform, Method::PATCH, "?options=keyValues&lang=fr", &text).await);
    assert_eq!(
        now(&platform).await["remarks"]["languageMap"],
        json!({ "ja": "北", "en": "north", "fr": "nord" })
    );
    for (target, fragment, error_type) in [
        ("", json!({ "id": "urn:ngsi-ld:AED:other" }), "BadRequestData"),
        (
            "",
            json!({ "name": { "type": "Property", "value": null } }),
            "BadRequestData",
        ),
        (
            "",
            json!({ "emergencyContactPoint": { "type": "Property", "unitCode": "CEL" } }),
            "BadRequestData",
        ),
        ("?observedAt=2027", json!({}), "BadRequestData"),
        ("?lang=not%20one", json!({}), "BadRequestData"),
        ("?format=geojson", json!({}), "BadRequestData"),
        ("", json!([]), "InvalidRequest"),
    ] {
        refused(
            &change(&platform, Method::PATCH, target, &fragment).await,
            400,
            error_type,
        );
    }
    assert_eq!(now(&platform).await["name"]["value"], "会館");
}

#[tokio::test]
//= 5.4-3, 5.6.2.4-3, 5.6.2.4-9, 6.6.3.2-1
async fn attributes_are_replaced_whole_added_or_removed_by_an_update() {
    let platform = platform().await;
    let fragment = json!({
        "type": ["AED", "EvacuationSite"],
        "name": { "type": "Property", "value": "会館" },
        "remarks": "urn:ngsi-ld:null",
        "indoorOutdoorType": { "type": "Property", "value": "屋内" },
    });
    // Its permit is of AEDs alone.
    refused(
        &change(&platform, Method::PATCH, "/attrs", &fragment).await,
        403,
        "about:blank",
    );
    assert_eq!(now(&platform).await, aed());
    let mut fragment = fragment;
    fragment["type"] = json!("AED");
    done(&change(&platform, Method::PATCH, "/attrs/", &fragment).await);
    let expected = with(&json!({
        "name": [{ "type": "Property", "value": "会館" }, aed()["name"][1]],
        "remarks": null,
        "indoorOutdoorType": { "type": "Property", "value": "屋内" },
    }));
    assert_eq!(now(&platform).await, expected);
    done(&change(&platform, Method::PATCH, "/attrs", &json!({ "scope": "/elsewhere" })).await);
    assert_eq!(now(&platform).await["scope"], "/elsewhere");
    done(
        &platform
            .request(Method::DELETE, format!("{PATH}/attrs/scope"))
            .by("writer")
            .await,
    );
    let left = change(
        &platform,
        Method::PATCH,
        "/attrs",
        &json!({ "scope": "/yaita", "name": "x" }),
    )
    .await;
    assert_eq!(left.status, 207, "{left}");
    assert_eq!(left.json()["updated"].as_array().unwrap().len(), 1);
    assert!(left.json()["updated"][0].as_str().unwrap().ends_with("/name"), "{left}");
    assert_eq!(left.json()["notUpdated"][0]["attributeName"], "scope");
    assert_eq!(now(&platform).await.get("scope"), None);
}

#[tokio::test]
//= 5.2.18-1, 5.2.19-1, 5.6.3.4-4, 5.6.3.4-5, 6.6.3.1-1, 6.6.3.1-2
async fn attributes_are_appended_and_those_that_are_there_are_kept_if_that_is_asked_for() {
    let platform = platform().await;
    let fragment = json!({
        "name": { "type": "Property", "value": "会館" },
        "indoorOutdoorType": { "type": "Property", "value": "屋内" },
        "scope": "/north",
    });
    let left = change(&platform, Method::POST, "/attrs?options=noOverwrite", &fragment).await;
    assert_eq!(left.status, 207, "{left}");
    let told = left.json();
    // Names are IRIs, whatever the @context of the request.
    assert_eq!(told["updated"].as_array().unwrap().len(), 1);
    let added = told["updated"][0].as_str().unwrap();
    assert!(added.contains("://") && added.ends_with("indoorOutdoorType"), "{left}");
    assert_eq!(told["notUpdated"].as_array().unwrap().len(), 1);
    let kept = told["notUpdated"][0]["attributeName"].as_str().unwrap();
    assert!(kept.ends_with("/name"), "{left}");
    assert!(
        told["notUpdated"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("noOverwrite")
    );
    let added = json!({
        "scope": ["/yaita", "/north"],
        "indoorOutdoorType": { "type": "Property", "value": "屋内" },
    });
    assert_eq!(now(&platform).await, with(&added));
    done(&change(&platform, Method::POST, "/attrs", &fragment).await);
    let overwritten = json!({
        "scope": "/north",
        "name": [{ "type": "Property", "value": "会館" }, aed()["name"][1]],
        "indoorOutdoorType": { "type": "Property", "value": "屋内" },
    });
    assert_eq!(now(&platform).await, with(&overwritten));
    let null = json!({ "name": "urn:ngsi-ld:null" });
    refused(
        &change(&platform, Method::POST, "/attrs", &null).await,
        400,
        "BadRequestData",
    );
    let unknown = change(&platform, Method::POST, "/attrs?options=append", &fragment).await;
    refused(&unknown, 400, "BadRequestData");
}

#[tokio::test]
//= 5.6.4.4-3, 5.6.4.4-6, 6.7.3.1-1
async fn members_of_one_attribute_change_and_its_kind_does_not() {
    let platform = platform().await;
    let date = json!({ "observedAt": "2028-01-01T00:00:00Z" });
    done(&change(&platform, Method::PATCH, "/attrs/name", &date).await);
    let name = now(&platform).await["name"][0].clone();
    assert_eq!(
        name,
        json!({ "type": "Property", "value": "市民会館", "observedAt": "2028-01-01T00:00:00Z" })
    );
    let of_old = json!({ "value": "旧館", "datasetId": "urn:d:old" });
    done(&change(&platform, Method::PATCH, "/attrs/name", &of_old).await);
    assert_eq!(now(&platform).await["name"][1]["value"], "旧館");
    let null = json!({ "type": "Property", "value": "urn:ngsi-ld:null", "datasetId": "urn:d:old" });
    done(&change(&platform, Method::PATCH, "/attrs/name", &null).await);
    assert_eq!(now(&platform).await["name"], name);
    // A name by its IRI is the same name.
    let encoded = "/attrs/https%3A%2F%2Furi.etsi.org%2Fngsi-ld%2Fdefault-context%2Fno";
    refused(
        &change(&platform, Method::PATCH, encoded, &date).await,
        404,
        "ResourceNotFound",
    );
    for (path, body, status, error_type) in [
        ("/attrs/indoorOutdoorType", date.clone(), 404, "ResourceNotFound"),
        (
            "/attrs/name",
            json!({ "value": 1, "datasetId": "urn:d:none" }),
            404,
            "ResourceNotFound",
        ),
        (
            "/attrs/name",
            json!({ "type": "Relationship", "object": "urn:a:1" }),
            400,
            "BadRequestData",
        ),
        ("/attrs/name", json!({}), 400, "BadRequestData"),
        ("/attrs/scope", json!({ "value": "/a" }), 400, "BadRequestData"),
        (
            "/attrs/name",
            json!({ "datasetId": "urn:ngsi-ld:null" }),
            400,
            "BadRequestData",
        ),
        (
            "/attrs/name?type=AED%3BEvacuationSite",
            date.clone(),
            404,
            "ResourceNotFound",
        ),
    ] {
        refused(&change(&platform, Method::PATCH, path, &body).await, status, error_type);
    }
    let broken = platform
        .request(Method::PATCH, format!("{PATH}/attrs/name"))
        .by("writer");
    refused(&broken.body("application/json", "{").await, 400, "InvalidRequest");
}

#[tokio::test]
//= 5.6.5.1-1, 5.6.5.4-5, 5.6.19.4-5, 6.7.3.2-1, 6.7.3.2-2, 6.7.3.3-1
async fn an_attribute_is_replaced_or_deleted_by_instances() {
    let platform = platform().await;
    let other = json!({ "type": "LanguageProperty", "languageMap": { "ja": "会館" } });
    done(&change(&platform, Method::PUT, "/attrs/name", &other).await);
    assert_eq!(
        now(&platform).await,
        with(&json!({ "name": [other, aed()["name"][1]] }))
    );
    let absent = change(&platform, Method::PUT, "/attrs/indoorOutdoorType", &other).await;
    refused(&absent, 404, "ResourceNotFound");
    refused(
        &change(&platform, Method::PUT, "/attrs/@invalid", &other).await,
        400,
        "BadRequestData",
    );
    let delete = |rest: &str| {
        platform
            .request(Method::DELETE, format!("{PATH}/attrs/{rest}"))
            .by("writer")
    };
    refused(&delete("name?datasetId=urn:d:none").await, 404, "ResourceNotFound");
    refused(&delete("name?datasetId=none").await, 400, "BadRequestData");
    refused(&delete("name?deleteAll=yes").await, 400, "BadRequestData");
    done(&delete("name?datasetId=urn:d:old&deleteAll=false").await);
    assert_eq!(now(&platform).await["name"], other);
    done(&delete("name?deleteAll=true").await);
    refused(&delete("name").await, 404, "ResourceNotFound");
    assert_eq!(now(&platform).await, with(&json!({ "name": null })));
}

#[tokio::test]
//= 5.6.18.4-1, 5.6.18.4-2, 6.5.3.3-1
async fn an_entity_is_replaced_whole_and_only_where_there_is_one() {
    let platform = platform().await;
    let created = platform
        .get(format!("{PATH}?options=sysAttrs"))
        .by("writer")
        .await
        .json()["createdAt"]
        .clone();
    let other = json!({ "type": "AED", "name": { "type": "Property", "value": "会館" } });
    done(&change(&platform, Method::PUT, "?local=true", &other).await);
    let mut expected = other.clone();
    expected["id"] = json!(ID);
    assert_eq!(now(&platform).await, expected);
    let dated = platform
        .get(format!("{PATH}?options=sysAttrs"))
        .by("writer")
        .await
        .json();
    assert_eq!(dated["createdAt"], created);
    refused(
        &change(&platform, Method::PUT, "", &json!({ "name": "x" })).await,
        400,
        "BadRequestData",
    );
    let absent = platform.request(Method::PUT, "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:absent");
    refused(&absent.by("writer").json(&other).await, 404, "ResourceNotFound");
    let no_uri = platform.request(Method::PUT, "/ngsi-ld/v1/entities/no-uri");
    refused(&no_uri.by("writer").json(&other).await, 400, "BadRequestData");
    refused(
        &change(&platform, Method::PUT, "?local=perhaps", &other).await,
        400,
        "BadRequestData",
    );
}

#[tokio::test]
async fn what_a_writer_may_not_see_stays_as_it_is_and_is_not_told() {
    let platform = platform().await;
    let narrow = |method: Method, rest: &str, body: Value| {
        let ask = platform.request(method, format!("{PATH}{rest}"));
        ask.by("narrow").body("application/json", body.to_string())
    };
    // It covers not every attribute an AED may have, whether or not there is a hidden one.
    let whole = json!({ "type": "AED", "name": { "type": "Property", "value": "x" } });
    refused(&narrow(Method::PUT, "", whole).await, 403, "about:blank");
    done(
        &narrow(
            Method::PATCH,
            "",
            json!({ "remarks": { "type": "Property", "value": "y" } }),
        )
        .await,
    );
    let expected = with(&json!({ "remarks": { "type": "Property", "value": "y" } }));
    assert_eq!(now(&platform).await, expected);
    // Of a hidden attribute it is told what it is told of an absent one.
    for (method, rest, body) in [
        (
            Method::PATCH,
            "",
            json!({ "NAME": { "type": "Property", "value": "x" } }),
        ),
        (Method::PATCH, "", json!({ "NAME": "urn:ngsi-ld:null" })),
        (
            Method::PATCH,
            "/attrs",
            json!({ "NAME": { "type": "Property", "value": "x" } }),
        ),
        (
            Method::POST,
            "/attrs",
            json!({ "NAME": { "type": "Property", "value": "x" } }),
        ),
        (
            Method::POST,
            "/attrs?options=noOverwrite",
            json!({ "NAME": { "type": "Property", "value": "x" } }),
        ),
        (Method::PATCH, "/attrs/NAME", json!({ "value": "x" })),
        (Method::PUT, "/attrs/NAME", json!({ "type": "Property", "value": "x" })),
        (Method::DELETE, "/attrs/NAME", json!({})),
        (Method::DELETE, "/attrs/NAME?deleteAll=true", json!({})),
    ] {
        let mut told = Vec::new();
        for name in ["installationLocation", "indoorOutdoorType"] {
            let body: Value = serde_json::from_str(&body.to_string().replace("NAME", name)).unwrap();
            let answer = narrow(method.clone(), &rest.replace("NAME", name), body).await;
            let text = String::from_utf8_lossy(&answer.body).replace(name, "NAME");
            told.push((answer.status, text));
        }
        assert_eq!(told[0], told[1], "{method} {rest}");
    }
    assert_eq!(now(&platform).await, expected);
}
