//! A writer of one attribute, and entities of which a system of the city alone has another, which is hidden from it: an entity of which
//! the system has a part, one of which it has none, and any while it is away are answered alike.

use http::Method;
use serde_json::{Value, json};
use toml::Value as Toml;

use super::harness::{Ask, Builder, Platform, key_of, keys, section};
use super::writing_by_mode::{
    ENTITIES, ID, OTHER, TENANT, WRITER, away, builder, change, is, property, seen, sent, site,
};

/// Who may write the name alone.
const NAMER: &str = "nasu-namer";

/// One attribute of two entities.
const OF_TWO: &str = r#"[
    { type = "EvacuationSite", id = "urn:ngsi-ld:EvacuationSite:E092130009001", attributes = ["maxCapacity"] },
    { type = "EvacuationSite", id = "urn:ngsi-ld:EvacuationSite:E092130009002", attributes = ["maxCapacity"] }
]"#;
const OF_ALL: &str = r#"[{ type = "EvacuationSite", attributes = ["maxCapacity"] }]"#;

async fn with_namer(mode: &str, provides: &str) -> Builder {
    let policy = format!(
        "@attributes(\"name\")\npermit (principal == Consumer::\"{NAMER}\", action, resource == EntityType::\"{TENANT}/EvacuationSite\");\n"
    );
    let builder = builder(mode, provides, true).await.tenants(|table| {
        let mut consumer = toml::Table::new();
        consumer.insert("name".into(), NAMER.into());
        consumer.insert("tenant".into(), TENANT.into());
        consumer.insert("keys".into(), keys(&key_of(NAMER)));
        section(table, "consumers").insert(NAMER.into(), Toml::Table(consumer));
    });
    builder.policy("nasushiobara.cedar", &policy)
}

/// Everything that the writer may try with what it does not see.
fn tried(platform: &Platform, id: &str, kind: &str) -> Vec<(String, Ask)> {
    let (capacity, both) = (
        json!({ "maxCapacity": property(1) }),
        json!({ "name": property("第一小学校"), "maxCapacity": property(1) }),
    );
    let attribute = format!("{id}/attrs/maxCapacity");
    let mut asks = Vec::new();
    for body in [&capacity, &both] {
        for (method, rest) in [
            (Method::PATCH, format!("{id}?{kind}")),
            (Method::PATCH, format!("{id}/attrs?{kind}")),
            (Method::POST, format!("{id}/attrs?{kind}")),
            (Method::POST, format!("{id}/attrs?{kind}&options=noOverwrite")),
        ] {
            asks.push((format!("{method} {rest} {body}"), change(platform, method, &rest, body)));
        }
        for name in ["update", "merge", "update?options=noOverwrite", "upsert?options=update"] {
            let mut entity = body.clone();
            entity["id"] = id.into();
            entity["type"] = "EvacuationSite".into();
            let ask = platform.post(format!("/ngsi-ld/v1/entityOperations/{name}"));
            asks.push((format!("{name} {entity}"), ask.json(&json!([entity]))));
        }
    }
    asks.push((
        "PATCH attribute".into(),
        change(
            platform,
            Method::PATCH,
            &format!("{attribute}?{kind}"),
            &json!({ "value": 4 }),
        ),
    ));
    asks.push((
        "PUT attribute".into(),
        change(platform, Method::PUT, &format!("{attribute}?{kind}"), &property(4)),
    ));
    for rest in [
        format!("{attribute}?{kind}"),
        format!("{attribute}?{kind}&deleteAll=true"),
        format!("{id}?{kind}"),
    ] {
        let ask = platform.request(Method::DELETE, format!("{ENTITIES}/{rest}"));
        asks.push((format!("DELETE {rest}"), ask));
    }
    let mut named = site(id, 1);
    named.as_object_mut().unwrap().remove("maxCapacity");
    asks.push((
        "PUT".into(),
        change(platform, Method::PUT, &format!("{id}?{kind}"), &named),
    ));
    asks.push((
        "upsert".into(),
        platform
            .post("/ngsi-ld/v1/entityOperations/upsert")
            .json(&json!([named])),
    ));
    asks
}

/// What is told of everything that is tried, without the id that it is told of.
async fn told(platform: &Platform, id: &str, kind: &str) -> Vec<(String, u16, Value)> {
    let mut told = Vec::new();
    for (what, ask) in tried(platform, id, kind) {
        let answer = ask.by(NAMER).await;
        let body = String::from_utf8_lossy(&answer.body).replace(id, "ID");
        let mut body: Value = serde_json::from_str(&body).unwrap_or_default();
        if let Some(members) = body.as_object_mut() {
            members.remove("instance");
        }
        told.push((what.replace(id, "ID"), answer.status, body));
    }
    told
}

/// What the two entities are before it is tried: both in the store, and of one a part in the system of the city.
async fn start(builder: Builder) -> Platform {
    let platform = builder.start().await;
    for id in [ID, OTHER] {
        let mut named = site(id, 1);
        named.as_object_mut().unwrap().remove("maxCapacity");
        let created = platform.post(format!("{ENTITIES}?local=true")).by(WRITER).json(&named);
        is(&created.await, 201);
    }
    platform
}

#[tokio::test]
async fn whether_a_system_has_what_is_hidden_or_is_away_is_told_by_no_answer() {
    for (mode, provides) in [("exclusive", OF_TWO), ("redirect", OF_ALL), ("inclusive", OF_ALL)] {
        for kind in ["type=EvacuationSite", "local=false"] {
            let platform = start(with_namer(mode, provides).await).await;
            let own = format!(
                r#"[{{"id":"{ID}","type":"EvacuationSite","name":{{"type":"Text","value":"x"}},"maxCapacity":{{"type":"Number","value":9}}}}]"#
            );
            platform.demo().orion().load(TENANT, "/", &own).unwrap();
            let with = told(&platform, ID, kind).await;
            let without = told(&platform, OTHER, kind).await;
            assert_eq!(with, without, "{mode} {kind}");
            for (what, status, body) in &with {
                assert!(
                    (400..500).contains(status) || *status == 207 || !what.contains("maxCapacity"),
                    "{what}: {status} {body}"
                );
            }
            assert!(sent(&platform).is_empty(), "{mode} {kind}");
            assert_eq!(seen(&platform, ID, true).await, json!({ "name": "第一小学校" }));
            let away = start(away(with_namer(mode, provides).await)).await;
            assert_eq!(told(&away, ID, kind).await, with, "away: {mode} {kind}");
        }
    }
}
