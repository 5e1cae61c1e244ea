//! An entity as bytes that are the same whichever way it stands there, for digests of it. What nobody has put into it is not a
//! part of it: neither dates that the system keeps, nor the order of what has none (attributes and their instances, types,
//! scopes). Names are those of the model, so that no @context has a say.

use compact_str::CompactString;
use smallvec::SmallVec;

use super::attribute::write_value;
use super::json::{write_date, write_string};
use super::writer::Writer;
use super::{Format, Rendering, Representation};
use crate::context::Context;
use crate::entity::{Attribute, DateTime, Entity, Instance, SystemAttributes};
use crate::{EntityId, Iri, TypeName};

/// Attributes and instances that are put in order without asking for memory.
const USUAL: usize = 32;

/// Appends the canonical form of an entity. Two entities have the same if and only if they say the same.
pub fn write_canonical(entity: &Entity, out: &mut Vec<u8>) {
    let rendering = Rendering::new(Context::core(), Format::Normalized);
    let writer = Writer::new(Representation::from(&rendering));
    write_string(entity.id.as_str(), out);
    write_sorted(entity.types.iter().map(TypeName::as_str), out);
    write_sorted(entity.scopes.iter().map(CompactString::as_str), out);
    write_expiry(&entity.system, out);
    write_attributes(&writer, &entity.attributes, out);
}

/// Each text in its quotes, in the order of the texts.
fn write_sorted<'t>(texts: impl Iterator<Item = &'t str>, out: &mut Vec<u8>) {
    let mut texts: SmallVec<[&str; 4]> = texts.collect();
    texts.sort_unstable();
    out.push(b'[');
    for text in texts {
        write_string(text, out);
    }
    out.push(b']');
}

fn write_attributes(writer: &Writer<'_>, attributes: &[Attribute], out: &mut Vec<u8>) {
    let mut in_order: SmallVec<[&Attribute; USUAL]> = attributes.iter().collect();
    in_order.sort_unstable_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    out.push(b'{');
    for attribute in in_order {
        write_string(attribute.name.as_str(), out);
        write_instances(writer, &attribute.instances, out);
    }
    out.push(b'}');
}

fn write_instances(writer: &Writer<'_>, instances: &[Instance], out: &mut Vec<u8>) {
    if let [only] = instances {
        return write_instance(writer, only, out);
    }
    let mut in_order: SmallVec<[&Instance; USUAL]> = instances.iter().collect();
    fn dataset(instance: &Instance) -> Option<&str> {
        instance.dataset_id.as_ref().map(Iri::as_str)
    }
    // Where two have the same, which nothing allows, their order is all that there is.
    in_order.sort_by(|one, other| dataset(one).cmp(&dataset(other)));
    for instance in in_order {
        write_instance(writer, instance, out);
    }
}

/// An instance: its kind and its value, then what it has beside, each behind a letter of its own.
fn write_instance(writer: &Writer<'_>, instance: &Instance, out: &mut Vec<u8>) {
    out.push(b'(');
    out.extend_from_slice(instance.value.kind().as_str().as_bytes());
    out.push(b'=');
    write_value(writer, &instance.value, out);
    let object_types = instance.value.object_types();
    if !object_types.is_empty() {
        out.push(b'o');
        write_sorted(object_types.iter().map(TypeName::as_str), out);
    }
    let mut write_text = |letter: u8, text: Option<&str>| {
        if let Some(text) = text {
            out.push(letter);
            write_string(text, out);
        }
    };
    write_text(b'd', instance.dataset_id.as_ref().map(Iri::as_str));
    write_text(b't', instance.observed_at.as_ref().map(DateTime::as_str));
    write_text(b'u', instance.unit_code.as_deref());
    write_text(b'v', instance.value_type.as_deref().map(Iri::as_str));
    if let Some(seal) = &instance.seal {
        write_text(b'i', seal.entity_id.as_ref().map(EntityId::as_str));
        write_text(b'y', seal.entity_type.as_ref().map(TypeName::as_str));
    }
    write_expiry(&instance.system, out);
    if !instance.sub_attributes.is_empty() {
        write_attributes(writer, &instance.sub_attributes, out);
    }
    out.push(b')');
}

