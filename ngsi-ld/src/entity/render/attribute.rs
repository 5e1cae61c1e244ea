//! Attributes in the three representations (clauses 4.5.2 to 4.5.5 and 4.5.18 to 4.5.24).

use compact_str::CompactString;

use super::json::{separate_members, write_date, write_geometry, write_member_name, write_number, write_string};
use super::linked::{write_linked_members, write_simplified_object};
use super::writer::Writer;
use super::{Format, write_array, write_one_or_more, write_system_attributes};
use crate::AttributeName;
use crate::entity::parse::{is_geometry, reads_as_concise_value};
use crate::entity::{Attribute, AttributeKind, AttributeValue, Geometry, Instance, LanguageMap, Value};

/// `"name":` and the attribute, and the comma before it.
//= 4.5.2.1-1, 4.5.3.1-1
pub(super) fn write_attribute(writer: &Writer<'_>, attribute: &Attribute, out: &mut Vec<u8>) {
    separate_members(out);
    writer.write_name(attribute.name.iri(), out);
    out.push(b':');
    let name = &attribute.name;
    match (attribute.instances.as_slice(), writer.format()) {
        ([instance], Format::Simplified) => write_simplified(writer, name, &instance.value, out),
        (instances, Format::Simplified) => write_dataset(writer, name, instances, out),
        ([instance], Format::Concise) if is_bare(writer, instance) => {
            write_concise_value(writer, &instance.value, out);
        }
        (instances, _) => {
            write_one_or_more(out, instances, |instance, out| {
                write_instance(writer, name, instance, out);
            });
        }
    }
}

/// Several instances in the simplified representation: by `datasetId` (clause 4.5.4).
fn write_dataset(writer: &Writer<'_>, name: &AttributeName, instances: &[Instance], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"dataset\":{");
    for (index, instance) in instances.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(instance.dataset_id.as_ref().map_or("@none", |id| id.as_str()), out);
        out.push(b':');
        write_simplified(writer, name, &instance.value, out);
    }
    out.extend_from_slice(b"}}");
}

/// The value alone. Where a value alone would not tell its kind, it stands in an object with the member of its
/// kind.
//= 4.5.4-1, 4.5.4-3, 6.3.7-4
fn write_simplified(writer: &Writer<'_>, name: &AttributeName, value: &AttributeValue, out: &mut Vec<u8>) {
    if let AttributeValue::LanguageProperty(map) = value
        && let Some((_, texts)) = writer.text_of(map)
    {
        return write_texts(texts, out);
    }
    match value {
        AttributeValue::Relationship { objects, .. } => {
            return write_one_or_more(out, objects, |id, out| write_simplified_object(writer, name, id, out));
        }
        AttributeValue::ListRelationship { objects, .. } => {
            return write_array(out, objects, |id, out| write_simplified_object(writer, name, id, out));
        }
        _ => {}
    }
    let wrapped = matches!(
        value,
        AttributeValue::LanguageProperty(_) | AttributeValue::VocabProperty(_) | AttributeValue::JsonProperty(_)
    );
    if wrapped {
        out.push(b'{');
        write_value_member(writer, value, out);
        out.push(b'}');
    } else {
        write_value(writer, value, out);
    }
}

/// Whether an instance says nothing but its value, so that the concise representation needs no members.
fn is_bare(writer: &Writer<'_>, instance: &Instance) -> bool {
    let shows_system_attribute = writer.rendering().system_attributes && instance.system.dates().is_some();
    let has_other_members = instance.dataset_id.is_some()
        || instance.observed_at.is_some()
        || instance.unit_code.is_some()
        || instance.value_type.is_some()
        || instance.seal.is_some()
        || shows_system_attribute
        || !instance.sub_attributes.is_empty();
    let has_type = !instance.value.object_types().is_empty();
    let reads_as_value = match &instance.value {
        AttributeValue::Property(Value::Json(json)) => reads_as_concise_value(json.as_str()),
        AttributeValue::GeoProperty(geometry) => is_read_as_one(geometry),
        // The language that was chosen is said beside the text.
        AttributeValue::LanguageProperty(_) => writer.representation.language.is_none(),
        // A linked entity may stand beside the object.
        AttributeValue::Relationship { .. } | AttributeValue::ListRelationship { .. } => {
            writer.representation.linked.is_none()
        }
        _ => true,
    };
    !has_other_members && !has_type && reads_as_value
}

