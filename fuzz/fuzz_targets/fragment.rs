//! Fragments of entities, with NGSI-LD nulls, and what becomes of an entity that they are applied to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::{
    FragmentUse, parse_additions, parse_attribute, parse_attribute_fragment, parse_entity, parse_fragment,
    parse_simplified_fragment,
};
use ngsi_ld::update::Update;

/// One attribute of each kind, and several instances.
const EXISTING: &str = r#"{"id":"urn:a:1","type":"T","scope":"/a","expiresAt":"2030-01-01T00:00:00Z",
    "a":[{"type":"Property","value":{"x":{"y":1}},"unitCode":"CEL","b":{"type":"Property","value":1}},
         {"type":"Property","value":2,"datasetId":"urn:d:1"}],
    "b":{"type":"Relationship","object":"urn:b:1","objectType":"B"},"c":{"type":"LanguageProperty","languageMap":{"ja":"x"}},
    "d":{"type":"VocabProperty","vocab":"x"},"e":{"type":"JsonProperty","json":{"x":null}},
    "f":{"type":"ListProperty","valueList":[1]},"g":{"type":"ListRelationship","objectList":["urn:b:1"]},
    "location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}}}"#;

fuzz_target!(|json: &[u8]| {
    let context = Context::core();
    let Ok(existing) = parse_entity(EXISTING.as_bytes(), context) else { return };
    let apply = |update: Update| {
        let named = update.attributes().count();
        match update.apply(&existing) {
            Ok(applied) => {
                assert!(applied.updated.len() <= named && applied.entity.id == existing.id);
                let kept = |entity: &Entity| {
                    let named: Vec<_> = update.attributes().collect();
                    let mut others = entity.attributes.clone();
                    others.retain(|attribute| !named.contains(&&attribute.name));
                    others
                };
                assert_eq!(kept(&applied.entity), kept(&existing));
            }
            Err(refused) => drop(refused.to_string()),
        }
    };
    for r#use in [FragmentUse::Update, FragmentUse::Merge] {
        match parse_fragment(json, context, r#use) {
            Ok(fragment) if r#use == FragmentUse::Update => apply(Update::Attributes(fragment)),
            Ok(fragment) => apply(Update::Merge {
                fragment,
                observed_at: None,
                lang: None,
            }),
            Err(error) => drop(error.to_string()),
        }
    }
    if let Ok(fragment) = parse_simplified_fragment(json, context) {
        apply(Update::Merge {
            fragment,
            observed_at: None,
            lang: Some("ja".into()),
        });
    }
    if let Ok(fragment) = parse_additions(json, context) {
        apply(Update::Append {
            fragment,
            overwrite: json.len() % 2 == 0,
        });
    }
    for name in ["a", "b", "c", "location", "z"] {
        if let Ok(patch) = parse_attribute_fragment(json, name, context) {
            apply(Update::Attribute(patch));
        }
        if let Ok(patch) = parse_attribute(json, name, context) {
            apply(Update::ReplaceAttribute(patch));
        }
    }
});
