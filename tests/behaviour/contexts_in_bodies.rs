//! The @context of a body: by media type in the Link header or in the body, never in both (clause 6.3.5).

use http::Method;
use serde_json::{Value, json};

use super::contexts::{Origin, calling_sites, platform_with_egress};
use super::harness::{Answer, Platform};

const LINK: &str = "rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";

/// Creates a site, called as the context calls it.
async fn create(platform: &Platform, number: usize, media_type: &str, context: Option<Value>, link: &str) -> Answer {
    let mut entity = json!({ "id": format!("urn:ngsi-ld:EvacuationSite:made-{number}"), "type": "Hinan" });
    if let Some(context) = context {
        entity["@context"] = context;
    }
    let mut ask = platform
        .request(Method::POST, "/ngsi-ld/v1/entities")
        .by("maker")
        .tenant("yaita");
    if !link.is_empty() {
        ask = ask.header("link", link);
    }
    ask.body(media_type, entity.to_string()).await
}

#[tokio::test]
//= 5.5.7-1, 6.3.5-6
async fn a_body_names_its_context_in_one_place() {
    let (origin, server) = Origin::start().await;
    origin.publish("/c.jsonld", &calling_sites("Hinan"), &[]);
    let url = json!(format!("{}/c.jsonld", server.url()));
    let object = calling_sites("Hinan")["@context"].clone();
    let array = json!([url, { "other": "https://example.org/other" }]);
    let link = format!("<{}/c.jsonld>; {LINK}", server.url());
    let platform = platform_with_egress().await;
    let (json_type, json_ld) = ("application/json", "application/ld+json");

    let well = [
        (json_ld, Some(url.clone()), ""),
        (json_ld, Some(object.clone()), ""),
        (json_ld, Some(array), ""),
        (json_type, None, link.as_str()),
    ];
    let count = well.len();
    for (number, (media_type, context, link)) in well.into_iter().enumerate() {
        let created = create(&platform, number, media_type, context, link).await;
        assert_eq!(created.status, 201, "{created}");
        let path = created.header("location").unwrap().to_owned();
        let read = platform.get(path).by("maker").tenant("yaita").await.ok();
        assert_eq!(read.json()["type"], "EvacuationSite", "under the gateway's own context");
    }

    let two_links = format!("{link}, {link}");
    let mixed = [
        (json_type, Some(url.clone()), ""),
        (json_type, Some(object.clone()), link.as_str()),
        (json_ld, None, ""),
        (json_ld, None, link.as_str()),
        (json_ld, Some(object), link.as_str()),
        (json_type, None, two_links.as_str()),
        (json_ld, Some(json!(7)), ""),
        (json_ld, Some(json!([[7]])), ""),
    ];
    for (number, (media_type, context, link)) in mixed.into_iter().enumerate() {
        let refused = create(&platform, count + number, media_type, context, link).await;
        let outcome = (refused.status, refused.error_type());
        assert_eq!(outcome, (400, "BadRequestData".to_owned()), "{refused}");
    }

    let nowhere = json!(format!("{}/nowhere.jsonld", server.url()));
    let away = create(&platform, 99, json_ld, Some(json!([nowhere])), "").await;
    assert_eq!(
        (away.status, away.error_type().as_str()),
        (504, "LdContextNotAvailable"),
        "{away}"
    );
    assert_eq!(
        server.requests().iter().filter(|sent| sent.path == "/c.jsonld").count(),
        1,
        "every way to name it shares one download"
    );
}
