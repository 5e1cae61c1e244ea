//! A context that is downloaded may name others relative to where it was found, and is bounded as ever (JSON-LD 1.1;
//! clause 5.5.7). A core context is read as of the version that the request names (clause 4.4).

use http::{Method, StatusCode};
use serde_json::json;

use super::contexts::{Origin, calling_sites, platform_with_egress, sites};

#[tokio::test]
async fn contexts_are_found_relative_to_the_one_that_names_them() {
    let (origin, server) = Origin::start().await;
    let platform = platform_with_egress().await;
    origin.publish("/names/site.jsonld", &calling_sites("Hinan"), &[]);
    // An @base is for data, not for contexts.
    let base = json!({ "@base": "http://127.0.0.1:1/elsewhere/" });
    for (path, reference) in [
        ("/names/beside.jsonld", "site.jsonld"),
        ("/names/deep/above.jsonld", "../site.jsonld"),
        ("/other/root.jsonld", "/names/site.jsonld"),
    ] {
        origin.publish(path, &json!({ "@context": [base, reference] }), &[]);
        let answer = sites(&platform, "Hinan", &format!("{}{path}", server.url())).await.ok();
        assert_eq!(answer.entities()[0]["type"], "Hinan", "{path}");
    }
    let asked = server
        .requests()
        .iter()
        .filter(|sent| sent.path == "/names/site.jsonld")
        .count();
    assert_eq!(asked, 1, "one copy serves all of them");
}

#[tokio::test]
async fn a_redirected_context_names_others_from_where_it_led_to() {
    let (origin, server) = Origin::start().await;
    let platform = platform_with_egress().await;
    origin.redirect("/latest.jsonld", "/v2/all.jsonld");
    origin.publish("/v2/all.jsonld", &json!({ "@context": ["site.jsonld"] }), &[]);
    origin.publish("/v2/site.jsonld", &calling_sites("Hinan"), &[]);
    origin.publish("/site.jsonld", &calling_sites("Wrong"), &[]);
    let url = format!("{}/latest.jsonld", server.url());
    let answer = sites(&platform, "Hinan", &url).await.ok();
    assert_eq!(answer.entities()[0]["type"], "Hinan");
    assert!(!server.requests().iter().any(|sent| sent.path == "/site.jsonld"));
}

#[tokio::test]
async fn relative_contexts_lead_neither_inside_nor_in_circles_nor_on_forever() {
    let (origin, server) = Origin::start().await;
    let platform = platform_with_egress().await;
    origin.publish("/a/circle.jsonld", &json!({ "@context": "../a/./circle.jsonld" }), &[]);
    origin.publish(
        "/inside.jsonld",
        &json!({ "@context": "//169.254.169.254/latest/meta-data/" }),
        &[],
    );
    origin.publish("/nowhere.jsonld", &json!({ "@context": "gone.jsonld" }), &[]);
    // Each names one that lies deeper.
    let mut path = "/".to_owned();
    for _ in 0..40 {
        origin.publish(&format!("{path}c.jsonld"), &json!({ "@context": "d/c.jsonld" }), &[]);
        path.push_str("d/");
    }
    for (path, status, kind) in [
        ("/a/circle.jsonld", StatusCode::BAD_REQUEST, "BadRequestData"),
        ("/c.jsonld", StatusCode::BAD_REQUEST, "BadRequestData"),
        ("/inside.jsonld", StatusCode::GATEWAY_TIMEOUT, "LdContextNotAvailable"),
        ("/nowhere.jsonld", StatusCode::GATEWAY_TIMEOUT, "LdContextNotAvailable"),
    ] {
        let answer = sites(&platform, "Hinan", &format!("{}{path}", server.url())).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (status.as_u16(), kind),
            "{path}: {answer}"
        );
    }
    let deepest = server
        .requests()
        .iter()
        .filter(|sent| sent.path.ends_with("d/c.jsonld"))
        .count();
    assert!(deepest < 40, "{deepest} documents of a list without end were fetched");
}

#[tokio::test]
async fn names_are_those_of_the_core_context_that_the_request_names() {
    let platform = platform_with_egress().await;
    let core = |version: &str| {
        format!(
            "<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-{version}.jsonld>; \
             rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
        )
    };
    // v1.6 did not define `containedBy`: there it is a name like any other. No policy knows it, and the refusal says
    // what it means.
    for (version, meaning) in [
        ("v1.6", "https://uri.etsi.org/ngsi-ld/default-context/containedBy"),
        ("v1.9", "https://uri.etsi.org/ngsi-ld/isContainedBy"),
    ] {
        let entity = json!({
            "id": "urn:ngsi-ld:AED:named", "type": "https://kakehashi.example.jp/vocab/AED", "containedBy": 1,
        });
        let answer = platform
            .request(Method::POST, "/ngsi-ld/v1/entities")
            .by("maker")
            .tenant("yaita")
            .header("link", &core(version))
            .body("application/json", entity.to_string())
            .await;
        assert_eq!(answer.status, 403, "{answer}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.ends_with(&format!(": {meaning}")), "{version}: {detail}");
    }
}
