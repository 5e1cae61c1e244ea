//! `GET /types`: the types of which the consumer may see an entity.

use serde_json::json;

use super::harness::Platform;

#[tokio::test]
//= 4.5.10-1, 5.2.24-1
async fn a_reader_sees_what_there_is() {
    let platform = Platform::start().await;
    let answer = platform.get("/ngsi-ld/v1/types").await.ok();
    let list = answer.json();
    assert_eq!(list["type"], "EntityTypeList");
    assert!(list["id"].as_str().unwrap().starts_with("urn:"), "{list}");
    assert_eq!(
        list["typeList"],
        json!(["AED", "DesignatedShelter", "EvacuationSite", "WeatherObserved"])
    );
    assert_eq!(answer.warnings(), [""; 0]);
    let public = platform.get("/ngsi-ld/v1/types/").anonymous().await.ok();
    assert_eq!(
        public.json()["typeList"],
        list["typeList"],
        "the public too, and with the slash that clients add"
    );
}

#[tokio::test]
async fn each_by_tenant() {
    let platform = Platform::start().await;
    for (tenant, types) in [
        (
            "sano",
            json!(["AED", "DesignatedShelter", "EvacuationSite", "WeatherObserved"]),
        ),
        (
            "nasushiobara",
            json!(["DesignatedShelter", "EvacuationSite", "WeatherObserved"]),
        ),
        ("yaita", json!(["DesignatedShelter", "EvacuationSite"])),
        ("tochigi", json!(["EvacuationSite"])),
    ] {
        assert_eq!(
            platform.get("/ngsi-ld/v1/types").tenant(tenant).await.ok().json()["typeList"],
            types,
            "{tenant}"
        );
    }
}

#[tokio::test]
async fn under_the_core_context_they_are_iris() {
    let platform = Platform::start().await;
    let core = "<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";
    let list = platform.get("/ngsi-ld/v1/types").header("link", core).await.ok().json();
    for name in list["typeList"].as_array().unwrap() {
        assert!(name.as_str().unwrap().starts_with("https://"), "{list}");
    }
    let ld = platform
        .get("/ngsi-ld/v1/types")
        .accept("application/ld+json")
        .await
        .ok();
    assert_eq!(ld.header("content-type"), Some("application/ld+json"));
    assert!(ld.json()["@context"].is_string());
}
