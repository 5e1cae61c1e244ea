//! A number of a source is that number in the view, to its last digit: whatever double it is, and wherever it stands.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use kakehashi_adapters::AttributeSelection;
use kakehashi_adapters::mapping::{Mapping, try_mapping};
use kakehashi_adapters::ngsi_v2::translate::{ProvidedType, TranslationContext, translate_entities};
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::render::{Format, Rendering, render_entity};
use proptest::prelude::*;

const MAPPING: &str = r#"
[types.AED]
path = "/aed"
records = "$[*]"
id = "urn:x:{no}"

[types.AED.attributes]
capacity = "number"
written = { field = "text", as = "number" }
location = { latitude = "north", longitude = "east" }
place = { geometry = "geom" }
"#;

fn shown(entity: &Entity) -> String {
    let mut out = Vec::new();
    render_entity(&Rendering::new(Context::core(), Format::Normalized), entity, &mut out);
    String::from_utf8(out).unwrap()
}

/// How often a text stands there as a number.
fn count(json: &str, number: &str) -> usize {
    let tokens = json.split(['[', ']', '{', '}', ',', ':']);
    tokens.filter(|token| *token == number).count()
}

/// The geometries of GeoJSON around a place.
fn geometries(east: &str, north: &str) -> Vec<String> {
    let at = format!("[{east},{north}]");
    let ring = format!("[[{at},[1.5,1.5],[2.5,1.5],{at}]]");
    vec![
        format!(r#"{{"type":"Point","coordinates":{at}}}"#),
        format!(r#"{{"coordinates":[{at},{at}],"type":"MultiPoint"}}"#),
        format!(r#"{{"type":"LineString","coordinates":[{at},[1.5,1.5]]}}"#),
        format!(r#"{{"type":"MultiLineString","coordinates":[[{at},[1.5,1.5]]]}}"#),
        format!(r#"{{"type":"Polygon","coordinates":{ring}}}"#),
        format!(r#"{{"type":"MultiPolygon","coordinates":[{ring}]}}"#),
        format!(r#"{{"type":"GeometryCollection","geometries":[{{"type":"Point","coordinates":{at}}}]}}"#),
        format!(r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":{at}}}}}"#),
    ]
}

fn of_orion(number: &str, east: &str, north: &str) {
    let context = Arc::clone(Context::core());
    let translation = TranslationContext {
        types: vec![ProvidedType {
            name: context.expand_type("AED").unwrap(),
            short: "AED".into(),
        }],
        context,
        attributes: AttributeSelection::All,
        system_attributes: false,
        object_types: Arc::default(),
        scopes: false,
        tables: Arc::default(),
    };
    let places = geometries(east, north)
        .into_iter()
        .map(|geometry| format!(r#"{{"type":"geo:json","value":{geometry}}}"#))
        .chain([
            format!(r#"{{"type":"geo:point","value":"{north},{east}"}}"#),
            format!(r#"{{"type":"geo:line","value":["{north},{east}","1.5,1.5"]}}"#),
        ]);
    for place in places {
        let body = format!(
            r#"[{{"id":"1","type":"AED","place":{place},"one":{{"type":"Number","value":{number}}},
                "all":{{"type":"StructuredValue","value":[{number},{{"a":{number}}}]}},
                "two":{{"type":"Text","value":"x","metadata":{{"accuracy":{{"type":"Number","value":{number}}}}}}}}}]"#
        );
        let entities = translate_entities(body.as_bytes(), &translation).unwrap();
        let shown = shown(&entities[0]);
        assert!(count(&shown, number) >= 4, "{number} of {body} in {shown}");
        assert!(
            count(&shown, east) >= 1 && count(&shown, north) >= 1,
            "{body} in {shown}"
        );
    }
}

fn of_a_platform(number: &str, east: &str, north: &str) {
    let mapping = Mapping::parse(MAPPING, "test.toml", Context::core()).unwrap();
    for geometry in geometries(east, north).into_iter().take(6) {
        let body = format!(
            r#"[{{"no":1,"number":{number},"text":"{number}","north":{north},"east":"{east}","geom":{geometry}}}]"#
        );
        let report = try_mapping(&mapping, None, body.as_bytes());
        let shown = shown(&report.entities[0]);
        assert!(count(&shown, number) >= 2, "{number} of {body} in {shown}");
        assert!(
            count(&shown, east) >= 2 && count(&shown, north) >= 2,
            "{body} in {shown}"
        );
    }
}

/// A double as JSON writes it, not a whole number: those have a writing of their own as longitudes.
fn written(doubles: impl Strategy<Value = f64>) -> impl Strategy<Value = String> {
    doubles
        .prop_filter("JSON has no such number", |double| double.is_finite())
        .prop_map(|double| serde_json::to_string(&double).unwrap())
}

proptest! {
    #[test]
    fn every_double_keeps_its_digits(
        number in written(any::<f64>()),
        east in written(-180.0..180.0_f64),
        north in written(-90.0..90.0_f64),
    ) {
        of_orion(&number, &east, &north);
        of_a_platform(&number, &east, &north);
    }
}

#[test]
fn digits_that_careless_readers_take_for_their_neighbours() {
    of_orion("36.314600000000006", "106.26968360365078", "43.462879859445884");
    of_a_platform("36.314600000000006", "106.26968360365078", "43.462879859445884");
}
