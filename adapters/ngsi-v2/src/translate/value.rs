//! Values, by the type that NGSI-v2 gives them.

use std::borrow::Cow;

use compact_str::CompactString;
use ngsi_ld::EntityId;
use ngsi_ld::entity::{AttributeValue, DateTime, Json, Number, ObjectTypes, Value, check_sound};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::super::names::object_id;
use super::geometry;
use super::strings::string_of;
use kakehashi_contract::{Flaw, Reshaped};

/// What an attribute says; `None` when it is left out: null, or a place that is none and no GeoJSON.
///
/// `object_type` is what the source says of the type of a Relationship's object.
///
/// # Errors
/// A value that not everybody can read costs its entity.
pub(super) fn attribute_value(
    v2_type: &str,
    raw: &RawValue,
    object_type: impl FnOnce() -> Option<CompactString>,
    reshaped: &mut Reshaped,
) -> Result<Option<AttributeValue>, Flaw> {
    let json = raw.get();
    if json == "null" {
        return Ok(None);
    }
    match v2_type {
        "Relationship" => {
            let object_type = object_type();
            match relationship(json, object_type.as_deref()) {
                Some(relationship) => Ok(Some(relationship)),
                None => Ok(property(raw)?.map(AttributeValue::Property)),
            }
        }
        _ if v2_type.starts_with("geo:") && geometry::is_geometry_type(v2_type) => {
            if let Some(place) = geometry::parse(v2_type, json, reshaped) {
                return Ok(Some(AttributeValue::GeoProperty(Box::new(place))));
            }
            // What GeoJSON says beside a place is worth more than nothing; a text that is no position says nothing else.
            if v2_type == geometry::GEO_JSON && json.starts_with(['{', '[']) {
                let json = Json::sound_literal(raw)?;
                reshaped.json += 1;
                return Ok(Some(AttributeValue::JsonProperty(json)));
            }
            check_sound(json)?;
            reshaped.nothing += 1;
            Ok(None)
        }
        _ => Ok(typed_property(v2_type, raw)?.map(AttributeValue::Property)),
    }
}

/// The value of a Property; `None` for null.
pub(super) fn typed_property(v2_type: &str, raw: &RawValue) -> Result<Option<Value>, Flaw> {
    if matches!(v2_type, "DateTime" | "ISO8601")
        && let Some(date) = date_of(raw)
    {
        return Ok(Some(Value::DateTime(date)));
    }
    property(raw)
}

/// The date that a text says. A time without a zone means UTC in Orion.
pub(super) fn date_of(raw: &RawValue) -> Option<DateTime> {
    let text = string_of(raw.get())?;
    DateTime::parse_lenient(&text, 0).ok()
}

fn property(raw: &RawValue) -> Result<Option<Value>, Flaw> {
    let json = raw.get();
    Ok(Some(match json.as_bytes().first() {
        None | Some(b'n') => return Ok(None),
        Some(b'"') => Value::String(CompactString::new(string_of(json).ok_or(Flaw::HalfCharacter)?)),
        Some(b't') => Value::Boolean(true),
        Some(b'f') => Value::Boolean(false),
        Some(b'{' | b'[') => Value::Json(Json::sound(raw)?),
        Some(_) => Value::Number(Number::read(json)?),
    }))
}

fn relationship(json: &str, object_type: Option<&str>) -> Option<AttributeValue> {
    let mut objects: SmallVec<[EntityId; 1]> = SmallVec::new();
    if json.starts_with('[') {
        let texts: Vec<Cow<'_, str>> = serde_json::from_str(json).ok()?;
        objects.extend(
            texts
                .iter()
                .filter(|text| !text.is_empty())
                .map(|text| object_id(object_type, text)),
        );
    } else {
        let text = string_of(json).filter(|text| !text.is_empty())?;
        objects.push(object_id(object_type, &text));
    }
    (!objects.is_empty()).then_some(AttributeValue::Relationship {
        objects,
        object_types: ObjectTypes::default(),
    })
}
