//! `/jsonldContexts`: contexts that consumers store here, and the copies of those they use (clause 5.13).

use http::Method;
use serde_json::{Value, json};
use stand_ins::Fault;

use super::contexts::{Origin, calling_sites, platform_with_egress, sites};
use super::harness::{Answer, Client, Gateway, Platform, encoded, kakehashi, key_of};

const CONTEXTS: &str = "/ngsi-ld/v1/jsonldContexts";
const JSON_LD: &str = "application/ld+json";

/// Stores a context and gives its path.
async fn stored(platform: &Platform, document: &Value) -> String {
    let added = platform
        .request(Method::POST, CONTEXTS)
        .by("maker")
        .body(JSON_LD, document.to_string())
        .await;
    assert_eq!(added.status, 201, "{added}");
    added.header("location").unwrap().to_owned()
}

async fn deleted(platform: &Platform, path: &str) -> Answer {
    platform.request(Method::DELETE, path).by("maker").await
}

#[tokio::test]
//= 5.13.1-3, 5.13.2.3-1, 5.13.2.4-1, 5.13.3.4-1, 5.13.4.4-1, 5.13.5.4-2, 5.13.5.4-6, 6.29.3.1-1, 6.29.3.2-1
async fn what_a_consumer_stores_it_can_use_list_serve_and_delete() {
    let platform = platform_with_egress().await;
    let mut document = calling_sites("Hinan");
    document["more"] = json!("is discarded");
    let path = stored(&platform, &document).await;
    let id = path.rsplit('/').next().unwrap();
    let url = format!("{}{path}", platform.gateway().ready()["gateway"].as_str().unwrap());

    let served = platform.get(path.as_str()).by("maker").await.ok();
    assert_eq!(served.json(), calling_sites("Hinan"));
    let list = platform.get(CONTEXTS).by("maker").await.ok();
    assert_eq!(list.json(), json!([url]));
    let details = platform
        .get(format!("{path}?details=true"))
        .by("maker")
        .await
        .ok()
        .json();
    assert_eq!(
        (&details["URL"], &details["localId"], &details["kind"]),
        (&json!(url), &json!(id), &json!("Hosted"))
    );
    assert!(details["createdAt"].as_str().unwrap().ends_with('Z'), "{details}");
    let detailed = platform
        .get(format!("{CONTEXTS}?details=true&kind=Hosted"))
        .by("maker")
        .await
        .ok();
    assert_eq!(detailed.json()[0]["localId"], *id);
    let others = platform.get(format!("{CONTEXTS}?kind=Cached")).by("maker").await.ok();
    assert_eq!(others.json(), json!([]));

    for name in [url.as_str(), path.as_str()] {
        let used = sites(&platform, "Hinan", name).by("maker").await.ok();
        assert_eq!(used.entities()[0]["type"], "Hinan");
    }
    assert_eq!(deleted(&platform, &path).await.status, 204);
    assert_eq!(
        sites(&platform, "Hinan", &url).by("maker").await.status,
        504,
        "what is deleted is not used on"
    );
    assert_eq!(deleted(&platform, &path).await.error_type(), "ResourceNotFound");
    assert_eq!(platform.get(path).by("maker").await.error_type(), "ResourceNotFound");
}

#[tokio::test]
//= 5.13.4.4-3
async fn for_other_consumers_it_does_not_exist() {
    let platform = platform_with_egress().await;
    let path = stored(&platform, &calling_sites("Hinan")).await;
    sites(&platform, "Hinan", &path).by("maker").await.ok();
    for other in [platform.get(path.as_str()), platform.get(path.as_str()).anonymous()] {
        assert_eq!(other.await.error_type(), "ResourceNotFound");
    }
    assert_eq!(platform.get(CONTEXTS).await.ok().json(), json!([]));
    assert_eq!(
        sites(&platform, "Hinan", &path).await.error_type(),
        "LdContextNotAvailable"
    );
}

#[tokio::test]
async fn storing_and_deleting_need_a_grant() {
    let platform = platform_with_egress().await;
    let document = calling_sites("Hinan").to_string();
    // It may read and nothing else: a reader of the committed policies may also subscribe.
    const READS_ONLY: &str = "limited-app";
    for ask in [
        platform
            .request(Method::POST, CONTEXTS)
            .by(READS_ONLY)
            .body(JSON_LD, document.clone()),
        platform
            .request(Method::POST, CONTEXTS)
            .body(JSON_LD, document)
            .anonymous(),
        platform.request(Method::DELETE, format!("{CONTEXTS}/x")).by(READS_ONLY),
    ] {
        let answer = ask.await;
        assert_eq!(answer.status, 403, "{answer}");
    }
}

