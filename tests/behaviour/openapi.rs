//! The OpenAPI document of the API says what the gateway does: its operations are those of the list, what it documents is
//! accepted, and what it does not is refused.

use std::collections::BTreeSet;

use http::Method;
use kakehashi::http::api::operation::Offered;
use kakehashi::http::api::operations::offered;
use serde_json::{Value, json};
use toml::Value as Toml;

use super::harness::{Ask, Platform, READER, section};

const DOCUMENT: &str = "/openapi.json";

/// Operations that every monitor calls in its own way, and that look at nothing.
const LOOKING_AT_NOTHING: [&str; 3] = ["version", "statistics", "deleteContextWithoutId"];

/// The platform, for somebody who asks often.
async fn platform() -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        let consumer = section(section(table, "consumers"), READER);
        let limits = [("requests_per_second", 10_000), ("burst", 10_000)];
        let limits = limits.map(|(name, limit)| (name.to_owned(), Toml::Integer(limit)));
        consumer.insert("limits".to_owned(), Toml::Table(limits.into_iter().collect()));
    });
    builder.start().await
}

async fn document(platform: &Platform) -> Value {
    platform.get(DOCUMENT).await.ok().json()
}

/// What a document says of an operation.
fn documented<'d>(document: &'d Value, operation: &Offered) -> &'d Value {
    let path = operation.path.replace("{*", "{");
    &document["paths"][path][operation.method.as_str().to_ascii_lowercase()]
}

/// The parameters of a URL that it documents, each with its schema.
fn query_parameters(documented: &Value) -> Vec<(&str, &Value)> {
    let parameters = documented["parameters"].as_array().unwrap().iter();
    let in_query = parameters.filter(|parameter| parameter["in"] == "query");
    in_query
        .map(|parameter| (parameter["name"].as_str().unwrap(), &parameter["schema"]))
        .collect()
}

/// A value that the schema takes.
fn value_of(schema: &Value) -> String {
    let schema = if schema["type"] == "array" {
        &schema["items"]
    } else {
        schema
    };
    match (&schema["enum"][0], schema["type"].as_str()) {
        (Value::String(first), _) => first.clone(),
        (_, Some("boolean")) => "false".to_owned(),
        (_, Some("integer")) => "1".to_owned(),
        _ => "urn:a:1".to_owned(),
    }
}

/// The operation, with this query part.
fn ask(platform: &Platform, operation: &Offered, query: &str) -> Ask {
    let segments = operation.path.split('/').map(|segment| match segment {
        "{subscriptionId}" | "{entityId}" => "urn:a:1",
        segment if segment.starts_with('{') => "unknown",
        segment => segment,
    });
    let path = segments.collect::<Vec<_>>().join("/");
    let asked = platform.request(operation.method.clone(), format!("{path}?{query}"));
    match operation.body {
        None => asked,
        Some("Query") => asked.json(&json!({"type": "Query", "entities": [{"type": "AED"}]})),
        Some(_) => asked.json(&json!({})),
    }
}

#[tokio::test]
//= 6.2-1
async fn it_holds_each_operation_of_the_list_and_no_other() {
    let platform = Platform::start().await;
    let document = document(&platform).await;
    assert_eq!(document["openapi"], "3.1.1");
    let mut listed = BTreeSet::new();
    for operation in offered() {
        let documented = documented(&document, operation);
        assert_eq!(documented["operationId"], operation.name, "{operation:?}");
        let names: Vec<&str> = query_parameters(documented).iter().map(|(name, _)| *name).collect();
        let offered: Vec<&str> = operation.parameters.iter().map(|parameter| parameter.name).collect();
        assert_eq!(names, offered, "{operation:?}");
        assert_eq!(documented.get("requestBody").is_some(), operation.body.is_some());
        listed.insert(operation.name);
    }
    let paths = document["paths"].as_object().unwrap().values();
    let methods = paths.flat_map(|methods| methods.as_object().unwrap().values());
    let in_document: BTreeSet<&str> = methods.map(|one| one["operationId"].as_str().unwrap()).collect();
    assert_eq!(in_document, listed);
    // What a path's braces hold is described, once.
    for (path, methods) in document["paths"].as_object().unwrap() {
        for documented in methods.as_object().unwrap().values() {
            let parameters = documented["parameters"].as_array().unwrap().iter();
            let in_path = parameters.filter(|parameter| parameter["in"] == "path");
            let described: Vec<String> = in_path
                .map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap()))
                .collect();
            let variables: Vec<&str> = path.split('/').filter(|segment| segment.starts_with('{')).collect();
            assert_eq!(described, variables, "{path}");
        }
    }
}

