use proptest::prelude::*;

use super::*;
use crate::entity::generated::entity;
use crate::entity::parse::{parse_entities, parse_entity};
use crate::entity::{AttributeValue, Geometry};

const SITE: &str = r#"{"id":"urn:ngsi-ld:EvacuationSite:1","type":"EvacuationSite","scope":"/Tochigi/Sano","createdAt":"2026-01-01T00:00:00Z",
    "name":{"type":"LanguageProperty","languageMap":{"ja":"佐野小学校","en":"Sano School"}},
    "location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[139.5,36]}},
    "maxCapacity":[{"type":"Property","value":300,"unitCode":"C62","observedAt":"2026-01-01T00:00:00Z"},
        {"type":"Property","value":310,"datasetId":"urn:d:1","createdAt":"2026-01-01T00:00:00Z"}],
    "alsoForShelter":{"type":"Property","value":true},
    "managedBy":{"type":"Relationship","object":"urn:o:1","objectType":"Organization","since":{"type":"Property","value":{"@type":"Date","@value":"2020-04-01"}}},
    "kind":{"type":"VocabProperty","vocab":"EvacuationSite"},
    "raw":{"type":"JsonProperty","json":{"id":1,"null":null}},
    "steps":{"type":"ListProperty","valueList":[1,"b"]},
    "route":{"type":"ListRelationship","objectList":[{"object":"urn:a:1"},{"object":"urn:a:2"}]}}"#;

fn render(json: &str, rendering: &Rendering<'_>) -> String {
    let entity = parse_entity(json.as_bytes(), rendering.context).unwrap();
    let mut out = Vec::new();
    render_entity(rendering, &entity, &mut out);
    String::from_utf8(out).unwrap()
}

fn own(format: Format) -> Rendering<'static> {
    Rendering::new(Context::kakehashi(), format)
}

#[test]
//= 4.2.3-1, 4.4-1, 4.5.2.2-1, 4.5.3.2-1, 5.7.1.5-1, 5.7.2.5-3
fn normalized_shows_every_member() {
    let rendering = Rendering {
        system_attributes: true,
        ..own(Format::Normalized)
    };
    let dense = SITE.replace("\n    ", "").replace("    ", "");
    // Longitude and latitude are floats.
    assert_eq!(render(SITE, &rendering), dense.replace("[139.5,36]", "[139.5,36.0]"));
}

