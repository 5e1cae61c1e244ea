//! A number leaves as it came: every double, in every place that may hold one, in every representation.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entity;
use ngsi_ld::entity::render::{Format, Rendering, render_entity, render_feature};
use proptest::prelude::*;

/// An entity with a number in every place that may hold one, and with a place whose longitudes and latitudes are these.
fn entity(number: &str, longitude: &str, latitude: &str) -> String {
    let at = format!("[{longitude},{latitude}]");
    let ring = format!("[[{at},[1.5,1.5],[2.5,1.5],{at}]]");
    let places = [
        format!(r#""Point","coordinates":{at}"#),
        format!(r#""Point","coordinates":[{longitude},{latitude},{longitude}]"#),
        format!(r#""MultiPoint","coordinates":[{at},{at}]"#),
        format!(r#""LineString","coordinates":[{at},[1.5,1.5]]"#),
        format!(r#""MultiLineString","coordinates":[[{at},[1.5,1.5]]]"#),
        format!(r#""Polygon","coordinates":{ring}"#),
        format!(r#""MultiPolygon","coordinates":[{ring}]"#),
    ];
    let places: Vec<String> = places
        .iter()
        .enumerate()
        .map(|(index, place)| format!(r#""place{index}":{{"type":"GeoProperty","value":{{"type":{place}}}}}"#))
        .collect();
    format!(
        r#"{{"id":"urn:a:1","type":"T",
            "alone":{{"type":"Property","value":{number}}},
            "nested":{{"type":"Property","value":{{"a":[{number},{{"b":{number}}}]}}}},
            "listed":{{"type":"ListProperty","valueList":[{number},[{number}]]}},
            "raw":{{"type":"JsonProperty","json":{{"a":{number}}}}},
            "above":{{"type":"Property","value":"x","below":{{"type":"Property","value":{number}}}}},
            "several":[{{"type":"Property","value":{number}}},
                {{"type":"Property","value":{number},"datasetId":"urn:d:1"}}],
            "text":{{"type":"LanguageProperty","languageMap":{{"ja":"{number}"}}}},
            {}}}"#,
        places.join(",")
    )
}

/// How often the text stands there as a number, or as a text of its own.
fn count(json: &str, number: &str) -> usize {
    let tokens = json.split([' ', '\n', '[', ']', '{', '}', ',', ':', '"']);
    tokens.filter(|token| *token == number).count()
}

fn rendered(json: &str, format: Format) -> [String; 2] {
    let entity = parse_entity(json.as_bytes(), Context::core()).unwrap();
    let rendering = Rendering::new(Context::core(), format);
    let place = Context::core().expand_attribute("place0").unwrap();
    let (mut plain, mut feature) = (Vec::new(), Vec::new());
    render_entity(&rendering, &entity, &mut plain);
    render_feature(&rendering, &entity, &place, &mut feature);
    [plain, feature].map(|out| String::from_utf8(out).unwrap())
}

fn leaves_as_it_came(number: &str, longitude: &str, latitude: &str) {
    let json = entity(number, longitude, latitude);
    for format in [Format::Normalized, Format::Concise, Format::Simplified] {
        for shown in rendered(&json, format) {
            // What is simplified has no attributes of attributes.
            let left_out = usize::from(format == Format::Simplified);
            for (text, left_out) in [(number, left_out), (longitude, 0), (latitude, 0)] {
                assert!(
                    count(&shown, text) + left_out >= count(&json, text),
                    "{text} in {shown}"
                );
            }
        }
    }
}

fn degrees(limit: f64) -> impl Strategy<Value = String> {
    (-limit..limit).prop_map(|degrees| serde_json::to_string(&degrees).unwrap())
}

#[test]
fn the_digits_that_are_read_as_their_neighbour_by_careless_readers_stay() {
    for number in ["152.03699879955013", "0.30000000000000004", "5e-324"] {
        leaves_as_it_came(number, "13.462879859445884", "43.462879859445884");
    }
}

proptest! {
    #[test]
    //= 4.7.2-3
    fn every_double_leaves_as_it_came(
        number in any::<f64>().prop_filter("JSON has no such number", |number| number.is_finite()),
        longitude in degrees(180.0),
        latitude in degrees(90.0),
    ) {
        let number = serde_json::to_string(&number).unwrap();
        leaves_as_it_came(&number, &longitude, &latitude);
    }
}
