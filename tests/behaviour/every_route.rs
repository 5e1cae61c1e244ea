//! One place decides what a consumer may see, and every route passes it: a consumer whose permits hide an entity from it
//! tries each of them. Whoever adds a route has to say here what to try.

use http::Method;
use kakehashi::http::api::operation::Offered;
use kakehashi::http::api::operations::offered;
use kakehashi::policy::{Operation, OperationGroup};
use serde_json::{Value, json};

use super::harness::{Answer, Ask, Platform};

const NARROWED: &str = "narrowed";
const HIDDEN: &str = "urn:ngsi-ld:AED:hidden";
const ABSENT: &str = "urn:ngsi-ld:AED:absent";
const VISIBLE: &str = "urn:ngsi-ld:AED:visible";
/// What only the hidden entity says.
const SECRET: &str = "秘密の場所";

fn aed(id: &str, name: &str, remarks: &str) -> Value {
    json!({
        "id": id, "type": "AED",
        "name": {"type": "Property", "value": name},
        "remarks": {"type": "Property", "value": remarks},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.8]}},
    })
}

/// `narrowed` may do anything with the AEDs of Yaita that are open, and nothing else.
async fn platform() -> Platform {
    let permit = "@q(\"remarks==\\\"open\\\"\")\npermit (principal in Role::\"narrowed\", action, \
                  resource == EntityType::\"yaita/AED\");";
    let entities = json!([aed(HIDDEN, SECRET, "closed"), aed(VISIBLE, "見える場所", "open")]);
    let builder = Platform::builder().await.consumer(NARROWED);
    builder
        .policy("yaita.cedar", permit)
        .store("yaita", entities.to_string())
        .start()
        .await
}

