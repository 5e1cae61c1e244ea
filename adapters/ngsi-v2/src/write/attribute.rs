//! One attribute of the view as the source is sent it, and as it will come back: the two are the same, or it is refused.

use ngsi_ld::context::Context;
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Geometry, Instance, Json, Number, Value, render};

use super::super::names::raw_name;
use super::super::translate::{IGNORE_TYPE, has_own_place};
use super::json::{self, is_plain, is_whole, quoted};
use super::lost::Lost;
use super::number;

/// Names of attributes that are the source's own, and those that mean several in a list.
const OWN_NAMES: [&str; 8] = [
    "id",
    "type",
    "dateCreated",
    "dateModified",
    "dateExpires",
    "servicePath",
    "alterationType",
    "*",
];

/// The type of texts that may be of any characters.
const UNRESTRICTED: &str = "TextUnrestricted";

/// An attribute as it goes out.
#[derive(Debug)]
pub(super) struct Sent {
    /// Its name in the source.
    pub(super) raw: String,
    /// Its type, value and metadata.
    pub(super) json: String,
    /// What comes back.
    pub(super) kept: Attribute,
}

/// The attribute as the source is sent it.
///
/// # Errors
/// What of it would be lost.
pub(super) fn sent(context: &Context, attribute: &Attribute) -> Result<Sent, Lost> {
    let instance = only_instance(attribute)?;
    let raw = raw_name(context, &attribute.name).filter(|raw| !OWN_NAMES.contains(&raw.as_str()) && !raw.contains(','));
    let raw = raw.ok_or(Lost::Name)?;
    let value = KeptValue::of(&instance.value)?;
    let mut metadata = Vec::new();
    let mut kept = Instance::new(value.kept);
    if let Some(observed_at) = &instance.observed_at {
        metadata.push(member("TimeInstant", "DateTime", &quoted(kept_date(observed_at)?)));
        kept.observed_at = Some(observed_at.clone());
    }
    if let Some(unit_code) = &instance.unit_code {
        metadata.push(member("unitCode", "Text", &kept_text(unit_code)?));
        kept.unit_code = Some(unit_code.clone());
    }
    for sub_attribute in &instance.sub_attributes {
        let (json, sub_attribute) = sent_metadata(context, sub_attribute)?;
        metadata.push(json);
        kept.sub_attributes.push(sub_attribute);
    }
    let json = format!(
        r#"{{"type":"{}","value":{},"metadata":{{{}}}}}"#,
        value.v2_type,
        value.json,
        metadata.join(",")
    );
    Ok(Sent {
        raw,
        json,
        kept: Attribute::new(attribute.name.clone(), kept),
    })
}

/// A date as the source gives it back, which is the same with the milliseconds written out.
///
/// # Errors
/// [`Lost::Date`]
pub(super) fn kept_date(date: &DateTime) -> Result<&str, Lost> {
    let text = date.as_str();
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let has_milliseconds = fraction.trim_end_matches('Z').trim_end_matches('0').len() <= 3;
    // A leap second has no number of its own.
    let is_second = !matches!(text.get(17..19), Some("60") | None);
    let is_kept = has_milliseconds && is_second && (0..i64::MAX).contains(&date.unix_micros());
    is_kept.then_some(text).ok_or(Lost::Date)
}

/// Whether the attribute is a place that the source looks entities up by.
pub(super) fn is_place(context: &Context, attribute: &Attribute) -> bool {
    attribute.instances.iter().any(|instance| {
        let is_ignored = || {
            let mut names = instance
                .sub_attributes
                .iter()
                .map(|sub| context.compact(sub.name.as_str()));
            names.any(|name| name == IGNORE_TYPE)
        };
        matches!(instance.value, AttributeValue::GeoProperty(_)) && !is_ignored()
    })
}

fn only_instance(attribute: &Attribute) -> Result<&Instance, Lost> {
    let [instance] = attribute.instances.as_slice() else {
        return Err(Lost::Instances);
    };
    if instance.dataset_id.is_some() {
        return Err(Lost::Instances);
    }
    let has_more = instance.value_type.is_some()
        || instance.seal.is_some()
        || instance.system.expires_at().is_some()
        || !instance.value.object_types().is_empty();
    (!has_more).then_some(instance).ok_or(Lost::Member)
}

