//! The entities in a partition of the store.

use kakehashi_adapters::SourceId;
use kakehashi_adapters::store::{StoreAdapter, StoreOptions, StorePartition};
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::parse::parse_entities;
use serde_json::{Value, json};

use crate::thing::{Attribute, Thing, Worth, number};
use crate::{World, context};

/// An instance of an attribute in NGSI-LD; `None` where it has no value.
fn instance(value: &Worth) -> Option<Value> {
    let property = |value: Value| json!({ "type": "Property", "value": value });
    let typed = |r#type: &str, text: &str| property(json!({ "@type": r#type, "@value": text }));
    Some(match value {
        Worth::Null => return None,
        Worth::Text(text) => property(Value::from(*text)),
        Worth::Number(text) => property(number(text)),
        Worth::Boolean(flag) => property(Value::from(*flag)),
        Worth::DateTime(text) => typed("DateTime", text),
        Worth::Date(text) => typed("Date", text),
        Worth::Time(text) => typed("Time", text),
        Worth::List(items) => property(Value::from(items.clone())),
        Worth::Object(object) => property(object.clone()),
        Worth::References(ids) => {
            let mut uris: Vec<&str> = ids.iter().filter(|id| id.starts_with("urn:")).copied().collect();
            uris.sort_unstable();
            uris.dedup();
            match uris.as_slice() {
                [] => return None,
                [only] => json!({ "type": "Relationship", "object": only }),
                several => json!({ "type": "Relationship", "object": several }),
            }
        }
        Worth::Place(shape) => json!({ "type": "GeoProperty", "value": shape.geo_json() }),
        Worth::Languages(ja, en) if en.is_empty() => json!({ "type": "LanguageProperty", "languageMap": { "ja": ja } }),
        Worth::Languages(ja, en) => json!({ "type": "LanguageProperty", "languageMap": { "ja": ja, "en": en } }),
    })
}

fn attribute(attribute: &Attribute) -> Option<Value> {
    let mut first = instance(&attribute.value)?;
    if let Some(accuracy) = attribute.accuracy.as_ref().and_then(instance) {
        first["accuracy"] = accuracy;
    }
    if let Some(date) = attribute.observed_at {
        first["observedAt"] = Value::from(date);
    }
    if let Some(unit_code) = attribute.unit_code.filter(|_| first["type"] == "Property") {
        first["unitCode"] = Value::from(unit_code);
    }
    let Some(mut second) = attribute.second.as_ref().and_then(instance) else {
        return Some(first);
    };
    if first["type"] != second["type"] {
        return Some(first);
    }
    second["datasetId"] = Value::from("urn:ngsi-ld:AED:1");
    Some(json!([first, second]))
}

fn entity(thing: &Thing) -> Value {
    let mut entity = json!({ "id": thing.uri(), "type": thing.r#type });
    if !thing.scopes.is_empty() {
        entity["scope"] = json!(thing.scopes);
    }
    if thing.style == 7 {
        entity["type"] = json!(["AED", "EvacuationSite"]);
    }
    for (name, value) in &thing.attributes {
        // `location` is a GeoProperty, or it is not an entity of NGSI-LD (clause 4.7).
        let is_location = *name == "location" && !matches!(value.value, Worth::Place(_));
        if let Some(value) = attribute(value).filter(|_| !is_location) {
            entity[*name] = value;
        }
    }
    entity
}

/// What is entered, and one entity that nobody asks for.
pub(crate) fn entities(things: &[Thing]) -> Vec<Entity> {
    let mut list: Vec<Value> = things.iter().map(entity).collect();
    list.push(
        json!({ "id": "urn:ngsi-ld:Resident:1", "type": "Resident", "name": { "type": "Property", "value": "5" } }),
    );
    parse_entities(json!(list).to_string().as_bytes(), context()).unwrap()
}

pub(crate) async fn enter(things: Vec<Thing>) -> World {
    let folder = tempfile::tempdir().unwrap();
    let partition = StorePartition::open(folder.path(), "yaita", StoreOptions::default())
        .await
        .unwrap();
    partition
        .load(entities(&things), DateTime::parse("2026-01-01T00:00:00Z").unwrap())
        .await
        .unwrap();
    World {
        adapter: Box::new(StoreAdapter::new(SourceId::new("any-store"), partition)),
        given: things.len(),
        _kept: Some(folder),
    }
}
