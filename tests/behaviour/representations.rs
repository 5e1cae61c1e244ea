//! One entity in every representation, told from the normalized one.

use serde_json::{Map, Value, json};

use super::harness::{Platform, nasushiobara_sites, sano_sites, site_ids, yaita_sites};

const CORE: &str = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld";
const CONTEXT_RELATION: &str = "http://www.w3.org/ns/json-ld#context";

async fn all(platform: &Platform, extra: &str) -> Vec<Value> {
    platform
        .entities(format!("type=EvacuationSite&limit=1000{extra}"))
        .await
        .ok()
        .entities()
}

fn attributes(entity: &Value) -> impl Iterator<Item = (&String, &Value)> {
    entity
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "id" | "type" | "@context"))
}

/// The simplified form of a normalized entity, by clause 4.5.4.
fn simplified(entity: &Value) -> Value {
    let mut simple = Map::new();
    for name in ["id", "type"] {
        simple.insert(name.into(), entity[name].clone());
    }
    for (name, attribute) in attributes(entity) {
        let value = attribute
            .get("value")
            .or_else(|| attribute.get("object"))
            .unwrap_or_else(|| panic!("{attribute}"));
        simple.insert(name.clone(), value.clone());
    }
    Value::Object(simple)
}

#[tokio::test]
//= 6.3.7-2
async fn normalized_attributes_say_what_they_are() {
    let platform = Platform::start().await;
    for query in [
        "type=EvacuationSite",
        "type=DesignatedShelter",
        "type=AED",
        "type=WeatherObserved",
    ] {
        for entity in platform.entities(format!("{query}&limit=1000")).await.ok().entities() {
            for (name, attribute) in attributes(&entity) {
                let kind = attribute["type"].as_str().unwrap_or_else(|| panic!("{name}: {entity}"));
                assert!(["Property", "GeoProperty", "Relationship"].contains(&kind), "{entity}");
                assert_eq!(kind == "GeoProperty", name == "location", "{entity}");
                if let Some(observed) = attribute.get("observedAt") {
                    assert!(observed.as_str().unwrap().ends_with('Z'), "{entity}");
                }
                assert!(
                    attribute.get("createdAt").is_none() && attribute.get("modifiedAt").is_none(),
                    "{entity}"
                );
            }
        }
    }
    // What a platform says in its own way: local time, units, flags.
    let site = platform.entity(&sano_sites()[0].id).await.ok().json();
    assert_eq!(
        site["name"]["observedAt"], "2026-04-01T00:00:00Z",
        "09:00 in Japan: {site}"
    );
    assert!(site["typeOfDisasterFlood"]["value"].is_boolean(), "{site}");
    let weather = platform
        .entity("urn:ngsi-ld:WeatherObserved:092134-01")
        .await
        .ok()
        .json();
    assert_eq!(weather["temperature"]["unitCode"], "CEL", "{weather}");
    assert_eq!(weather["temperature"]["value"], 8.4);
    assert_eq!(weather["dateObserved"]["value"]["@type"], "DateTime", "{weather}");
    let point = platform.entity(&nasushiobara_sites()[2].id).await.ok().json();
    assert_eq!(
        point["location"]["value"]["type"], "Point",
        "a geo:point became a GeoProperty: {point}"
    );
}

#[tokio::test]
//= 4.5.4-1, 4.5.4-2, 6.3.7-1, 6.3.7-4
async fn key_values_and_simplified_are_the_bare_values() {
    let platform = Platform::start().await;
    let expected: Vec<Value> = all(&platform, "").await.iter().map(simplified).collect();
    for extra in [
        "&options=keyValues",
        "&options=simplified",
        "&format=simplified",
        "&format=keyValues",
    ] {
        assert_eq!(all(&platform, extra).await, expected, "{extra}");
    }
}

#[tokio::test]
//= 6.3.7-3
async fn concise_says_as_much_in_less() {
    let platform = Platform::start().await;
    let normalized = all(&platform, "").await;
    let concise = all(&platform, "&options=concise").await;
    assert_eq!(concise.len(), normalized.len());
    for (short, long) in concise.iter().zip(&normalized) {
        for (name, attribute) in attributes(long) {
            let bare = attribute.as_object().unwrap().len() == 2;
            let said = &short[name];
            if bare && attribute["type"] != "Relationship" {
                assert!(
                    *said == attribute["value"] || said["value"] == attribute["value"],
                    "{name}: {short}"
                );
            } else {
                assert_eq!(said["value"], attribute["value"], "{name}: {short}");
                assert_eq!(said.get("observedAt"), attribute.get("observedAt"), "{name}: {short}");
            }
            assert!(said.get("type").is_none_or(|kind| kind == "Point"), "{name}: {short}");
        }
    }
}

