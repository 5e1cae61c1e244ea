//! A number leaves with the digits that it came with, from wherever it came and however it is shown.

use std::fmt::Write;

use super::harness::{Platform, RawOrion, encoded};

/// Doubles with every digit that they may have, also such as careless readers take for their neighbour.
const LATITUDES: [&str; 6] = [
    "43.462879859445884",
    "36.314600000000006",
    "35.70000000000001",
    "0.30000000000000004",
    "89.99999999999999",
    "-6.187922211941043",
];
const LONGITUDES: [&str; 6] = [
    "106.26968360365078",
    "-3.8098799999999997",
    "179.99999999999997",
    "0.1",
    "1e-7",
    "152.03699879955013",
];

const FORMATS: [&str; 3] = ["normalized", "concise", "simplified"];

fn id(index: usize) -> String {
    format!("urn:ngsi-ld:AED:number-{index}")
}

/// Geometries of every type around a place.
fn geometries(longitude: &str, latitude: &str) -> Vec<String> {
    let at = format!("[{longitude},{latitude}]");
    let ring = format!("[[{at},[1.5,1.5],[2.5,1.5],{at}]]");
    vec![
        format!(r#"{{"type":"Point","coordinates":{at}}}"#),
        format!(r#"{{"type":"MultiPoint","coordinates":[{at},{at}]}}"#),
        format!(r#"{{"type":"LineString","coordinates":[{at},[1.5,1.5]]}}"#),
        format!(r#"{{"type":"MultiLineString","coordinates":[[{at},[1.5,1.5]]]}}"#),
        format!(r#"{{"type":"Polygon","coordinates":{ring}}}"#),
        format!(r#"{{"type":"MultiPolygon","coordinates":[{ring}]}}"#),
    ]
}

/// An AED for each geometry, with numbers in other places, too; as text, so that nothing here reads a number.
fn entities(longitude: &str, latitude: &str, first: usize) -> Vec<String> {
    let each = geometries(longitude, latitude).into_iter().enumerate();
    each.map(|(index, geometry)| {
        format!(
            r#"{{"id":"{}","type":"AED","location":{{"type":"GeoProperty","value":{geometry}}},
                "dataProvider":{{"type":"Property","value":{latitude},"accuracy":{{"type":"Property","value":{longitude}}}}},
                "remarks":{{"type":"Property","value":{{"a":[{latitude},{{"b":{longitude}}}]}}}},
                "name":{{"type":"ListProperty","valueList":[{longitude}]}}}}"#,
            id(first + index)
        )
    })
    .collect()
}

/// How often a text stands there as a number.
fn count(json: &str, number: &str) -> usize {
    json.split([' ', '\n', '[', ']', '{', '}', ',', ':'])
        .filter(|token| *token == number)
        .count()
}

async fn leaves_as_it_came(platform: &Platform, tenant: &str, id: &str, came: &str, numbers: [&str; 2]) {
    for format in FORMATS {
        for media_type in ["application/json", "application/ld+json", "application/geo+json"] {
            let answer = platform
                .get(format!("/ngsi-ld/v1/entities/{id}?format={format}"))
                .tenant(tenant)
                .accept(media_type)
                .await
                .ok();
            let text = std::str::from_utf8(&answer.body).unwrap();
            for number in numbers {
                // What is simplified has no attributes of attributes.
                let wanted = count(came, number) - usize::from(format == "simplified");
                assert!(
                    count(text, number) >= wanted,
                    "{number}, {format}, {media_type}: {answer}"
                );
            }
        }
    }
}

#[tokio::test]
//= 4.6.4-1
async fn through_the_store() {
    let mut loaded = Vec::new();
    for (latitude, longitude) in LATITUDES.into_iter().zip(LONGITUDES) {
        let first = loaded.len();
        let all = entities(longitude, latitude, first).into_iter();
        loaded.extend(all.map(|entity| (entity, [latitude, longitude])));
    }
    let mut file = String::from("[");
    for (entity, _) in &loaded {
        let separator = if file.len() > 1 { "," } else { "" };
        write!(file, "{separator}{entity}").unwrap();
    }
    file.push(']');
    let platform = Platform::builder()
        .await
        .consumer("writer")
        .policy(
            "yaita.cedar",
            "permit (principal in Role::\"writer\", action in Action::\"provide\", resource in Tenant::\"yaita\") \
             when { resource.class == Class::\"open\" };\n\
             permit (principal in Role::\"reader\", action in Action::\"read\", resource == EntityType::\"yaita/AED\");",
        )
        .store("yaita", file)
        .start()
        .await;
    for (index, (entity, numbers)) in loaded.iter().enumerate() {
        leaves_as_it_came(&platform, "yaita", &id(index), entity, *numbers).await;
        // Written, too.
        let written = entity.replace(":number-", ":written-");
        let created = platform
            .post("/ngsi-ld/v1/entities")
            .by("writer")
            .tenant("yaita")
            .body("application/json", written.clone())
            .await;
        assert_eq!(created.status, 201, "{created}");
        let written_id = id(index).replace(":number-", ":written-");
        leaves_as_it_came(&platform, "yaita", &written_id, entity, *numbers).await;
    }
    // A question has them, too.
    for (index, latitude) in LATITUDES.into_iter().enumerate() {
        let answer = platform
            .entities(format!("type=AED&q={}", encoded(&format!("dataProvider=={latitude}"))))
            .tenant("yaita")
            .await
            .ok();
        assert!(answer.ids().contains(&id(index * geometries("", "").len())), "{answer}");
    }
}

#[tokio::test]
async fn through_an_orion() {
    let mut shown = Vec::new();
    for (latitude, longitude) in LATITUDES.into_iter().zip(LONGITUDES) {
        for geometry in geometries(longitude, latitude) {
            let id = format!("urn:ngsi-ld:EvacuationSite:number-{}", shown.len());
            let text = format!(
                r#"{{"id":"{id}","type":"EvacuationSite","location":{{"type":"geo:json","value":{geometry}}},
                    "maxCapacity":{{"type":"Number","value":{latitude},"metadata":{{"accuracy":{{"type":"Number","value":{longitude}}}}}}}}}"#
            );
            shown.push((id, text, [latitude, longitude]));
        }
    }
    let texts = shown.iter().map(|(_, text, _)| text.clone()).collect();
    let (platform, _orion) = RawOrion::of(texts).in_platform().await;
    for (id, text, numbers) in &shown {
        leaves_as_it_came(&platform, "nasushiobara", id, text, *numbers).await;
    }
    let answer = platform
        .entities("type=EvacuationSite&limit=1000&format=simplified")
        .tenant("nasushiobara")
        .await
        .ok();
    assert_eq!(answer.entities().len(), shown.len());
}