/// A concise attribute without other members: Property and GeoProperty as their value, others as an object with the
/// member of their kind.
//= 4.5.2.3-1, 6.3.7-3
fn write_concise_value(writer: &Writer<'_>, value: &AttributeValue, out: &mut Vec<u8>) {
    if matches!(value, AttributeValue::Property(_) | AttributeValue::GeoProperty(_)) {
        write_value(writer, value, out);
    } else {
        out.push(b'{');
        write_value_member(writer, value, out);
        out.push(b'}');
    }
}

/// An instance with all its members.
//= 4.5.2.2-1, 5.7.1.5-2, 5.7.2.5-4, 6.3.7-2
fn write_instance(writer: &Writer<'_>, name: &AttributeName, instance: &Instance, out: &mut Vec<u8>) {
    out.push(b'{');
    let chosen_text = match &instance.value {
        AttributeValue::LanguageProperty(map) => writer.text_of(map),
        _ => None,
    };
    if writer.format() == Format::Normalized || must_say_its_type(&instance.value) {
        let kind = chosen_text.map_or(instance.value.kind(), |_| AttributeKind::Property);
        out.extend_from_slice(type_member(kind));
    }
    if let Some((language, texts)) = chosen_text {
        out.extend_from_slice(b"\"value\":");
        write_texts(texts, out);
        write_member_name("lang", out);
        write_string(language, out);
    } else {
        write_value_member(writer, &instance.value, out);
    }
    let object_types = instance.value.object_types();
    if !object_types.is_empty() {
        write_member_name("objectType", out);
        write_one_or_more(out, object_types, |r#type, out| writer.write_name(r#type.iri(), out));
    }
    write_linked_members(writer, name, &instance.value, out);
    if let Some(unit_code) = &instance.unit_code {
        write_member_name("unitCode", out);
        write_string(unit_code, out);
    }
    if let Some(value_type) = &instance.value_type {
        write_member_name("valueType", out);
        writer.write_name(value_type, out);
    }
    if let Some(seal) = &instance.seal {
        if let Some(id) = &seal.entity_id {
            write_member_name("entityIdSealed", out);
            write_string(id.as_str(), out);
        }
        if let Some(r#type) = &seal.entity_type {
            write_member_name("entityTypeSealed", out);
            writer.write_name(r#type.iri(), out);
        }
    }
    if let Some(dataset_id) = &instance.dataset_id {
        write_member_name("datasetId", out);
        write_string(dataset_id.as_str(), out);
    }
    if let Some(observed_at) = &instance.observed_at {
        // The value stands before it.
        out.extend_from_slice(b",\"observedAt\":");
        write_date(observed_at, out);
    }
    write_system_attributes(writer, &instance.system, |_| true, out);
    writer.inside_of_attribute(|| {
        for attribute in &instance.sub_attributes {
            write_attribute(writer, attribute, out);
        }
    });
    out.push(b'}');
}

/// `"type":` and what comes between it and the next member, in one piece: every instance has it.
const fn type_member(kind: AttributeKind) -> &'static [u8] {
    match kind {
        AttributeKind::Property => b"\"type\":\"Property\",",
        AttributeKind::Relationship => b"\"type\":\"Relationship\",",
        AttributeKind::GeoProperty => b"\"type\":\"GeoProperty\",",
        AttributeKind::LanguageProperty => b"\"type\":\"LanguageProperty\",",
        AttributeKind::VocabProperty => b"\"type\":\"VocabProperty\",",
        AttributeKind::JsonProperty => b"\"type\":\"JsonProperty\",",
        AttributeKind::ListProperty => b"\"type\":\"ListProperty\",",
        AttributeKind::ListRelationship => b"\"type\":\"ListRelationship\",",
    }
}

/// Whether a concise reader would take the value for that of another kind: a Property that holds a geometry, a GeoProperty that
/// holds several.
fn must_say_its_type(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::Property(Value::Json(json)) => is_geometry(json.as_str()),
        AttributeValue::GeoProperty(geometry) => !is_read_as_one(geometry),
        _ => false,
    }
}

