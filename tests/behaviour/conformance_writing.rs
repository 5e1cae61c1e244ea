//! What clauses 5.6 and 6.4 to 6.7 demand of every operation that writes, and what no other behaviour looks at; see
//! docs/conformance.md.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Answer, Ask, Platform, encoded, key_of, keys, section};

const ENTITIES: &str = "/ngsi-ld/v1/entities";
const CORE: &str = "<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";

/// `writer` may do anything with the AEDs of Yaita.
async fn platform() -> Platform {
    let policy = "permit (principal == Consumer::\"writer\", action, resource == EntityType::\"yaita/AED\");";
    let builder = Platform::builder().await.tenants(|table| {
        let mut writer = toml::Table::new();
        writer.insert("name".into(), "writer".into());
        writer.insert("tenant".into(), "yaita".into());
        writer.insert("keys".into(), keys(&key_of("writer")));
        section(table, "consumers").insert("writer".into(), toml::Value::Table(writer));
    });
    builder.policy("yaita.cedar", policy).start().await
}

#[track_caller]
fn refused(answer: &Answer, status: u16, error_type: &str) {
    let told = (answer.status, answer.error_type());
    assert_eq!((told.0, told.1.as_str()), (status, error_type), "{answer}");
}

#[track_caller]
fn done(answer: &Answer) {
    assert_eq!((answer.status, answer.body.len()), (204, 0), "{answer}");
}

/// Every operation on one entity that writes, and a body that it takes.
fn operations() -> Vec<(Method, &'static str, Value)> {
    let name = json!({ "type": "Property", "value": "a" });
    let fragment = json!({ "type": "AED", "name": name });
    vec![
        (Method::PATCH, "", fragment.clone()),
        (Method::PUT, "", fragment.clone()),
        (Method::DELETE, "", Value::Null),
        (Method::POST, "/attrs", fragment.clone()),
        (Method::PATCH, "/attrs", fragment),
        (Method::PATCH, "/attrs/name", name.clone()),
        (Method::PUT, "/attrs/name", name),
        (Method::DELETE, "/attrs/name", Value::Null),
    ]
}

fn ask(platform: &Platform, method: Method, target: String, body: &Value) -> Ask {
    let ask = platform.request(method, target).by("writer");
    match body {
        Value::Null => ask,
        body => ask.json(body),
    }
}

#[tokio::test]
//= 5.6.2.4-1, 5.6.3.4-1, 5.6.4.4-1, 5.6.5.4-1, 5.6.6.4-1, 5.6.17.4-1, 5.6.19.4-1
async fn an_id_that_is_no_uri_is_refused_by_each_operation() {
    let platform = platform().await;
    for (method, rest, body) in operations() {
        let answer = ask(&platform, method, format!("{ENTITIES}/no-uri{rest}"), &body).await;
        refused(&answer, 400, "BadRequestData");
    }
}

#[tokio::test]
//= 5.6.2.4-2, 5.6.3.4-2, 5.6.4.4-4, 5.6.5.4-4, 5.6.6.4-2, 5.6.17.4-2, 5.6.19.4-3
async fn an_entity_that_is_not_there_is_said_to_be_absent_by_each_operation() {
    let platform = platform().await;
    let id = "urn:ngsi-ld:AED:there";
    let there = json!({ "id": id, "type": "AED", "name": { "type": "Property", "value": "a" } });
    assert_eq!(platform.create(&there).by("writer").await.status, 201);
    for (method, rest, body) in operations() {
        let absent = format!("{ENTITIES}/urn:ngsi-ld:AED:absent{rest}");
        let of_another_type = format!("{ENTITIES}/{id}{rest}?type=AED%3BEvacuationSite");
        for target in [absent, of_another_type] {
            let answer = ask(&platform, method.clone(), target, &body).await;
            refused(&answer, 404, "ResourceNotFound");
        }
    }
    assert_eq!(
        platform.entity(id).by("writer").await.ok().json()["name"],
        there["name"]
    );
}

#[tokio::test]
//= 5.6.4.4-2, 5.6.5.4-2, 5.6.19.4-2
async fn what_is_no_attribute_is_no_target_of_an_operation_on_one() {
    let platform = platform().await;
    let id = "urn:ngsi-ld:AED:named";
    let there = json!({ "id": id, "type": "AED", "scope": "/a" });
    assert_eq!(platform.create(&there).by("writer").await.status, 201);
    let property = json!({ "type": "Property", "value": "a" });
    for (method, name, body) in [
        (Method::PATCH, "scope", &property),
        (Method::PUT, "scope", &property),
        (Method::PATCH, "1a", &property),
        (Method::PUT, "a%3Cb", &property),
        (Method::PATCH, "@type", &property),
        (Method::DELETE, "1a", &Value::Null),
        (Method::DELETE, "a%3Cb", &Value::Null),
    ] {
        let answer = ask(&platform, method, format!("{ENTITIES}/{id}/attrs/{name}"), body).await;
        refused(&answer, 400, "BadRequestData");
    }
    assert_eq!(platform.entity(id).by("writer").await.ok().json()["scope"], "/a");
}