/// An attribute of an attribute as the source's metadata.
fn sent_metadata(context: &Context, attribute: &Attribute) -> Result<(String, Attribute), Lost> {
    let instance = only_instance(attribute)?;
    let is_own = |raw: &String| has_own_place(raw) || raw == IGNORE_TYPE || raw == "*" || raw.contains(',');
    let raw = raw_name(context, &attribute.name).filter(|raw| !is_own(raw));
    let raw = raw.ok_or(Lost::Name)?;
    let has_more =
        instance.observed_at.is_some() || instance.unit_code.is_some() || !instance.sub_attributes.is_empty();
    let AttributeValue::Property(value) = &instance.value else {
        return Err(Lost::SubAttribute);
    };
    if has_more {
        return Err(Lost::SubAttribute);
    }
    let value = KeptValue::of_property(value)?;
    if value.v2_type == UNRESTRICTED {
        return Err(Lost::Characters);
    }
    let kept = Attribute::new(attribute.name.clone(), Instance::new(value.kept));
    Ok((member(&raw, value.v2_type, &value.json), kept))
}

/// A metadata. Names and types have no character that JSON escapes.
fn member(raw: &str, v2_type: &str, json: &str) -> String {
    format!(r#"{}:{{"type":"{v2_type}","value":{json}}}"#, quoted(raw))
}

/// A text that the source takes everywhere.
fn kept_text(text: &str) -> Result<String, Lost> {
    match () {
        () if !is_whole(text) => Err(Lost::ZeroByte),
        () if !is_plain(text) => Err(Lost::Characters),
        () => Ok(quoted(text)),
    }
}

/// A value as it goes out and comes back.
struct KeptValue {
    v2_type: &'static str,
    json: String,
    kept: AttributeValue,
}

impl KeptValue {
    fn of(value: &AttributeValue) -> Result<Self, Lost> {
        match value {
            AttributeValue::Property(value) => Self::of_property(value),
            AttributeValue::Relationship { objects, .. } => {
                let texts: Result<Vec<String>, Lost> =
                    objects.iter().map(|object| kept_text(object.as_str())).collect();
                let json = match texts?.as_slice() {
                    [only] => only.clone(),
                    several => format!("[{}]", several.join(",")),
                };
                Ok(Self {
                    v2_type: "Relationship",
                    json,
                    kept: value.clone(),
                })
            }
            AttributeValue::GeoProperty(geometry) => {
                let json = json::kept(&render::geo_json(geometry))?;
                let kept = Geometry::parse(&json).map_err(|_| Lost::Otherwise)?;
                Ok(Self {
                    v2_type: "geo:json",
                    json,
                    kept: AttributeValue::GeoProperty(Box::new(kept)),
                })
            }
            AttributeValue::LanguageProperty(_)
            | AttributeValue::VocabProperty(_)
            | AttributeValue::JsonProperty(_)
            | AttributeValue::ListProperty(_)
            | AttributeValue::ListRelationship { .. } => Err(Lost::Kind),
        }
    }

    fn of_property(value: &Value) -> Result<Self, Lost> {
        let (v2_type, json, kept) = match value {
            Value::String(text) if !is_whole(text) => return Err(Lost::ZeroByte),
            Value::String(text) if is_plain(text) => ("Text", quoted(text), value.clone()),
            Value::String(text) => (UNRESTRICTED, quoted(text), value.clone()),
            Value::Number(number) => {
                let text = number::kept(number).ok_or(Lost::Digits)?;
                let kept = Number::parse(&text).ok_or(Lost::Digits)?;
                ("Number", text, Value::Number(kept))
            }
            Value::Boolean(boolean) => ("Boolean", boolean.to_string(), value.clone()),
            Value::DateTime(date) => ("DateTime", quoted(kept_date(date)?), value.clone()),
            Value::Temporal { .. } => return Err(Lost::Temporal),
            Value::Json(json) => {
                let text = json::kept(json.as_str())?;
                let kept = Json::parse(&text).map_err(|_| Lost::Otherwise)?;
                ("StructuredValue", text, Value::Json(kept))
            }
        };
        Ok(Self {
            v2_type,
            json,
            kept: AttributeValue::Property(kept),
        })
    }
}