#[tokio::test]
//= 6.4.3.2-2, 6.5.3.1-2
async fn what_it_documents_is_accepted_and_what_it_does_not_is_refused() {
    let platform = platform().await;
    let document = document(&platform).await;
    let looking = || offered().filter(|operation| !LOOKING_AT_NOTHING.contains(&operation.name));
    let mut accepted = 0;
    for operation in looking() {
        for (name, schema) in query_parameters(documented(&document, operation)) {
            let answer = ask(&platform, operation, &format!("{name}={}", value_of(schema))).await;
            assert_ne!(answer.status, 429, "{answer}");
            let text = answer.everything();
            let is_known = !text.contains("unknown parameter") && !text.contains("is not offered by this version");
            assert!(is_known, "{operation:?} {name}: {answer}");
            accepted += 1;
        }
        let unknown = ask(&platform, operation, "undocumented=1").await;
        assert_eq!(
            (unknown.status, unknown.error_type().as_str()),
            (400, "InvalidRequest"),
            "{operation:?}"
        );
        assert!(
            unknown.problem().detail.contains("unknown parameter `undocumented`"),
            "{unknown}"
        );
        for name in operation.lacks {
            let lacking = ask(&platform, operation, &format!("{name}=true")).await;
            assert_eq!(
                (lacking.status, lacking.error_type().as_str()),
                (422, "OperationNotSupported"),
                "{operation:?} {name}: {lacking}"
            );
        }
    }
    assert!(accepted >= 60, "{accepted}");
    // What another operation offers is of no use here either.
    let all: BTreeSet<&str> = offered()
        .flat_map(|operation| operation.parameters.iter().map(|parameter| parameter.name))
        .collect();
    for operation in looking() {
        let own = query_parameters(documented(&document, operation));
        let foreign = all.iter().filter(|name| own.iter().all(|(known, _)| known != *name));
        for name in foreign {
            let answer = ask(&platform, operation, &format!("{name}=1")).await;
            assert!([400, 422].contains(&answer.status), "{operation:?} {name}: {answer}");
            let detail = answer.problem().detail;
            assert!(
                detail.contains(&format!("parameter `{name}`")),
                "{operation:?} {name}: {detail}"
            );
        }
    }
}

#[tokio::test]
async fn what_accept_may_choose_is_what_it_says() {
    let platform = platform().await;
    let document = document(&platform).await;
    for operation in offered().filter(|operation| operation.method == Method::GET) {
        let responses = &documented(&document, operation)["responses"];
        let made = responses.get("200").is_none();
        let types = &responses[if made { "201" } else { "200" }]["content"];
        let types: BTreeSet<&str> = types.as_object().unwrap().keys().map(String::as_str).collect();
        for media_type in ["application/json", "application/ld+json", "application/geo+json"] {
            let query = if operation.name == "queryEntity" {
                "type=AED"
            } else {
                ""
            };
            let answer = ask(&platform, operation, query).accept(media_type).await;
            if types.contains(media_type) {
                assert_ne!(answer.status, 406, "{operation:?} {media_type}: {answer}");
            }
            if answer.status == 200 {
                let answered = answer.header("content-type").unwrap();
                assert!(types.contains(answered), "{operation:?} {media_type}: {answered}");
            }
        }
    }
}

#[tokio::test]
async fn it_is_for_everybody_and_tells_nothing_of_anybody() {
    let platform = Platform::start().await;
    let open = platform.get(DOCUMENT).anonymous().await.ok();
    assert_eq!(open.header("content-type"), Some("application/json"));
    assert_eq!(open.header("cache-control"), Some("public, max-age=3600"));
    let text = String::from_utf8(open.body.to_vec()).unwrap();
    for of_somebody in [
        "sano",
        "yaita",
        "tochigi",
        "nasushiobara",
        "bousai",
        "AED",
        "EvacuationSite",
        "Resident",
        "urn:",
    ] {
        assert!(!text.contains(of_somebody), "{of_somebody}");
    }
    let unknown = platform.get(format!("{DOCUMENT}?pretty=1")).await;
    assert_eq!((unknown.status, unknown.error_type().as_str()), (400, "InvalidRequest"));
    assert_eq!(platform.post(DOCUMENT).json(&json!({})).await.status, 405);

    // Also where nobody else is answered without a credential; a wrong one is wrong here as well.
    let builder = Platform::builder().await.tenants(|table| {
        section(table, "consumers").remove("anonymous").unwrap();
    });
    builder.files().remove("policies/tests");
    let closed = builder.start().await;
    assert_eq!(closed.get(DOCUMENT).anonymous().await.ok().body, open.body);
    assert_eq!(closed.get("/version").anonymous().await.status, 401);
    let wrong = closed.get(DOCUMENT).anonymous().header("x-api-key", "wrong").await;
    assert_eq!(wrong.status, 401);
    // Whoever asks for it again and again is held up as who guesses keys is.
    let mut refused = None;
    for _ in 0..10_000 {
        let answer = closed.get(DOCUMENT).anonymous().await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("it is bounded");
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some());
    // Who has a credential is not held up by those who have none.
    assert_eq!(closed.get(DOCUMENT).await.status, 200);
}