/// The one date of the system that its owner sets.
fn write_expiry(system: &SystemAttributes, out: &mut Vec<u8>) {
    if let Some(expires_at) = system.expires_at() {
        out.push(b'x');
        write_date(expires_at, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entity::generated;
    use crate::entity::parse::parse_entity;

    fn canonical(entity: &Entity) -> String {
        let mut out = Vec::new();
        write_canonical(entity, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn read(members: &str) -> Entity {
        let json = format!(r#"{{"id": "urn:ngsi-ld:T:1", {members}}}"#);
        parse_entity(json.as_bytes(), Context::core()).unwrap()
    }

    #[test]
    fn what_has_no_order_and_what_the_system_keeps_is_no_part_of_it() {
        let first = read(
            r#""type": ["T", "U"], "scope": ["/a", "/b"], "a": 1,
               "b": [{"value": 2}, {"value": 3, "datasetId": "urn:d"}], "c": {"value": 4, "d": 5, "e": 6}"#,
        );
        let mut second = read(
            r#""type": ["U", "T"], "scope": ["/b", "/a"], "c": {"e": 6, "d": 5, "value": 4},
               "b": [{"value": 3, "datasetId": "urn:d"}, {"value": 2}], "a": {"type": "Property", "value": 1}"#,
        );
        assert_eq!(canonical(&first), canonical(&second));
        let date = || DateTime::parse("2026-01-01T00:00:00Z").ok();
        second.system.dates_mut().modified_at = date();
        for attribute in &mut second.attributes {
            for instance in &mut attribute.instances {
                instance.system.dates_mut().created_at = date();
            }
        }
        assert_eq!(canonical(&first), canonical(&second));
    }

    #[test]
    fn whatever_somebody_has_put_into_it_is_a_part_of_it() {
        let all = [
            r#""type": "T", "a": 1"#,
            r#""type": "U", "a": 1"#,
            r#""type": ["T", "U"], "a": 1"#,
            r#""type": "T", "scope": "/a", "a": 1"#,
            r#""type": "T", "expiresAt": "2126-01-01T00:00:00Z", "a": 1"#,
            r#""type": "T", "a": {"value": 1, "expiresAt": "2126-01-01T00:00:00Z"}"#,
            r#""type": "T", "a": 2"#,
            r#""type": "T", "a": 1.5"#,
            r#""type": "T", "a": "1""#,
            r#""type": "T", "b": 1"#,
            r#""type": "T", "a": {"json": {"b": 1}}"#,
            r#""type": "T", "a": {"value": 1, "unitCode": "CEL"}"#,
            r#""type": "T", "a": {"value": 1, "datasetId": "urn:d"}"#,
            r#""type": "T", "a": {"value": 1, "observedAt": "2026-01-01T00:00:00Z"}"#,
            r#""type": "T", "a": {"value": 1, "valueType": "V"}"#,
            r#""type": "T", "a": {"value": 1, "b": 1}"#,
            r#""type": "T", "a": {"value": 1, "b": {"value": 1, "unitCode": "CEL"}}"#,
            r#""type": "T", "a": {"object": "urn:1"}"#,
            r#""type": "T", "a": {"object": "urn:1", "objectType": "T"}"#,
            r#""type": "T", "a": {"objectList": ["urn:1"]}"#,
            r#""type": "T", "a": {"vocab": "urn:1"}"#,
            r#""type": "T", "a": {"languageMap": {"ja": "urn:1"}}"#,
            r#""type": "T", "a": {"type": "Point", "coordinates": [1, 2]}"#,
            r#""type": "T", "a": {"type": "Point", "coordinates": [1, 2.5]}"#,
        ];
        let mut forms: Vec<String> = all.map(|members| canonical(&read(members))).into();
        forms.sort_unstable();
        forms.dedup();
        assert_eq!(forms.len(), all.len());
    }

    fn turned_round(attributes: &mut [Attribute]) {
        attributes.reverse();
        for attribute in attributes {
            attribute.instances.reverse();
            for instance in &mut attribute.instances {
                turned_round(&mut instance.sub_attributes);
            }
        }
    }

    proptest! {
        #[test]
        fn turned_round_it_says_the_same_and_another_says_another_thing(
            entity in generated::entity(), other in generated::entity(),
        ) {
            let mut turned = entity.clone();
            turned.types.reverse();
            turned.scopes.reverse();
            turned_round(&mut turned.attributes);
            prop_assert_eq!(canonical(&entity), canonical(&turned));
            let without = |entity: &Entity| Entity { attributes: Vec::new(), ..entity.clone() };
            prop_assert!(entity.attributes.is_empty() || canonical(&entity) != canonical(&without(&entity)));
            prop_assert!(entity == other || canonical(&entity) != canonical(&other));
        }
    }
}
