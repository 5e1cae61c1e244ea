//! Attributes in the three representations (clauses 4.5.2 to 4.5.5 and 4.5.18 to 4.5.24).

use super::json::{write_geometry, write_member_name, write_number, write_string};
use super::{Format, Rendering, write_array, write_name, write_one_or_more, write_system_attributes};
use crate::entity::parse::{is_geometry, reads_as_concise_value};
use crate::entity::{Attribute, AttributeValue, Instance, LanguageMap, Value};

/// `,"name":` and the attribute.
pub(super) fn write_attribute(rendering: &Rendering<'_>, attribute: &Attribute, out: &mut Vec<u8>) {
    out.push(b',');
    write_name(rendering, attribute.name.as_str(), out);
    out.push(b':');
    match (attribute.instances.as_slice(), rendering.format) {
        ([instance], Format::Simplified) => write_simplified(rendering, &instance.value, out),
        (instances, Format::Simplified) => write_dataset(rendering, instances, out),
        ([instance], Format::Concise) if is_bare(rendering, instance) => {
            write_concise_value(rendering, &instance.value, out);
        }
        (instances, _) => write_one_or_more(out, instances, |instance, out| write_instance(rendering, instance, out)),
    }
}

/// Several instances in the simplified representation: by `datasetId` (clause 4.5.4).
fn write_dataset(rendering: &Rendering<'_>, instances: &[Instance], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"dataset\":{");
    for (index, instance) in instances.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(instance.dataset_id.as_ref().map_or("@none", |id| id.as_str()), out);
        out.push(b':');
        write_simplified(rendering, &instance.value, out);
    }
    out.extend_from_slice(b"}}");
}

/// The value alone. Where a value alone would not tell its kind, it stands in an object with the member of its
/// kind.
fn write_simplified(rendering: &Rendering<'_>, value: &AttributeValue, out: &mut Vec<u8>) {
    let wrapped = matches!(
        value,
        AttributeValue::LanguageProperty(_) | AttributeValue::VocabProperty(_) | AttributeValue::JsonProperty(_)
    );
    if wrapped {
        out.push(b'{');
        write_value_member(rendering, value, out);
        out.push(b'}');
    } else {
        write_value(rendering, value, out);
    }
}

/// Whether an instance says nothing but its value, so that the concise representation needs no members.
fn is_bare(rendering: &Rendering<'_>, instance: &Instance) -> bool {
    let shows_system_attribute = instance
        .system
        .dates()
        .is_some_and(|dates| rendering.system_attributes || dates.expires_at.is_some());
    let has_other_members = instance.dataset_id.is_some()
        || instance.observed_at.is_some()
        || instance.unit_code.is_some()
        || instance.value_type.is_some()
        || shows_system_attribute
        || !instance.sub_attributes.is_empty();
    let has_type = matches!(
        &instance.value,
        AttributeValue::Relationship {
            object_type: Some(_),
            ..
        } | AttributeValue::ListRelationship {
            object_type: Some(_),
            ..
        }
    );
    let reads_as_value = match &instance.value {
        AttributeValue::Property(Value::Json(json)) => reads_as_concise_value(json.as_str()),
        _ => true,
    };
    !has_other_members && !has_type && reads_as_value
}

/// A concise attribute without other members: Property and GeoProperty as their value, others as an object with the
/// member of their kind.
fn write_concise_value(rendering: &Rendering<'_>, value: &AttributeValue, out: &mut Vec<u8>) {
    if matches!(value, AttributeValue::Property(_) | AttributeValue::GeoProperty(_)) {
        write_value(rendering, value, out);
    } else {
        out.push(b'{');
        write_value_member(rendering, value, out);
        out.push(b'}');
    }
}

/// An instance with all its members.
fn write_instance(rendering: &Rendering<'_>, instance: &Instance, out: &mut Vec<u8>) {
    out.push(b'{');
    if rendering.format == Format::Normalized || must_say_its_type(&instance.value) {
        out.extend_from_slice(b"\"type\":\"");
        out.extend_from_slice(instance.value.kind().as_str().as_bytes());
        out.extend_from_slice(b"\",");
    }
    write_value_member(rendering, &instance.value, out);
    if let AttributeValue::Relationship {
        object_type: Some(r#type),
        ..
    }
    | AttributeValue::ListRelationship {
        object_type: Some(r#type),
        ..
    } = &instance.value
    {
        write_member_name("objectType", out);
        write_name(rendering, r#type.as_str(), out);
    }
    if let Some(unit_code) = &instance.unit_code {
        write_member_name("unitCode", out);
        write_string(unit_code, out);
    }
    if let Some(value_type) = &instance.value_type {
        write_member_name("valueType", out);
        write_name(rendering, value_type.as_str(), out);
    }
    if let Some(dataset_id) = &instance.dataset_id {
        write_member_name("datasetId", out);
        write_string(dataset_id.as_str(), out);
    }
    if let Some(observed_at) = &instance.observed_at {
        write_member_name("observedAt", out);
        write_string(observed_at.as_str(), out);
    }
    write_system_attributes(rendering, &instance.system, out);
    for attribute in &instance.sub_attributes {
        write_attribute(rendering, attribute, out);
    }
    out.push(b'}');
}

/// Whether a concise reader would take the value for that of another kind: a Property that holds a geometry.
fn must_say_its_type(value: &AttributeValue) -> bool {
    matches!(value, AttributeValue::Property(Value::Json(json)) if is_geometry(json.as_str()))
}

/// The member of its kind: `"value":...`, `"object":...` and so on.
fn write_value_member(rendering: &Rendering<'_>, value: &AttributeValue, out: &mut Vec<u8>) {
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
    write_value(rendering, value, out);
}

fn write_value(rendering: &Rendering<'_>, value: &AttributeValue, out: &mut Vec<u8>) {
    match value {
        AttributeValue::Property(value) => write_property_value(value, out),
        AttributeValue::GeoProperty(geometry) => write_geometry(geometry, out),
        AttributeValue::Relationship { objects, .. } => {
            write_one_or_more(out, objects, |object, out| write_string(object.as_str(), out));
        }
        AttributeValue::LanguageProperty(map) => write_language_map(map, out),
        AttributeValue::VocabProperty(terms) => {
            write_one_or_more(out, terms, |term, out| write_name(rendering, term.as_str(), out));
        }
        AttributeValue::JsonProperty(json) | AttributeValue::ListProperty(json) => {
            out.extend_from_slice(json.as_str().as_bytes());
        }
        AttributeValue::ListRelationship { objects, .. } => {
            let in_objects = rendering.format == Format::Normalized;
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

fn write_language_map(map: &LanguageMap, out: &mut Vec<u8>) {
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
