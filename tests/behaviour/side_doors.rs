//! Attempts to learn what is hidden from what surrounds an answer: counts, page boundaries, system dates, tenants, and
//! conditions that go through a visible attribute.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Platform, encoded};

/// Ids in their order; the second, which is hidden, lies in no namespace that somebody else may write to.
const SITES: [&str; 3] = [
    "urn:ngsi-ld:EvacuationSite:A1",
    "urn:ngsi-ld:Resident:EvacuationSite:A2",
    "urn:x:EvacuationSite:A3",
];

/// An entity of Yaita's partition; the name is the value that a second type may hide.
fn site(id: &str, types: &[&str], name: &str) -> Value {
    json!({
        "id": id, "type": types, "name": {"type": "Property", "value": name},
    })
}

/// Yaita's partition with one more type on one of its entities: it is about a person, whatever else it is.
async fn platform_with_a_hidden_site() -> Platform {
    let entities = [
        site(SITES[0], &["EvacuationSite"], "一番目"),
        site(SITES[1], &["EvacuationSite", "Resident"], "隠れた場所"),
        site(SITES[2], &["EvacuationSite"], "三番目"),
    ];
    let builder = Platform::builder().await;
    builder
        .store("yaita", Value::from(entities.to_vec()).to_string())
        .start()
        .await
}

#[tokio::test]
async fn counts_and_pages_do_not_tell_of_hidden_entities() {
    let platform = platform_with_a_hidden_site().await;
    let of_yaita = |query: String| platform.entities(query).tenant("yaita");
    for (name, visible) in [("一番目", 1), ("隠れた場所", 0), ("どこでもない", 0)] {
        let query = format!(
            "type=EvacuationSite&count=true&q={}",
            encoded(&format!("name==\"{name}\""))
        );
        let answer = of_yaita(query).await.ok();
        assert_eq!((answer.count(), answer.entities().len()), (visible, visible), "{name}");
    }
    for consumer in ["bousai-map", "limited-app"] {
        let query = "type=EvacuationSite&count=true&limit=0&id=".to_owned() + SITES[1];
        let answer = platform.entities(query).tenant("yaita").by(consumer).await;
        assert_eq!(answer.header("ngsild-results-count"), Some("0"), "{consumer}");
    }
    let mut next = Some("/ngsi-ld/v1/entities?type=EvacuationSite&limit=1&idPattern=EvacuationSite:A".to_owned());
    let mut walked = Vec::new();
    while let Some(target) = next {
        let page = platform.get(target).tenant("yaita").await.ok();
        assert_eq!(
            page.entities().len(),
            1,
            "a page with a gap tells of what was taken out"
        );
        walked.extend(page.ids());
        next = page.link("next");
    }
    assert_eq!(walked, [SITES[0], SITES[2]]);
}

#[tokio::test]
async fn a_type_is_listed_although_its_first_entity_is_hidden() {
    let hidden = json!({"id": "urn:ngsi-ld:Resident:0", "type": ["AED", "Resident"]});
    let visible = json!({"id": "urn:x:AED:1", "type": "AED"});
    let builder = Platform::builder().await;
    let platform = builder
        .store("yaita", json!([hidden, visible]).to_string())
        .start()
        .await;
    let types = platform.get("/ngsi-ld/v1/types").tenant("yaita").await.ok().json();
    assert!(types["typeList"].as_array().unwrap().contains(&json!("AED")), "{types}");
}

#[tokio::test]
async fn a_pattern_in_provides_bounds_the_count_too() {
    let platform = Platform::start().await;
    let stray = r#"[{"id": "urn:ngsi-ld:WeatherObserved:999999-01", "type": "WeatherObserved"}]"#;
    platform.demo().orion().load("nasushiobara", "/weather", stray).unwrap();
    let answer = platform
        .entities("type=WeatherObserved&count=true&limit=1000")
        .tenant("nasushiobara")
        .await
        .ok();
    assert_eq!(answer.count(), answer.entities().len());
    assert!(answer.ids().iter().all(|id| id.contains("092134")));
}