/// Whether a concise reader knows the value for a geometry (clause 4.5.2.3): of collections none has to know.
fn is_read_as_one(geometry: &Geometry) -> bool {
    !matches!(geometry, Geometry::GeometryCollection(_))
}

/// The member of its kind: `"value":...`, `"object":...` and so on.
//= 4.5.20.1-1, 4.5.21.1-1, 4.5.22.1-1, 5.7.1.5-1, 5.7.2.5-3
fn write_value_member(writer: &Writer<'_>, value: &AttributeValue, out: &mut Vec<u8>) {
    let name: &[u8] = match value {
        AttributeValue::Property(_) | AttributeValue::GeoProperty(_) => b"\"value\":",
        AttributeValue::Relationship { .. } => b"\"object\":",
        AttributeValue::LanguageProperty(_) => b"\"languageMap\":",
        AttributeValue::VocabProperty(_) => b"\"vocab\":",
        AttributeValue::JsonProperty(_) => b"\"json\":",
        AttributeValue::ListProperty(_) => b"\"valueList\":",
        AttributeValue::ListRelationship { .. } => b"\"objectList\":",
    };
    out.extend_from_slice(name);
    write_value(writer, value, out);
}

pub(super) fn write_value(writer: &Writer<'_>, value: &AttributeValue, out: &mut Vec<u8>) {
    match value {
        AttributeValue::Property(value) => write_property_value(value, out),
        AttributeValue::GeoProperty(geometry) => write_geometry(geometry, out),
        AttributeValue::Relationship { objects, .. } => {
            write_one_or_more(out, objects, |object, out| write_string(object.as_str(), out));
        }
        AttributeValue::LanguageProperty(map) => write_language_map(map, out),
        AttributeValue::VocabProperty(terms) => {
            write_one_or_more(out, terms, |term, out| writer.write_term(term, out));
        }
        AttributeValue::JsonProperty(json) | AttributeValue::ListProperty(json) => {
            out.extend_from_slice(json.as_str().as_bytes());
        }
        AttributeValue::ListRelationship { objects, .. } => {
            let in_objects = writer.format() == Format::Normalized;
            write_array(out, objects, |object, out| {
                if in_objects {
                    out.extend_from_slice(b"{\"object\":");
                }
                write_string(object.as_str(), out);
                if in_objects {
                    out.push(b'}');
                }
            });
        }
    }
}

fn write_property_value(value: &Value, out: &mut Vec<u8>) {
    let mut write_typed = |r#type: &str, value: &str| {
        out.extend_from_slice(b"{\"@type\":\"");
        out.extend_from_slice(r#type.as_bytes());
        out.extend_from_slice(b"\",\"@value\":");
        write_string(value, out);
        out.push(b'}');
    };
    match value {
        Value::DateTime(date) => write_typed("DateTime", date.as_str()),
        Value::Temporal { r#type, value } => write_typed(r#type.as_str(), value),
        Value::String(text) => write_string(text, out),
        Value::Number(number) => write_number(number, out),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Json(json) => out.extend_from_slice(json.as_str().as_bytes()),
    }
}

/// The text of one language, or its texts.
fn write_texts(texts: &[CompactString], out: &mut Vec<u8>) {
    write_one_or_more(out, texts, |text, out| write_string(text, out));
}

//= 4.5.18.1-1, 4.5.18.2-1
pub(super) fn write_language_map(map: &LanguageMap, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (language, texts)) in map.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(language, out);
        out.push(b':');
        write_one_or_more(out, texts, |text, out| write_string(text, out));
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_written_by_its_name() {
        for name in [
            "Property",
            "Relationship",
            "GeoProperty",
            "LanguageProperty",
            "VocabProperty",
            "JsonProperty",
            "ListProperty",
            "ListRelationship",
        ] {
            let kind = AttributeKind::from_name(name).unwrap();
            assert_eq!(type_member(kind), format!("\"type\":\"{name}\",").as_bytes());
        }
    }
}
