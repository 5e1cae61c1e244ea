//! A byte order mark before a text is no part of it, wherever somebody else's text is read: what editors of Windows save and
//! what spreadsheets export begins with one.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};
use stand_ins::server::{self, Service};
use stand_ins::{LoggedRequest, Server};

use super::harness::{Finished, Platform, in_place_of_orion, key_of, keys, section};

const MARK: &str = "\u{feff}";

fn marked(value: &Value) -> String {
    format!("{MARK}{value}")
}

fn aed(id: &str) -> Value {
    json!({ "id": id, "type": "AED", "name": { "type": "Property", "value": "市民会館" } })
}

/// A broker whose answers begin with a mark.
#[derive(Debug)]
struct Marking;

impl Service for Marking {
    fn answer(&self, _: &LoggedRequest) -> Response<Bytes> {
        let site = json!([{
            "id": "urn:ngsi-ld:EvacuationSite:marked",
            "type": "EvacuationSite",
            "name": { "type": "Text", "value": "印の広場" },
        }]);
        let mut answer = server::response(StatusCode::OK, "application/json", marked(&site));
        answer.headers_mut().insert("fiware-total-count", "1".parse().unwrap());
        answer
    }
}

#[tokio::test]
async fn every_file_of_the_configuration_may_begin_with_one() {
    let builder = Platform::builder().await.administrators().tenants(|table| {
        let mut consumer = toml::Table::new();
        consumer.insert("name".into(), "marked".into());
        consumer.insert("tenant".into(), "yaita".into());
        consumer.insert("roles".into(), toml::Value::Array(vec!["writer".into()]));
        consumer.insert("keys".into(), keys(&key_of("marked")));
        section(table, "consumers").insert("marked".into(), toml::Value::Table(consumer));
    });
    let builder = builder.policy(
        "yaita.cedar",
        "permit (principal in Role::\"writer\", action in Action::\"provide\", resource in Tenant::\"yaita\") \
         when { resource.class == Class::\"open\" };",
    );
    let files = builder.files();
    let folder = files.folder().to_owned();
    let mut names = vec!["tenants.toml".to_owned()];
    for part in ["mappings", "policies"] {
        for entry in std::fs::read_dir(folder.join(part)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                names.push(format!("{part}/{}", entry.file_name().to_str().unwrap()));
            }
        }
    }
    assert!(names.len() > 5, "{names:?}");
    for name in &names {
        let text = files.read(name);
        files.write(name, format!("{MARK}{text}"));
    }
    let platform = builder.start().await;
    let sites = platform.entities("type=EvacuationSite&limit=0&count=true").await.ok();
    assert!(sites.count() > 50, "{sites}");

    // The administrators' interface, and what the commands read.
    let body = json!({ "consumer": "bousai-map", "method": "GET", "target": "/ngsi-ld/v1/entities?type=AED" });
    let explained = platform
        .admin("ops")
        .post("/admin/v1/explain")
        .body("application/json", marked(&body))
        .await;
    assert_eq!(explained.status, 200, "{explained}");
    let listed = Finished::of(&folder, &["key", "list"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    platform
        .files()
        .write("marked.json", marked(&json!([aed("urn:ngsi-ld:AED:loaded")])));
    Finished::well(&folder, &["store", "load", "marked.json", "--tenant", "yaita"]);
    let mapping = "mappings/sano.toml";
    platform.files().write("sample.json", format!("{MARK}[]"));
    let tried = Finished::of(&folder, &["mapping", "try", mapping, "sample.json"]);
    assert!(
        !tried.stderr.contains("TOML") && !tried.stderr.contains("UTF-8"),
        "{tried:?}"
    );
}

#[tokio::test]
async fn every_body_of_a_consumer_may_begin_with_one() {
    let platform = super::subscriptions::platform().await;
    let send = async |method: Method, target: &str, media_type: &str, body: String| {
        let answer = platform.request(method, target).by("writer").tenant("yaita");
        answer.body(media_type, body).await
    };
    let entities = "/ngsi-ld/v1/entities";
    let created = send(
        Method::POST,
        entities,
        "application/json",
        marked(&aed("urn:ngsi-ld:AED:a")),
    )
    .await;
    assert_eq!(created.status, 201, "{created}");
    let mut with_context = aed("urn:ngsi-ld:AED:b");
    with_context["@context"] = json!({
        "AED": "https://kakehashi.example.jp/vocab/AED",
        "name": "https://smartdatamodels.org/name",
    });
    let created = send(Method::POST, entities, "application/ld+json", marked(&with_context)).await;
    assert_eq!(created.status, 201, "{created}");
    let batch = "/ngsi-ld/v1/entityOperations/upsert";
    let batched = send(
        Method::POST,
        batch,
        "application/json",
        marked(&json!([aed("urn:ngsi-ld:AED:c")])),
    )
    .await;
    assert_eq!(batched.status, 201, "{batched}");
    let query = json!({ "type": "Query", "entities": [{ "type": "AED" }] });
    let found = platform
        .post("/ngsi-ld/v1/entityOperations/query")
        .tenant("yaita")
        .body("application/json", marked(&query))
        .await
        .ok();
    assert!(found.ids().contains(&"urn:ngsi-ld:AED:c".to_owned()), "{found}");
    // One in the middle is none.
    let twice = send(
        Method::POST,
        entities,
        "application/json",
        format!("{MARK}{}", marked(&aed("urn:ngsi-ld:AED:d"))),
    )
    .await;
    assert_eq!(
        (twice.status, twice.error_type().as_str()),
        (400, "InvalidRequest"),
        "{twice}"
    );
}

#[tokio::test]
async fn every_answer_of_a_source_may_begin_with_one() {
    let orion = Server::start(0, Marking).await.unwrap();
    let platform = in_place_of_orion(Platform::builder().await, &orion).start().await;
    let answer = platform
        .entities("type=EvacuationSite")
        .tenant("nasushiobara")
        .await
        .ok();
    assert_eq!(answer.ids(), ["urn:ngsi-ld:EvacuationSite:marked"]);
    assert_eq!(answer.warnings(), [""; 0]);
}
