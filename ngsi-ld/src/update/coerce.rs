//! A value that says no kind of its own, as that of the kind that is there.

use compact_str::CompactString;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::WhyNot;
use crate::entity::parse::{InstancePatch, NGSI_LD_NULL, typed_value};
use crate::entity::{AttributeKind, AttributeValue, Geometry, Json, ObjectTypes, TemporalType, Value};
use crate::{EntityId, check_new_id};

/// A `value` that no `type` tells the kind of, as that of a Property or a GeoProperty, whichever is there; `None`: it can be
/// taken as it was read.
pub(super) fn as_the_other_kind_of_value(
    value: &AttributeValue,
    patch: &InstancePatch,
    kind: AttributeKind,
) -> Option<AttributeValue> {
    if patch.kind.is_some() {
        return None;
    }
    match (kind, value) {
        (AttributeKind::Property, AttributeValue::GeoProperty(_)) => {
            let json = patch.json.clone()?;
            Some(AttributeValue::Property(Value::Json(json)))
        }
        (AttributeKind::GeoProperty, AttributeValue::Property(Value::String(text))) => {
            let geometry = Geometry::parse(text).ok()?;
            Some(AttributeValue::GeoProperty(Box::new(geometry)))
        }
        _ => None,
    }
}

/// A value that stands alone as that of the kind that is there, which it does not change (clause 5.6.17).
//= 5.6.17.4-7, 5.6.17.4-8, 6.5.3.4-2, 6.5.3.4-3
pub(super) fn as_kind(
    value: &AttributeValue,
    patch: &InstancePatch,
    kind: AttributeKind,
    lang: Option<&str>,
) -> Result<AttributeValue, WhyNot> {
    if value.kind() == kind {
        return Ok(value.clone());
    }
    if let Some(value) = as_the_other_kind_of_value(value, patch, kind) {
        return Ok(value);
    }
    let other_kind = || WhyNot::OtherKind(kind);
    let json = match value {
        AttributeValue::Property(Value::Json(json)) => Some(json),
        _ => patch.json.as_ref(),
    };
    Ok(match kind {
        AttributeKind::Relationship => AttributeValue::Relationship {
            objects: ids(value).ok_or_else(other_kind)?.into(),
            object_types: ObjectTypes::default(),
        },
        AttributeKind::ListRelationship => AttributeValue::ListRelationship {
            objects: ids(value).ok_or_else(other_kind)?,
            object_types: ObjectTypes::default(),
        },
        AttributeKind::LanguageProperty => {
            let texts: SmallVec<[CompactString; 1]> = texts(value).ok_or_else(other_kind)?.into();
            let lang = lang.ok_or(WhyNot::NoLanguage)?;
            AttributeValue::LanguageProperty(Box::new(vec![(lang.into(), texts)]))
        }
        AttributeKind::VocabProperty => AttributeValue::VocabProperty(patch.terms.clone().ok_or_else(other_kind)?),
        AttributeKind::JsonProperty => {
            let json = json.filter(|json| is_raw_json(json)).ok_or_else(other_kind)?;
            AttributeValue::JsonProperty(json.clone())
        }
        AttributeKind::ListProperty => {
            let json = json.filter(|json| json.as_str().starts_with('['));
            AttributeValue::ListProperty(json.ok_or_else(other_kind)?.clone())
        }
        AttributeKind::Property | AttributeKind::GeoProperty => return Err(other_kind()),
    })
}

/// A text that stands alone in the place of a date or a time is one, if it can be: its type shows in no simplified
/// representation.
pub(super) fn with_type_of(existing: &AttributeValue, value: AttributeValue) -> AttributeValue {
    let r#type = match existing {
        AttributeValue::Property(Value::DateTime(_)) => "https://uri.etsi.org/ngsi-ld/DateTime",
        AttributeValue::Property(Value::Temporal {
            r#type: TemporalType::Date,
            ..
        }) => "https://uri.etsi.org/ngsi-ld/Date",
        AttributeValue::Property(Value::Temporal {
            r#type: TemporalType::Time,
            ..
        }) => "https://uri.etsi.org/ngsi-ld/Time",
        _ => return value,
    };
    let typed = match &value {
        AttributeValue::Property(Value::String(text)) => typed_value(r#type, text),
        _ => None,
    };
    match typed {
        Some(Ok(typed)) => AttributeValue::Property(typed),
        _ => value,
    }
}

/// The texts that a value is: one, or an array of them.
fn texts(value: &AttributeValue) -> Option<Vec<CompactString>> {
    match value {
        AttributeValue::Property(Value::String(text)) => Some(vec![text.clone()]),
        AttributeValue::Property(Value::Json(json)) => {
            let texts: Vec<String> = serde_json::from_str(json.as_str()).ok()?;
            Some(texts.into_iter().map(CompactString::from).collect())
        }
        _ => None,
    }
    .filter(|texts: &Vec<_>| !texts.is_empty())
}

/// The ids that a value is.
fn ids(value: &AttributeValue) -> Option<Vec<EntityId>> {
    let is_uri = |text: &CompactString| text != NGSI_LD_NULL && check_new_id(text).is_ok();
    let texts = texts(value).filter(|texts| texts.iter().all(is_uri))?;
    Some(texts.into_iter().map(EntityId::new_unchecked).collect())
}

/// Whether it is what a JsonProperty may hold: an object, or an array of objects.
fn is_raw_json(json: &Json) -> bool {
    match json.as_str().as_bytes().first() {
        Some(b'{') => true,
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(json.as_str())
            .is_ok_and(|elements| elements.iter().all(|element| element.get().starts_with('{'))),
        _ => false,
    }
}