#[test]
//= 4.8-1, 6.3.11-3
fn system_attributes_are_shown_on_demand_and_expiry_is_one() {
    let json = r#"{"id":"urn:a:1","type":"T","createdAt":"2026-01-01T00:00:00Z","expiresAt":"2027-01-01T00:00:00Z"}"#;
    assert_eq!(render(json, &own(Format::Normalized)), r#"{"id":"urn:a:1","type":"T"}"#);
    let rendering = Rendering {
        system_attributes: true,
        ..own(Format::Normalized)
    };
    assert_eq!(render(json, &rendering), json, "clauses 4.22 and 6.3.11");
}

#[test]
fn concise_leaves_out_what_can_be_inferred() {
    assert_eq!(
        render(SITE, &own(Format::Concise)),
        [
            r#"{"id":"urn:ngsi-ld:EvacuationSite:1","type":"EvacuationSite","scope":"/Tochigi/Sano","#,
            r#""name":{"languageMap":{"ja":"佐野小学校","en":"Sano School"}},"#,
            r#""location":{"type":"Point","coordinates":[139.5,36.0]},"#,
            r#""maxCapacity":[{"value":300,"unitCode":"C62","observedAt":"2026-01-01T00:00:00Z"},"#,
            r#"{"value":310,"datasetId":"urn:d:1"}],"alsoForShelter":true,"#,
            r#""managedBy":{"object":"urn:o:1","objectType":"Organization","#,
            r#""since":{"@type":"Date","@value":"2020-04-01"}},"#,
            r#""kind":{"vocab":"EvacuationSite"},"raw":{"json":{"id":1,"null":null}},"#,
            r#""steps":{"valueList":[1,"b"]},"route":{"objectList":["urn:a:1","urn:a:2"]}}"#,
        ]
        .concat()
    );
}

#[test]
//= 4.5.4-3
fn simplified_shows_values_alone() {
    assert_eq!(
        render(SITE, &own(Format::Simplified)),
        [
            r#"{"id":"urn:ngsi-ld:EvacuationSite:1","type":"EvacuationSite","scope":"/Tochigi/Sano","#,
            r#""name":{"languageMap":{"ja":"佐野小学校","en":"Sano School"}},"#,
            r#""location":{"type":"Point","coordinates":[139.5,36.0]},"#,
            r#""maxCapacity":{"dataset":{"@none":300,"urn:d:1":310}},"alsoForShelter":true,"#,
            r#""managedBy":"urn:o:1","kind":{"vocab":"EvacuationSite"},"raw":{"json":{"id":1,"null":null}},"#,
            r#""steps":[1,"b"],"route":["urn:a:1","urn:a:2"]}"#,
        ]
        .concat()
    );
}

#[test]
//= 4.5.16.1-1, 4.5.16.1-2, 4.5.16.1-3, 5.2.29-1, 6.5.3.1-6
fn features_carry_the_chosen_geometry() {
    let json = r#"{"id":"urn:a:1","type":["A","B"],"here":[{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}},
        {"type":"GeoProperty","datasetId":"urn:d:1","value":{"type":"Point","coordinates":[3,4]}}]}"#;
    let context = Context::core();
    let entity = parse_entity(json.as_bytes(), context).unwrap();
    let feature = |rendering: &Rendering<'_>, property: &str| {
        let mut out = Vec::new();
        let property = context.expand_attribute(property).unwrap();
        render_feature(rendering, &entity, &property, &mut out);
        String::from_utf8(out).unwrap()
    };
    let simplified = Rendering {
        context_member: Some("\"https://x.example/c.jsonld\""),
        ..Rendering::new(context, Format::Simplified)
    };
    assert_eq!(
        feature(&simplified, "here"),
        [
            r#"{"@context":"https://x.example/c.jsonld","id":"urn:a:1","type":"Feature","#,
            r#""geometry":{"type":"Point","coordinates":[1.0,2.0]},"properties":{"type":["A","B"],"#,
            r#""here":{"dataset":{"@none":{"type":"Point","coordinates":[1.0,2.0]},"#,
            r#""urn:d:1":{"type":"Point","coordinates":[3.0,4.0]}}}}}"#,
        ]
        .concat()
    );
    assert!(feature(&Rendering::new(context, Format::Normalized), "location").contains(r#""geometry":null,"#));
    let mut collection = Vec::new();
    let location = context.expand_attribute("location").unwrap();
    render_feature_collection(&simplified, [&entity, &entity], &location, &mut collection);
    let collection: serde_json::Value = serde_json::from_slice(&collection).unwrap();
    assert_eq!(collection["features"].as_array().unwrap().len(), 2);
    assert_eq!(collection["@context"], "https://x.example/c.jsonld");
    assert!(collection["features"][0].get("@context").is_none());
}

#[test]
fn a_property_that_looks_like_another_kind_is_read_back_as_itself() {
    for value in [
        r#"{"type":"Point","coordinates":[1,2]}"#,
        r#"{"type":"Property","value":1}"#,
        r#"{"value":1}"#,
        r#"[{"value":1}]"#,
        r#"[{"type":"Point","coordinates":[1,2]}]"#,
        r#"{"street":"a"}"#,
    ] {
        let json = format!(r#"{{"id":"urn:a:1","type":"T","a":{{"type":"Property","value":{value}}}}}"#);
        let concise = render(&json, &own(Format::Concise));
        let before = parse_entity(json.as_bytes(), Context::kakehashi()).unwrap();
        let after = parse_entity(concise.as_bytes(), Context::kakehashi());
        assert_eq!(after.as_ref(), Ok(&before), "{concise}");
    }
}

#[test]
//= 4.6.1-2
fn strings_are_escaped_as_json_asks() {
    let mut out = Vec::new();
    write_string("a\"b\\c\n\t\r\u{1}\u{1f}é避\u{10ffff}/", &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\"a\\\"b\\\\c\\n\\t\\r\\u0001\\u001fé避\u{10ffff}/\""
    );
}

#[derive(serde::Deserialize)]
struct Feature<'a> {
    #[serde(borrow)]
    id: &'a serde_json::value::RawValue,
    r#type: &'a str,
    #[serde(borrow)]
    geometry: &'a serde_json::value::RawValue,
    #[serde(borrow)]
    properties: &'a serde_json::value::RawValue,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    //= 4.5.2.1-1, 4.5.3.1-1, 4.5.18.1-1, 4.5.20.1-1, 4.5.21.1-1, 4.5.22.1-1, 4.5.24.1-1, 4.6.4-1, 5.2.1-1
    fn what_is_written_is_read_back_as_it_was(entities in proptest::collection::vec(entity(), 0..3)) {
        for format in [Format::Normalized, Format::Concise] {
            for context in [Context::core(), Context::kakehashi()] {
                let rendering = Rendering {
                    system_attributes: true,
                    context_member: Some("[]"),
                    ..Rendering::new(context, format)
                };
                let mut out = Vec::new();
                render_entities(&rendering, &entities, &mut out);
                let again = parse_entities(&out, context);
                prop_assert_eq!(again.as_ref(), Ok(&entities), "{}", String::from_utf8_lossy(&out));
            }
        }
    }

    #[test]
    //= 4.5.16.2-1
    fn a_feature_holds_all_of_its_entity(entity in entity()) {
        let location = Context::core().expand_attribute("location").unwrap();
        for format in [Format::Normalized, Format::Concise] {
            let rendering = Rendering { system_attributes: true, ..Rendering::new(Context::core(), format) };
            let mut out = Vec::new();
            render_feature(&rendering, &entity, &location, &mut out);
            let feature: Feature<'_> = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(feature.r#type, "Feature");
            // The properties are the members of the entity but for its id, as their texts stand there.
            let members = feature.properties.get().strip_prefix('{').unwrap();
            let json = format!("{{\"id\":{},{members}", feature.id.get());
            let again = parse_entity(json.as_bytes(), Context::core());
            prop_assert_eq!(again.as_ref(), Ok(&entity), "{}", json);
            let default = entity.attribute(&location).and_then(|attribute| {
                let instances = &attribute.instances;
                instances.iter().find(|instance| instance.dataset_id.is_none())
            });
            let shown = Geometry::parse(feature.geometry.get()).ok();
            let expected = default.and_then(|instance| match &instance.value {
                AttributeValue::GeoProperty(geometry) => Some((**geometry).clone()),
                _ => None,
            });
            prop_assert_eq!(shown, expected);
        }
    }

    #[test]
    fn every_representation_is_json(entity in entity()) {
        let location = Context::core().expand_attribute("location").unwrap();
        for format in [Format::Normalized, Format::Concise, Format::Simplified] {
            let rendering = Rendering::new(Context::core(), format);
            let mut out = Vec::new();
            render_entity(&rendering, &entity, &mut out);
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&out).is_ok());
            out.clear();
            render_feature(&rendering, &entity, &location, &mut out);
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&out).is_ok());
        }
    }
}
