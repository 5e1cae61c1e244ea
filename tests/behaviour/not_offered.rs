//! Operations of CIM 009 clause 6 that this version does not offer: what holds for every request holds for them, and
//! then they are refused by their name.

use http::Method;
use serde_json::json;

use super::harness::Platform;

const LINK: &str =
    "<http://192.0.2.1/c.jsonld>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";

#[tokio::test]
//= 5.5.6-2
async fn they_are_refused_by_their_name() {
    let platform = Platform::start().await;
    for (method, path, name) in [
        (
            Method::GET,
            "/temporal/entities?type=AED",
            "Query Temporal Evolution of Entities",
        ),
        (
            Method::GET,
            "/temporal/entities/urn:a:1/",
            "Retrieve Temporal Evolution of an Entity",
        ),
        (
            Method::GET,
            "/csourceRegistrations",
            "Query Context Source Registrations",
        ),
        (Method::DELETE, "/snapshots", "Purge Snapshots"),
        (
            Method::DELETE,
            "/temporal/entities/urn%3Aa%3A1/attrs/name",
            "Delete Attribute from Temporal Evolution of an Entity",
        ),
    ] {
        let answer = platform.request(method.clone(), format!("/ngsi-ld/v1{path}")).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (422, "OperationNotSupported"),
            "{answer}"
        );
        assert!(answer.problem().detail.contains(name), "{method} {path}: {answer}");
    }
    for (method, path) in [
        (Method::POST, "/csourceRegistrations"),
        (Method::POST, "/temporal/entities/urn:a:1/attrs"),
        (Method::POST, "/temporal/entityOperations/query"),
        (Method::POST, "/csourceSubscriptions"),
        (Method::PATCH, "/temporal/entities/urn:a:1/attrs/name/urn:i:1"),
    ] {
        let ask = platform.request(method, format!("/ngsi-ld/v1{path}"));
        assert_eq!(
            ask.json(&json!({"type": "T"})).await.error_type(),
            "OperationNotSupported",
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_first() {
    let platform = Platform::start().await;
    let temporal = "/ngsi-ld/v1/temporal/entities";
    let xml = platform.post(temporal).body("application/xml", "<a/>").await;
    assert_eq!(xml.status, 415, "{xml}");
    assert_eq!(platform.get(temporal).accept("application/xml").await.status, 406);
    assert_eq!(platform.get(temporal).accept("application/geo+json").await.status, 406);
    let unknown = platform.get(format!("{temporal}?tipe=A")).await;
    assert_eq!((unknown.status, unknown.error_type().as_str()), (400, "InvalidRequest"));
    let broken = platform.post(temporal).body("application/json", "{").await;
    assert_eq!((broken.status, broken.error_type().as_str()), (400, "InvalidRequest"));
    let mixed = platform
        .post(temporal)
        .body("application/json", "{\"@context\":[]}")
        .await;
    assert_eq!((mixed.status, mixed.error_type().as_str()), (400, "BadRequestData"));
    let missing = platform.post(temporal).body("application/ld+json", "{}").await;
    assert_eq!((missing.status, missing.error_type().as_str()), (400, "BadRequestData"));
    let context = "{\"@context\":\"http://127.0.0.1:9/c.jsonld\"}";
    let unavailable = platform.post(temporal).body("application/ld+json", context).await;
    assert_eq!(
        (unavailable.status, unavailable.error_type().as_str()),
        (504, "LdContextNotAvailable")
    );
    let linked = platform
        .get("/ngsi-ld/v1/attributes")
        .header("link", &LINK.replace("192.0.2.1", "127.0.0.1:9"))
        .await;
    assert_eq!(
        (linked.status, linked.error_type().as_str()),
        (504, "LdContextNotAvailable")
    );
    let tenant = platform.get(temporal).tenant("nobody").await;
    assert_eq!(
        (tenant.status, tenant.error_type().as_str()),
        (404, "NonexistentTenant")
    );
}

#[tokio::test]
async fn what_no_clause_defines_is_still_unknown() {
    let platform = Platform::start().await;
    let put = platform
        .request(Method::PUT, "/ngsi-ld/v1/temporal/entities")
        .json(&json!({}))
        .await;
    assert_eq!(put.status, 405, "{put}");
    // None of those that are known is offered.
    assert_eq!(put.header("allow"), Some("OPTIONS"));
    assert_eq!(
        platform.get("/ngsi-ld/v1/temporals").await.error_type(),
        "ResourceNotFound"
    );
}

#[tokio::test]
async fn snapshots_are_refused_with_the_reason_and_what_there_is_instead() {
    let platform = Platform::start().await;
    for (method, path) in [
        (Method::POST, "/snapshots"),
        (Method::DELETE, "/snapshots"),
        (Method::GET, "/snapshots/urn:ngsi-ld:Snapshot:1"),
        (Method::PATCH, "/snapshots/urn:ngsi-ld:Snapshot:1"),
        (Method::DELETE, "/snapshots/urn:ngsi-ld:Snapshot:1"),
        (Method::POST, "/snapshots/urn:ngsi-ld:Snapshot:1/clone"),
    ] {
        let ask = platform.request(method.clone(), format!("/ngsi-ld/v1{path}"));
        let refused = match method {
            Method::POST | Method::PATCH => ask.json(&json!({"type": "Snapshot"})).await,
            _ => ask.await,
        };
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (422, "OperationNotSupported"),
            "{refused}"
        );
        let detail = refused.problem().detail;
        assert!(
            detail.contains("keeps no data") && detail.contains("entityMap=true"),
            "{detail}"
        );
    }
}