/// What is tried on a route, with `id` in the place of the hidden entity's.
fn attempts(platform: &Platform, operation: &Offered, id: &str) -> Vec<Ask> {
    let ask = |target: &str| {
        platform
            .request(operation.method.clone(), target)
            .by(NARROWED)
            .tenant("yaita")
    };
    let path = |variable: &str| operation.path.replace("{entityId}", variable);
    let subscription = |id: &str| {
        json!({
            "id": format!("urn:ngsi-ld:Subscription:{id}"), "type": "Subscription",
            "entities": [{"type": "AED", "id": id}],
            "notification": {"endpoint": {"uri": "http://127.0.0.1:9/n"}},
        })
    };
    match (&operation.method, operation.path) {
        (&Method::GET, "/ngsi-ld/v1/entities") => [
            format!("type=AED&id={id}"),
            format!("type=AED&id={id}&count=true&limit=0"),
            format!("type=AED&idPattern={id}%24&options=sysAttrs"),
            format!("local=true&id={id}"),
            format!("q=name&id={id}"),
            format!("type=AED&attrs=name&id={id}"),
            format!("georel=near;maxDistance==9&geometry=Point&coordinates=%5B139.9,36.8%5D&id={id}"),
            format!("type=AED&offset=1&limit=1&id={id},{VISIBLE}"),
            format!("type=AED&scopeQ=/%23&id={id}"),
        ]
        .iter()
        .map(|query| ask(&format!("{}?{query}", operation.path)))
        .collect(),
        (&Method::POST, "/ngsi-ld/v1/entityOperations/query") => [
            json!({"entities": [{"type": "AED", "id": id}]}),
            json!({"entities": [{"type": "AED", "id": [id, ABSENT]}], "q": "name"}),
            json!({"entities": [{"type": "AED", "id": id}, {"type": "AED", "idPattern": format!("{id}$")}]}),
            json!({"entities": [{"type": "*", "id": id}], "attrs": ["name"]}),
            json!({"entities": [{"type": "AED", "id": id}], "scopeQ": "/#"}),
        ]
        .into_iter()
        .map(|mut body| {
            body["type"] = "Query".into();
            ask(&format!("{}?count=true", operation.path)).json(&body)
        })
        .collect(),
        (&Method::GET, "/ngsi-ld/v1/entities/{entityId}") => ["", "?type=AED", "?options=keyValues", "?pick=name"]
            .iter()
            .map(|query| ask(&format!("{}{query}", path(id))))
            .collect(),
        (&Method::DELETE, "/ngsi-ld/v1/entities/{entityId}") => {
            vec![ask(&path(id)), ask(&format!("{}?type=AED", path(id)))]
        }
        // An id is taken or not, within a partition that the writer may write to; what is not covered is refused first.
        (&Method::POST, "/ngsi-ld/v1/entities") => vec![ask(operation.path).json(&aed(id, "a", "closed"))],
        (&Method::POST, "/ngsi-ld/v1/entityOperations/create" | "/ngsi-ld/v1/entityOperations/upsert") => {
            vec![ask(operation.path).json(&json!([aed(id, "a", "closed")]))]
        }
        (&Method::DELETE, "/ngsi-ld/v1/entities") => ["", "&drop=remarks", "&keep=name"]
            .iter()
            .map(|rest| ask(&format!("{}?type=AED&id={id}{rest}", operation.path)))
            .collect(),
        (&Method::POST, "/ngsi-ld/v1/entityOperations/update" | "/ngsi-ld/v1/entityOperations/merge") => {
            let fragment = json!({"id": id, "name": {"type": "Property", "value": "a"}});
            vec![ask(operation.path).json(&json!([fragment]))]
        }
        (&Method::PUT, "/ngsi-ld/v1/entities/{entityId}") => vec![ask(&path(id)).json(&aed(id, "a", "open"))],
        (_, "/ngsi-ld/v1/entities/{entityId}" | "/ngsi-ld/v1/entities/{entityId}/attrs") => ["", "?type=AED"]
            .iter()
            .map(|query| {
                let fragment = json!({"name": {"type": "Property", "value": "a"}});
                ask(&format!("{}{query}", path(id))).json(&fragment)
            })
            .collect(),
        (method, "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}") => ["name", "remarks", "indoorOutdoorType", "scope"]
            .iter()
            .map(|name| {
                let asked = ask(&path(id).replace("{attrId}", name));
                match *method {
                    Method::DELETE => asked,
                    _ => asked.json(&json!({"type": "Property", "value": "a"})),
                }
            })
            .collect(),
        (&Method::POST, "/ngsi-ld/v1/entityOperations/delete") => vec![ask(operation.path).json(&json!([id]))],
        (&Method::GET, "/ngsi-ld/v1/types" | "/ngsi-ld/v1/attributes") => {
            vec![ask(operation.path), ask(&format!("{}?details=true", operation.path))]
        }
        (&Method::GET, "/ngsi-ld/v1/types/{type}") => vec![ask("/ngsi-ld/v1/types/AED")],
        (&Method::GET, "/ngsi-ld/v1/attributes/{attrId}") => vec![ask("/ngsi-ld/v1/attributes/name")],
        (&Method::GET, "/ngsi-ld/v1/subscriptions" | "/version" | "/openapi.json") => vec![ask(operation.path)],
        (&Method::GET, "/ngsi-ld/v1/entityMaps") => vec![ask(&format!("{}?type=AED&id={id}", operation.path))],
        (&Method::POST, "/ngsi-ld/v1/entityMaps") => {
            let query = json!({"type": "Query", "entities": [{"type": "AED", "id": id}]});
            vec![ask(operation.path).json(&query)]
        }
        (_, "/ngsi-ld/v1/entityMaps/{entityMapId}") => {
            let asked = ask(&operation.path.replace("{entityMapId}", "urn:ngsi-ld:EntityMap:other"));
            vec![if operation.method == Method::PATCH {
                asked.json(&json!({"entityMap": {id: ["@none"]}}))
            } else {
                asked
            }]
        }
        // They may tell another second each time, and nothing about entities.
        (&Method::GET, "/statistics" | "/ngsi-ld/v1/info/sourceIdentity") => vec![],
        (&Method::POST, "/ngsi-ld/v1/subscriptions") => vec![ask(operation.path).json(&subscription(id))],
        (_, "/ngsi-ld/v1/subscriptions/{subscriptionId}") => {
            let path = operation
                .path
                .replace("{subscriptionId}", "urn:ngsi-ld:Subscription:other");
            let body = json!({"description": id});
            let asked = ask(&path);
            vec![if operation.method == Method::PATCH {
                asked.json(&body)
            } else {
                asked
            }]
        }
        (_, "/ngsi-ld/v1/jsonldContexts") => {
            let context = json!({"@context": {"a": "https://example.org/a"}});
            let asked = ask(operation.path);
            vec![if operation.method == Method::POST {
                asked.json(&context)
            } else {
                asked
            }]
        }
        (_, "/ngsi-ld/v1/jsonldContexts/{*contextId}") => vec![ask("/ngsi-ld/v1/jsonldContexts/unknown")],
        (method, path) => panic!("{method} {path} is new: say what a consumer could try to learn by it"),
    }
}

