//! What a real Orion was recorded to answer, read into the view and written as NGSI-LD.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use kakehashi_adapters::AttributeSelection;
use kakehashi_adapters::ngsi_v2::translate::{ProvidedType, TranslationContext, translate_entities};
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entity;
use ngsi_ld::entity::render::{Format, Rendering, render_entity};
use serde_json::Value;

const BODIES: &str = include_str!("recordings/orion_entities.jsonl");

/// Every entity of the recordings, with its translation.
fn translated() -> Vec<(Value, Entity)> {
    let bodies = BODIES.lines().map(|body| {
        if body.starts_with('[') {
            body.to_owned()
        } else {
            format!("[{body}]")
        }
    });
    bodies
        .flat_map(|body| {
            let recorded: Vec<Value> = serde_json::from_str(&body).unwrap();
            let context = Arc::clone(Context::core());
            let types: BTreeSet<&str> = recorded.iter().map(|entity| entity["type"].as_str().unwrap()).collect();
            let provided = types.into_iter().map(|short| ProvidedType {
                // A few recorded types are no names of NGSI-LD; a configuration gives them others.
                name: context
                    .expand_type(short)
                    .unwrap_or_else(|_| context.expand_type("Other").unwrap()),
                short: short.into(),
            });
            let translation = TranslationContext {
                types: provided.collect(),
                context,
                attributes: AttributeSelection::All,
                system_attributes: true,
                object_types: Arc::default(),
                scopes: false,
                tables: Arc::default(),
            };
            let entities = translate_entities(body.as_bytes(), &translation).unwrap();
            assert_eq!(entities.len(), recorded.len());
            recorded.into_iter().zip(entities).collect::<Vec<_>>()
        })
        .collect()
}

fn rendered(entity: &Entity) -> Vec<u8> {
    let mut out = Vec::new();
    let rendering = Rendering {
        system_attributes: true,
        ..Rendering::new(Context::core(), Format::Normalized)
    };
    render_entity(&rendering, entity, &mut out);
    out
}

#[test]
fn every_recorded_entity_has_an_equal_in_the_view() {
    let entities = translated();
    assert!(entities.len() > 100);
    for (recorded, entity) in entities {
        let shown = recorded.as_object().unwrap().iter().filter(|(name, attribute)| {
            !matches!(
                name.as_str(),
                "id" | "type" | "dateCreated" | "dateModified" | "dateExpires"
            ) && !attribute["value"].is_null()
        });
        let is_place = |attribute: &Value| attribute["type"].as_str().unwrap().starts_with("geo:");
        let (places, others): (Vec<_>, Vec<_>) = shown.partition(|(_, attribute)| is_place(attribute));
        let found = entity.attributes.len();
        assert!(
            (others.len()..=others.len() + places.len()).contains(&found),
            "{recorded}"
        );
    }
}

#[test]
fn what_is_written_of_a_recorded_entity_is_ngsi_ld_and_the_same_entity() {
    for (recorded, entity) in translated() {
        let text = rendered(&entity);
        let read = parse_entity(&text, Context::core())
            .unwrap_or_else(|error| panic!("{recorded}\n{}\n{error}", String::from_utf8_lossy(&text)));
        assert_eq!(
            (read.id, read.attributes.len()),
            (entity.id, entity.attributes.len()),
            "{recorded}"
        );
    }
}

#[test]
fn chosen_recordings_are_exactly_so_in_the_view() {
    let view = |id: &str, r#type: &str| -> Value {
        let all = translated();
        let (_, entity) = all
            .iter()
            .find(|(recorded, _)| recorded["id"] == id && recorded["type"] == r#type)
            .unwrap_or_else(|| panic!("{id} is not recorded"));
        serde_json::from_slice(&rendered(entity)).unwrap()
    };
    assert_eq!(
        view("Esp", "City"),
        serde_json::json!({
            "id": "urn:ngsi-ld:City:Esp",
            "type": "City",
            "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [24.6559, 60.2055] } },
        })
    );
    assert_eq!(
        view("Box", "Area")["a"]["value"]["coordinates"],
        serde_json::json!([[[24.0, 60.0], [25.5, 60.0], [25.5, 60.5], [24.0, 60.5], [24.0, 60.0]]])
    );
    assert_eq!(
        view("Feat", "Area")["a"],
        serde_json::json!({ "type": "GeoProperty", "value": { "type": "Point", "coordinates": [1.0, 2.0] } })
    );
    assert_eq!(
        view("D6", "T")["a"],
        serde_json::json!({ "type": "Property", "value": { "@type": "DateTime", "@value": "2026-01-01T13:30:00.500Z" } })
    );
    assert_eq!(
        view("V", "T"),
        serde_json::json!({
            "id": "urn:ngsi-ld:T:V",
            "type": "T",
            "arr": { "type": "Property", "value": [1, [2]] },
            "obj": { "type": "Property", "value": {} },
        })
    );
    assert_eq!(
        view("S0", "T")["a"],
        serde_json::json!({ "type": "Property", "value": "é中🚀" })
    );
}
