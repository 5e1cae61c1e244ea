//! About how much memory an entity takes: what it is made of, and the texts and lists that it holds elsewhere. Whoever
//! holds many entities counts them by this; it is quick, and right within a third.

use std::mem::size_of;

use compact_str::CompactString;

use super::{Attribute, AttributeValue, Entity, Geometry, Instance, Position, SystemAttributes, SystemDates, Value};

/// What an allocation costs beside what it holds, and what a list has room for and does not use, about.
const ALLOCATION: usize = 24;

impl Entity {
    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let scopes: usize = self.scopes.iter().map(text).sum();
        size_of::<Self>()
            + ALLOCATION
            + self.id.as_str().len()
            + scopes
            + of_system(&self.system)
            + of_attributes(&self.attributes)
    }
}

fn of_attributes(attributes: &[Attribute]) -> usize {
    // Names are shared between entities.
    attributes
        .iter()
        .map(|attribute| {
            let instances: usize = attribute.instances.iter().map(of_instance).sum();
            let spilled = if attribute.instances.spilled() {
                ALLOCATION + attribute.instances.len() * size_of::<Instance>()
            } else {
                0
            };
            size_of::<Attribute>() + spilled + instances
        })
        .sum()
}

fn of_instance(instance: &Instance) -> usize {
    let rare = usize::from(instance.value_type.is_some()) + usize::from(instance.seal.is_some());
    let dataset = instance
        .dataset_id
        .as_ref()
        .map_or(0, |id| ALLOCATION + id.as_str().len());
    of_value(&instance.value)
        + dataset
        + rare * (ALLOCATION + 2 * size_of::<CompactString>())
        + of_system(&instance.system)
        + of_attributes(&instance.sub_attributes)
}

fn of_system(system: &SystemAttributes) -> usize {
    system.dates().map_or(0, |_| ALLOCATION + size_of::<SystemDates>())
}

fn of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Property(Value::String(string)) => text(string),
        AttributeValue::Property(Value::Json(json))
        | AttributeValue::JsonProperty(json)
        | AttributeValue::ListProperty(json) => ALLOCATION + json.as_str().len(),
        AttributeValue::Property(_) => 0,
        AttributeValue::GeoProperty(geometry) => ALLOCATION + size_of::<Geometry>() + of_geometry(geometry),
        AttributeValue::LanguageProperty(languages) => {
            let texts = languages.iter().flat_map(|(_, texts)| texts);
            let each = 2 * size_of::<CompactString>() + ALLOCATION;
            ALLOCATION + languages.len() * each + texts.map(text).sum::<usize>()
        }
        AttributeValue::Relationship { objects, .. } => objects.iter().map(|id| ALLOCATION + id.as_str().len()).sum(),
        AttributeValue::ListRelationship { objects, .. } => {
            objects.iter().map(|id| 2 * ALLOCATION + id.as_str().len()).sum()
        }
        AttributeValue::VocabProperty(terms) => terms.iter().map(|term| ALLOCATION + term.as_str().len()).sum(),
    }
}

/// What a text takes beside its own place: a short one lies there.
fn text(text: &CompactString) -> usize {
    if text.is_heap_allocated() {
        ALLOCATION + text.len()
    } else {
        0
    }
}

fn of_geometry(geometry: &Geometry) -> usize {
    let line = |positions: &Vec<Position>| ALLOCATION + positions.len() * size_of::<Position>();
    let area = |rings: &Vec<Vec<Position>>| ALLOCATION + rings.iter().map(line).sum::<usize>();
    match geometry {
        Geometry::Point(_) => 0,
        Geometry::MultiPoint(positions) | Geometry::LineString(positions) => line(positions),
        Geometry::MultiLineString(lines) | Geometry::Polygon(lines) => area(lines),
        Geometry::MultiPolygon(areas) => ALLOCATION + areas.iter().map(area).sum::<usize>(),
        // It is there twice: as it is shown, and as it is computed with.
        Geometry::GeometryCollection(_) => {
            let all = geometry.members().iter().chain(geometry.uniform());
            2 * ALLOCATION + all.map(|one| size_of::<Geometry>() + of_geometry(one)).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::entity::parse::parse_entity;

    fn weight(attributes: &str) -> usize {
        let json = format!(r#"{{"id": "urn:ngsi-ld:T:1", "type": "T"{attributes}}}"#);
        parse_entity(json.as_bytes(), Context::core()).unwrap().weight()
    }

    #[test]
    fn what_is_large_weighs_about_what_it_holds() {
        let nothing = weight("");
        assert!((size_of::<Entity>()..size_of::<Entity>() + 100).contains(&nothing));
        let long = "あ".repeat(1000);
        for (attributes, least) in [
            (format!(r#", "a": {{"type": "Property", "value": "{long}"}}"#), 3000),
            (format!(r#", "a": {{"type": "Property", "value": ["{long}"]}}"#), 3000),
            (
                format!(r#", "a": {{"type": "JsonProperty", "json": {{"b": "{long}"}}}}"#),
                3000,
            ),
            (
                format!(r#", "a": {{"type": "LanguageProperty", "languageMap": {{"ja": "{long}"}}}}"#),
                3000,
            ),
            (
                format!(
                    r#", "a": {{"type": "VocabProperty", "vocab": "urn:{}"}}"#,
                    "い".repeat(500)
                ),
                1500,
            ),
            (
                format!(r#", "a": {{"type": "Property", "value": 1, "b": {{"type": "Property", "value": "{long}"}}}}"#),
                3000,
            ),
            (
                format!(
                    r#", "a": {{"type": "GeoProperty", "value": {{"type": "LineString", "coordinates": [{}[1, 2]]}}}}"#,
                    "[1, 2],".repeat(99)
                ),
                100 * size_of::<Position>(),
            ),
            (
                format!(
                    r#", "a": {{"type": "Relationship", "object": [{}"urn:x"]}}"#,
                    r#""urn:ngsi-ld:Building:0001","#.repeat(99)
                ),
                99 * 28,
            ),
        ] {
            let more = weight(&attributes) - nothing;
            assert!(
                (least..least * 2 + 1000).contains(&more),
                "{more} for {least}: {attributes:.60}"
            );
        }
    }
}