#[tokio::test]
//= 5.13.2.4-2
async fn what_is_no_context_is_not_stored() {
    let platform = platform_with_egress().await;
    for (body, kind) in [
        ("nonsense", "InvalidRequest"),
        ("{\"@context\":{},\"@context\":{}}", "InvalidRequest"),
        ("{}", "InvalidRequest"),
        ("{\"@context\":7}", "BadRequestData"),
        (
            "{\"@context\":{\"a\":{\"@id\":\"https://a.example/\",\"@context\":{}}}}",
            "BadRequestData",
        ),
    ] {
        let post = platform.request(Method::POST, CONTEXTS).by("maker").body(JSON_LD, body);
        let answer = post.await;
        assert_eq!((answer.status, answer.error_type().as_str()), (400, kind), "{answer}");
    }
    let text = platform
        .request(Method::POST, CONTEXTS)
        .by("maker")
        .body("text/plain", "{}")
        .await;
    assert_eq!(text.status, 415, "{text}");
}

#[tokio::test]
//= 5.13.1-2, 5.13.3.1-1, 5.13.4.4-2, 5.13.4.4-4, 5.13.5.1-1, 5.13.5.3-1, 5.13.5.4-3, 5.13.5.4-4, 6.30.3.1-1
//= 6.30.3.2-1
async fn a_copy_is_listed_to_those_who_use_it_and_never_served() {
    let (origin, server) = Origin::start().await;
    origin.publish("/c.jsonld", &calling_sites("Hinan"), &[]);
    let platform = platform_with_egress().await;
    let url = format!("{}/c.jsonld", server.url());
    for _ in 0..3 {
        sites(&platform, "Hinan", &url).by("maker").await.ok();
    }
    assert_eq!(platform.get(CONTEXTS).by("maker").await.ok().json(), json!([url]));
    assert_eq!(platform.get(CONTEXTS).await.ok().json(), json!([]));
    let path = format!("{CONTEXTS}/{}", encoded(&url));
    let served = platform.get(path.as_str()).by("maker").await;
    assert_eq!(
        (served.status, served.error_type().as_str()),
        (422, "OperationNotSupported"),
        "{served}"
    );
    let details = platform
        .get(format!("{path}?details=true"))
        .by("maker")
        .await
        .ok()
        .json();
    assert_eq!(
        (&details["kind"], &details["numberOfHits"]),
        (&json!("Cached"), &json!(2)),
        "{details}"
    );
    assert!(
        details["lastUsage"].is_string() && details["expiresAt"].is_string(),
        "{details}"
    );

    origin.publish("/c.jsonld", &calling_sites("Basho"), &[]);
    assert_eq!(deleted(&platform, &format!("{path}?reload=true")).await.status, 204);
    assert_eq!(
        sites(&platform, "Basho", &url).by("maker").await.ok().entities()[0]["type"],
        "Basho"
    );
    server.set_fault(Fault::BrokenJson);
    let by_id = format!("{CONTEXTS}/{}", details["localId"].as_str().unwrap());
    let failed = deleted(&platform, &format!("{by_id}?reload=true")).await;
    assert_eq!(
        (failed.status, failed.error_type().as_str()),
        (504, "LdContextNotAvailable"),
        "{failed}"
    );
    sites(&platform, "Basho", &url).by("maker").await.ok();
    assert_eq!(deleted(&platform, &by_id).await.status, 204);
    assert_eq!(deleted(&platform, &by_id).await.status, 404);
}

#[tokio::test]
//= 5.13.5.4-1, 5.13.5.4-5
async fn what_is_built_in_or_hosted_is_not_reloaded() {
    let platform = platform_with_egress().await;
    let path = stored(&platform, &calling_sites("Hinan")).await;
    let core = encoded("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld");
    for target in [
        format!("{path}?reload=true"),
        format!("{CONTEXTS}/unknown?reload=true"),
        format!("{CONTEXTS}/kakehashi"),
        format!("{CONTEXTS}/{core}"),
        CONTEXTS.to_owned(),
    ] {
        let answer = deleted(&platform, &target).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "BadRequestData"),
            "{answer}"
        );
    }
    assert_eq!(platform.get(format!("{CONTEXTS}/{core}")).await.status, 422);
    assert_eq!(
        platform.get(format!("{CONTEXTS}/kakehashi")).anonymous().await.status,
        200
    );
}

#[tokio::test]
async fn stored_contexts_outlive_the_process() {
    let mut platform = platform_with_egress().await;
    let path = stored(&platform, &calling_sites("Hinan")).await;
    let folder = platform.gateway().folder().to_owned();
    platform.gateway().terminate();
    platform.gateway_mut().wait();
    let mut command = kakehashi(&folder);
    command.args(["serve", "--json", "--config", "tenants.toml", "--policies", "policies/"]);
    let again = Gateway::start(command, &folder).await;
    let client = Client::new(again.ready()["gateway"].as_str().unwrap(), Some(key_of("maker")));
    assert_eq!(client.get(path).await.ok().json(), calling_sites("Hinan"));
}