/// What can be told from an answer: nothing that is random, and no id that was asked for.
fn told(answer: &Answer, id: &str) -> (u16, String, Vec<String>) {
    let mut body = String::from_utf8_lossy(&answer.body).replace(id, "ID");
    if let Some((before, list)) = body.split_once("urn:ngsi-ld:EntityTypeList:") {
        let after = list.split_once('"').map_or("", |(_, after)| after);
        body = format!("{before}LIST{after}");
    }
    if let Some((before, rest)) = body.split_once(",\"entityMap\":")
        && before.contains("\"type\":\"EntityMap\"")
    {
        body = format!("MAP{rest}");
    }
    let headers = [
        "ngsild-results-count",
        "link",
        "etag",
        "ngsild-warning",
        "content-length",
    ];
    let headers = headers
        .iter()
        .filter_map(|name| answer.header(name))
        .map(|value| value.replace(id, "ID"));
    (answer.status, body, headers.collect())
}

#[tokio::test]
async fn tells_the_same_of_a_hidden_entity_as_of_one_that_is_absent() {
    let platform = platform().await;
    let mut tried = 0;
    for operation in offered() {
        let pairs = attempts(&platform, operation, HIDDEN)
            .into_iter()
            .zip(attempts(&platform, operation, ABSENT));
        for (of_hidden, of_absent) in pairs {
            // Contexts and subscriptions that the attempts leave behind do not count against each other.
            let (hidden, absent) = (of_hidden.await, of_absent.await);
            let text = String::from_utf8_lossy(&hidden.body).into_owned();
            assert!(
                !text.contains(SECRET) && !text.contains("closed"),
                "{}\n{hidden}",
                operation.path
            );
            if operation.path.ends_with("/jsonldContexts") {
                continue;
            }
            assert_eq!(
                told(&hidden, HIDDEN),
                told(&absent, ABSENT),
                "{} {}",
                operation.method,
                operation.path
            );
            tried += 1;
        }
    }
    assert!(tried >= 25, "{tried}");
    // It is there still, and what is visible is so by the same routes.
    assert_eq!(platform.entity(HIDDEN).tenant("yaita").await.status, 200);
    assert_eq!(platform.entity(VISIBLE).by(NARROWED).await.status, 200);
}

/// Operations whose routes are answered with 422 for now show nothing.
#[test]
fn each_operation_that_shows_or_changes_entities_has_one_route() {
    // A query may be posted, too (clause 6.23): the same operation with the question in the body.
    let by_post = |operation: &Offered| operation.path == "/ngsi-ld/v1/entityOperations/query";
    // An entity map is a query of which the ids alone are told.
    let of_maps = |operation: &Offered| operation.path.starts_with("/ngsi-ld/v1/entityMaps");
    let of_one = offered().filter(|operation| !by_post(operation) && !of_maps(operation));
    let mut asked: Vec<Operation> = of_one.filter_map(|operation| operation.asks).collect();
    let all = asked.len();
    asked.sort_by_key(|operation| operation.as_str());
    asked.dedup();
    assert_eq!(asked.len(), all, "an operation stands for one route");
    for operation in offered().filter(|operation| operation.asks.is_none()) {
        let shows_no_entity = [
            "/version",
            "/statistics",
            "/openapi.json",
            "/ngsi-ld/v1/info/sourceIdentity",
        ]
        .contains(&operation.path)
            || operation.path.starts_with("/ngsi-ld/v1/jsonldContexts")
            || of_maps(operation);
        assert!(shows_no_entity, "{operation:?} asks the policies nothing");
    }
    for group in [OperationGroup::Read, OperationGroup::Provide, OperationGroup::Subscribe] {
        assert!(asked.iter().any(|operation| operation.group() == group), "{group:?}");
    }
}