#[tokio::test]
//= 4.5.16.3-1, 4.5.17.0-1, 4.5.17.1-1, 4.5.17.2-1, 5.2.30-1, 5.7.2.4-20, 6.3.6-5, 6.3.15-1
async fn geojson_is_a_map_of_every_site() {
    let platform = Platform::start().await;
    let answer = platform
        .entities("type=EvacuationSite&limit=1000&count=true")
        .accept("application/geo+json")
        .await
        .ok();
    assert_eq!(answer.header("content-type"), Some("application/geo+json"));
    assert_eq!(answer.count(), 102);
    let collection = answer.json();
    assert_eq!(collection["type"], "FeatureCollection");
    assert!(collection.get("@context").is_some(), "clause 6.3.6");
    let features = collection["features"].as_array().unwrap();
    let mut ids: Vec<&str> = features.iter().map(|feature| feature["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, site_ids());
    let published = [sano_sites(), nasushiobara_sites(), yaita_sites()].concat();
    for feature in features {
        assert_eq!(feature["type"], "Feature");
        assert_eq!(feature["properties"]["type"], "EvacuationSite");
        assert_eq!(feature["geometry"]["type"], "Point", "{feature}");
        let place = published
            .iter()
            .find(|place| feature["id"] == place.id.as_str())
            .unwrap();
        let coordinates = &feature["geometry"]["coordinates"];
        assert!(
            (coordinates[0].as_f64().unwrap() - place.longitude).abs() < 1e-7,
            "{feature}"
        );
        assert!(
            (coordinates[1].as_f64().unwrap() - place.latitude).abs() < 1e-7,
            "{feature}"
        );
        assert_eq!(feature["properties"]["name"]["value"], place.name.as_str());
    }
    let simple = platform
        .entities("type=EvacuationSite&limit=1000&options=keyValues")
        .accept("application/geo+json")
        .await
        .ok()
        .json();
    assert!(simple["features"][0]["properties"]["name"].is_string());
    let one = platform
        .entity(&published[0].id)
        .accept("application/geo+json")
        .await
        .ok()
        .json();
    assert_eq!((&one["type"], &one["id"]), (&json!("Feature"), &json!(published[0].id)));
    let without = platform
        .entity(&published[0].id)
        .accept("application/geo+json")
        .header("prefer", "body=json")
        .await
        .ok();
    assert!(without.json().get("@context").is_none());
    assert!(without.all("link").iter().any(|link| link.contains(CONTEXT_RELATION)));
}

#[tokio::test]
//= 4.4-3, 5.2.3-1, 6.3.6-1, 6.3.6-2, 6.3.6-4
async fn the_context_stands_where_the_media_type_wants_it() {
    let platform = Platform::start().await;
    let own_context = format!(
        "{}/ngsi-ld/v1/jsonldContexts/kakehashi",
        platform.gateway().ready()["gateway"].as_str().unwrap()
    );
    let json = platform.entities("type=EvacuationSite&limit=3").await.ok();
    assert_eq!(json.header("content-type"), Some("application/json"));
    let link = json
        .all("link")
        .into_iter()
        .find(|link| link.contains(CONTEXT_RELATION))
        .expect("a link to the context");
    assert!(
        link.starts_with(&format!("<{own_context}>")) && link.contains("type=\"application/ld+json\""),
        "{link}"
    );
    assert!(json.entities().iter().all(|entity| entity.get("@context").is_none()));
    let ld = platform
        .entities("type=EvacuationSite&limit=3")
        .accept("application/ld+json")
        .await
        .ok();
    assert_eq!(ld.header("content-type"), Some("application/ld+json"));
    assert!(!ld.all("link").iter().any(|link| link.contains(CONTEXT_RELATION)));
    for entity in ld.entities() {
        let context = &entity["@context"];
        let named = *context == own_context || context.as_array().is_some_and(|all| all.contains(&json!(own_context)));
        assert!(named, "{entity}");
    }
    let preferred = platform
        .entities("type=EvacuationSite&limit=1")
        .accept("text/html, application/ld+json;q=0.9, */*;q=0.1")
        .await
        .ok();
    assert_eq!(preferred.header("content-type"), Some("application/ld+json"));
}

#[tokio::test]
async fn the_gateways_context_can_be_looked_up() {
    let platform = Platform::start().await;
    let document = platform
        .get("/ngsi-ld/v1/jsonldContexts/kakehashi")
        .anonymous()
        .await
        .ok();
    assert_eq!(document.header("content-type"), Some("application/ld+json"));
    assert!(document.json()["@context"].is_object() || document.json()["@context"].is_array());
}

#[tokio::test]
//= 5.5.5-1, 5.5.7-7, 5.7.1.4-9, 5.7.2.4-8
async fn under_the_core_context_names_are_iris_and_iris_are_understood() {
    let platform = Platform::start().await;
    let link = format!("<{CORE}>; rel=\"{CONTEXT_RELATION}\"; type=\"application/ld+json\"");
    let own = platform.entities("type=EvacuationSite&limit=1").await.ok();
    // The core context knows neither the type nor the names; the short name means something else there.
    let short = platform
        .entities("type=EvacuationSite&count=true")
        .header("link", &link)
        .await
        .ok();
    assert_eq!(short.count(), 0);
    let r#type = super::harness::encoded("https://kakehashi.example.jp/vocab/EvacuationSite");
    let long = platform
        .entities(format!("type={type}&limit=1&count=true"))
        .header("link", &link)
        .await
        .ok();
    assert_eq!(long.count(), 102);
    let entity = &long.entities()[0];
    assert_eq!(entity["type"], "https://kakehashi.example.jp/vocab/EvacuationSite");
    assert!(
        entity.get("https://smartdatamodels.org/name").is_some() && entity.get("location").is_some(),
        "{entity}"
    );
    assert_eq!(entity["id"], own.entities()[0]["id"]);
    let by_iri = platform.entities(format!("type={type}&limit=1")).await.ok();
    assert_eq!(
        by_iri.entities(),
        own.entities(),
        "an IRI means the same under every context"
    );
}

#[tokio::test]
//= 4.8-2, 5.2.2-3, 6.3.11-1, 6.3.11-2
async fn system_attributes_show_when_asked_for() {
    let platform = Platform::start().await;
    let shown = all(&platform, "&options=sysAttrs").await;
    for entity in &shown {
        let modified = entity
            .get("modifiedAt")
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{entity}"));
        assert!(modified.ends_with('Z'), "{entity}");
    }
    for entity in all(&platform, "").await {
        assert!(
            entity.get("modifiedAt").is_none() && entity.get("createdAt").is_none(),
            "{entity}"
        );
    }
}

#[tokio::test]
//= 5.7.1.4-11, 5.7.2.3-1, 5.7.2.4-12, 5.7.2.5-2, 6.5.3.1-4
async fn attrs_choose_entities_and_what_is_shown() {
    let platform = Platform::start().await;
    for entity in all(&platform, "&attrs=name").await {
        let names: Vec<&String> = attributes(&entity).map(|(name, _)| name).collect();
        assert_eq!(names, ["name"], "{entity}");
    }
    // Only five have it: `attrs` is a condition as well (clause 4.21), and the count follows.
    let noted = platform
        .entities("type=EvacuationSite&attrs=prefecturalNote&count=true")
        .await
        .ok();
    assert_eq!((noted.count(), noted.ids().len()), (5, 5));
    let picked = platform
        .entities("type=EvacuationSite&pick=id,prefecturalNote&count=true&limit=1000")
        .await
        .ok();
    assert_eq!(
        (picked.count(), picked.ids().len()),
        (102, 102),
        "`pick` chooses what is shown, not which"
    );
    let neither = platform
        .entities("type=EvacuationSite&attrs=nobodyHasIt&count=true")
        .await
        .ok();
    assert_eq!((neither.count(), neither.ids().len()), (0, 0));
    let by_id = platform
        .get(format!(
            "/ngsi-ld/v1/entities/{}?attrs=nobodyHasIt",
            sano_sites()[20].id
        ))
        .await;
    assert_eq!(by_id.status, 404, "clause 5.7.1.4: {by_id}");
}