/// Dropping the platform checks that no request named a personal attribute.
#[tokio::test]
async fn conditions_on_hidden_attributes_of_attributes_stay_here() {
    let platform = Platform::start().await;
    for filter in [
        "name.managerName==\"x\"",
        "name.managerName",
        "name;name.managerName!=\"x\"",
        "name.managerName|name.managerMobilePhone==\"x\"",
    ] {
        let query = format!("type=DesignatedShelter&count=true&q={}", encoded(filter));
        for tenant in [None, Some("nasushiobara")] {
            let mut ask = platform.entities(&query);
            if let Some(tenant) = tenant {
                ask = ask.tenant(tenant);
            }
            assert_eq!(ask.await.ok().count(), 0, "{filter}");
        }
    }
}

#[tokio::test]
async fn a_change_of_a_hidden_attribute_moves_no_date() {
    let platform = Platform::start().await;
    let first = platform
        .entities("type=DesignatedShelter&limit=1&options=sysAttrs")
        .tenant("nasushiobara")
        .await
        .ok()
        .entities()
        .remove(0);
    let id = first["id"].as_str().unwrap().to_owned();
    let raw = id.rsplit(':').next().unwrap();
    let body = json!({"managerMobilePhone": {"type": "Text", "value": "0"}}).to_string();
    let changed = super::harness::Client::new(platform.demo().orion().url(), None)
        .request(
            Method::PATCH,
            format!("/v2/entities/{raw}/attrs?type=DesignatedShelter"),
        )
        .header("fiware-service", "nasushiobara")
        .header("fiware-servicepath", "/disaster")
        .body("application/json", body)
        .await;
    assert_eq!(changed.status, 204, "{:?}", changed.body);
    let again = platform
        .get(format!("/ngsi-ld/v1/entities/{id}?options=sysAttrs"))
        .await
        .ok()
        .json();
    assert_eq!(again["modifiedAt"], again["name"]["modifiedAt"], "{again}");
    assert_eq!(again["modifiedAt"], first["modifiedAt"]);
}

#[tokio::test]
async fn a_condition_on_a_system_date_means_the_same_with_one_source_and_with_all() {
    let platform = Platform::start().await;
    let query = "type=DesignatedShelter&count=true&limit=0&q=modifiedAt%3E2020-01-01T00:00:00Z";
    let of_one = platform.entities(query).tenant("nasushiobara").await.ok();
    assert_eq!(of_one.count(), 68);
}

#[tokio::test]
async fn a_tenant_of_which_nothing_may_be_seen_is_unknown() {
    let builder = Platform::builder().await;
    builder.files().remove("policies/yaita.cedar");
    builder.files().remove("policies/tests/demo.toml");
    let platform = builder.start().await;
    let hidden = platform.entities("type=EvacuationSite").tenant("yaita").await;
    let unknown = platform.entities("type=EvacuationSite").tenant("nowhere").await;
    assert_eq!((hidden.status, hidden.body), (unknown.status, unknown.body));
    assert_eq!(
        platform.entities("type=EvacuationSite").tenant("sano").await.status,
        200
    );
}

#[tokio::test]
async fn naming_a_credential_as_hop_by_hop_does_not_make_it_vanish() {
    let platform = Platform::start().await;
    for header in ["apikey", "x-api-key"] {
        let answer = platform
            .entities("type=EvacuationSite&limit=1")
            .anonymous()
            .header(header, "wrong")
            .header("connection", header)
            .await;
        assert_eq!(answer.status, 401, "{header}");
    }
}

#[tokio::test]
async fn an_undecodable_id_and_a_selector_of_system_dates_are_bad_requests() {
    let platform = Platform::start().await;
    for target in [
        "/ngsi-ld/v1/entities/urn:a%ff",
        "/ngsi-ld/v1/entities?q=modifiedAt%3E2020-01-01T00:00:00Z",
        "/ngsi-ld/v1/entities?attrs=createdAt",
    ] {
        let answer = platform.get(target).await;
        assert_eq!(answer.status, 400, "{target}");
        assert_eq!(answer.error_type(), "BadRequestData", "{target}");
    }
    assert!(platform.asked().is_empty());
}