#[tokio::test]
//= 4.5.1-4
async fn an_attribute_has_no_context_of_its_own() {
    let platform = platform().await;
    let id = "urn:ngsi-ld:AED:embedded";
    let name = json!({ "type": "Property", "value": "a", "@context": { "x": "https://example.org/x" } });
    let answer = platform
        .create(&json!({ "id": id, "type": "AED", "name": name }))
        .by("writer")
        .await;
    refused(&answer, 400, "BadRequestData");
    assert_eq!(platform.entity(id).by("writer").await.status, 404);
}

#[tokio::test]
//= 6.5.3.4-5
async fn of_a_merge_the_format_goes_before_the_options() {
    let platform = platform().await;
    let id = "urn:ngsi-ld:AED:formats";
    assert_eq!(
        platform
            .create(&json!({ "id": id, "type": "AED" }))
            .by("writer")
            .await
            .status,
        201
    );
    let merge = |query: &str, body: Value| ask(&platform, Method::PATCH, format!("{ENTITIES}/{id}?{query}"), &body);
    // What is a kind of attribute in one format is a member of a value in the other.
    let note = json!({ "remarks": { "type": "note" } });
    refused(
        &merge("format=normalized&options=keyValues", note.clone()).await,
        400,
        "BadRequestData",
    );
    done(&merge("format=keyValues&options=normalized", note.clone()).await);
    let entity = platform.entity(id).by("writer").await.ok().json();
    assert_eq!(
        entity["remarks"],
        json!({ "type": "Property", "value": note["remarks"] })
    );
}

/// Three AEDs, of which two have a scope in common.
async fn stored(platform: &Platform) {
    for (number, scope) in [(1, "/north/a"), (2, "/north/b"), (3, "/south")] {
        let property = |value: String| json!({ "type": "Property", "value": value });
        let aed = json!({
            "id": format!("urn:ngsi-ld:AED:purged-{number}"), "type": "AED", "scope": scope,
            "name": property(format!("name-{number}")), "remarks": property(format!("remarks-{number}")),
        });
        assert_eq!(platform.create(&aed).by("writer").await.status, 201);
    }
}

fn purge(platform: &Platform, query: &str) -> Ask {
    ask(platform, Method::DELETE, format!("{ENTITIES}?{query}"), &Value::Null)
}

/// What is left: of each number, which attributes.
async fn left(platform: &Platform) -> Vec<(u64, Vec<String>)> {
    let mut left = Vec::new();
    for number in 1..=3 {
        let found = platform
            .entity(&format!("urn:ngsi-ld:AED:purged-{number}"))
            .by("writer")
            .await;
        if found.status == 200 {
            let entity = found.json();
            let names = ["name", "remarks"]
                .into_iter()
                .filter(|name| entity.get(*name).is_some());
            left.push((number, names.map(str::to_owned).collect()));
        }
    }
    left
}

#[tokio::test]
//= 5.6.21.4-5, 5.6.21.4-6, 5.6.21.4-7, 5.6.21.4-8, 5.6.21.4-9
async fn a_purge_takes_entities_or_the_attributes_that_are_named_or_all_others() {
    let platform = platform().await;
    stored(&platform).await;
    // A name means what the @context of the request makes of it: under the core one, an attribute that nobody has classified.
    let aed = encoded("https://kakehashi.example.jp/vocab/AED");
    let elsewhere = purge(&platform, &format!("type={aed}&drop=name")).header("link", CORE);
    let elsewhere = elsewhere.await;
    refused(&elsewhere, 403, "about:blank");
    let named = "https://uri.etsi.org/ngsi-ld/default-context/name";
    assert!(elsewhere.problem().detail.contains(named), "{elsewhere}");
    let both = || vec!["name".to_owned(), "remarks".to_owned()];
    assert_eq!(left(&platform).await, [(1, both()), (2, both()), (3, both())]);
    done(&purge(&platform, "type=AED&scopeQ=/north/%23&drop=name").await);
    let remarks = || vec!["remarks".to_owned()];
    assert_eq!(left(&platform).await, [(1, remarks()), (2, remarks()), (3, both())]);
    done(&purge(&platform, "type=AED&idPattern=purged-3$&keep=name").await);
    let name = vec!["name".to_owned()];
    assert_eq!(
        left(&platform).await,
        [(1, remarks()), (2, remarks()), (3, name.clone())]
    );
    let q = encoded("remarks==\"remarks-1\"");
    done(&purge(&platform, &format!("type=AED&q={q}")).await);
    assert_eq!(left(&platform).await, [(2, remarks()), (3, name)]);
    done(&purge(&platform, "type=*").await);
    assert_eq!(left(&platform).await, []);
}

#[tokio::test]
//= 5.6.21.4-2, 5.6.21.4-3, 6.4.3.3-6, 6.4.3.3-7
async fn a_purge_is_refused_whose_conditions_cannot_be_read() {
    let platform = platform().await;
    stored(&platform).await;
    for query in [
        "type=AED&id=no-uri",
        "type=AED&q=(",
        "type=AED&idPattern=(",
        "type=AED&georel=near",
        "type=AED&drop=name%7Bx%7D",
        "type=AED&keep=name%7Bx%7D",
        "type=*&local=false",
    ] {
        refused(&purge(&platform, query).await, 400, "BadRequestData");
    }
    assert_eq!(left(&platform).await.len(), 3);
}
