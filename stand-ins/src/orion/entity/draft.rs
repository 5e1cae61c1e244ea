//! What a write asks for: entities and attributes read from a request body, checked but not yet stored.

use std::collections::BTreeMap;

use super::super::date;
use super::super::error::OrionError;
use super::super::json::Json;
use super::super::names::{check_name, check_value};
use super::{Metadatum, inferred_metadata_kind, is_date};

/// An attribute as a client wrote it. No type: the former one, or the one that fits the value.
#[derive(Debug, Clone)]
pub(crate) struct AttributeDraft {
    pub(crate) kind: Option<String>,
    pub(crate) value: Json,
    pub(crate) metadata: BTreeMap<String, Metadatum>,
}

/// Attributes by name, in the order in which they were written.
pub(crate) type AttributeDrafts = Vec<(String, AttributeDraft)>;

/// An entity as a client wrote it.
#[derive(Debug, Clone)]
pub(crate) struct EntityDraft {
    pub(crate) id: String,
    pub(crate) kind: Option<String>,
    pub(crate) attributes: AttributeDrafts,
}

/// How attributes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Normalized,
    KeyValues,
}

// === impl EntityDraft ===

impl EntityDraft {
    pub(crate) fn read(json: &Json, form: Form) -> Result<Self, OrionError> {
        let members = json.members().ok_or_else(OrionError::parse_error)?;
        let id = match json.get("id") {
            None => "",
            Some(Json::String(id)) => id,
            Some(_) => return Err(OrionError::bad_request("Invalid JSON type for entity id")),
        };
        check_name("entity id", id)?;
        let kind = match json.get("type") {
            None => None,
            Some(Json::String(kind)) => {
                check_name("entity type", kind)?;
                Some(kind.clone())
            }
            Some(_) => return Err(OrionError::bad_request("Invalid JSON type for entity type")),
        };
        let attributes = members.iter().filter(|(name, _)| name != "id" && name != "type");
        Ok(Self {
            id: id.to_owned(),
            kind,
            attributes: attribute_drafts(attributes, form)?,
        })
    }
}

/// Reads the body of a request to `/attrs`.
pub(crate) fn read_attributes(json: &Json, form: Form) -> Result<AttributeDrafts, OrionError> {
    let members = json.members().ok_or_else(OrionError::parse_error)?;
    attribute_drafts(members.iter(), form)
}

fn attribute_drafts<'a>(
    members: impl Iterator<Item = &'a (String, Json)>,
    form: Form,
) -> Result<AttributeDrafts, OrionError> {
    let mut drafts = AttributeDrafts::new();
    for (name, json) in members {
        check_name("attribute name", name)?;
        if drafts.iter().any(|(earlier, _)| earlier == name) {
            return Err(OrionError::bad_request(format!("duplicated attribute /{name}/")));
        }
        let draft = match form {
            Form::Normalized => AttributeDraft::read(json)?,
            Form::KeyValues => AttributeDraft::checked(None, json.clone(), BTreeMap::new())?,
        };
        // The system's own times cannot be set; Orion takes them and forgets them.
        if !matches!(name.as_str(), "dateCreated" | "dateModified") {
            drafts.push((name.clone(), draft));
        }
    }
    Ok(drafts)
}

// === impl AttributeDraft ===

impl AttributeDraft {
    /// Reads a normalized attribute.
    pub(crate) fn read(json: &Json) -> Result<Self, OrionError> {
        let members = json.members().ok_or_else(|| {
            OrionError::bad_request("attribute must be a JSON object, unless keyValues option is used")
        })?;
        let mut kind = None;
        let mut value = Json::Null;
        let mut metadata = BTreeMap::new();
        for (member, json) in members {
            match (member.as_str(), json) {
                ("value", json) => value = json.clone(),
                ("type", Json::String(text)) => {
                    check_name("attribute type", text)?;
                    kind = Some(text.clone());
                }
                ("type", _) => {
                    return Err(OrionError::bad_request("Invalid JSON type for attribute type"));
                }
                ("metadata", Json::Object(members)) => metadata = read_metadata(members)?,
                _ => {
                    return Err(OrionError::bad_request("unrecognized property for context attribute"));
                }
            }
        }
        Self::checked(kind, value, metadata)
    }

    /// An attribute that is only a value, as `PUT /attrs/{name}/value` brings it.
    pub(crate) fn of_value(kind: &str, value: Json) -> Result<Self, OrionError> {
        Self::checked(Some(kind.to_owned()), value, BTreeMap::new())
    }

    fn checked(kind: Option<String>, value: Json, metadata: BTreeMap<String, Metadatum>) -> Result<Self, OrionError> {
        let kind_name = kind.as_deref().unwrap_or_default();
        if kind_name != "TextUnrestricted" {
            check_value("attribute value", &value)?;
        }
        let value = match value {
            Json::Null => Json::Null,
            value if is_date(kind_name) => date_value(&value, "attribute value")?,
            value if kind_name == "geo:json" => geo_json_value(value)?,
            value => value,
        };
        Ok(Self { kind, value, metadata })
    }
}

fn read_metadata(members: &[(String, Json)]) -> Result<BTreeMap<String, Metadatum>, OrionError> {
    let mut metadata = BTreeMap::new();
    for (name, json) in members {
        check_name("metadata name", name)?;
        let value = json.get("value").cloned().unwrap_or(Json::Null);
        check_value("metadata value", &value)?;
        let kind = match json.get("type").and_then(Json::text) {
            Some(kind) => {
                check_name("metadata type", kind)?;
                kind
            }
            None => inferred_metadata_kind(&value),
        }
        .to_owned();
        let value = if is_date(&kind) && value != Json::Null {
            date_value(&value, "metadata value")?
        } else {
            value
        };
        metadata.insert(name.clone(), Metadatum { kind, value });
    }
    Ok(metadata)
}

fn date_value(value: &Json, place: &str) -> Result<Json, OrionError> {
    value
        .text()
        .and_then(date::parsed)
        .map(|seconds| Json::String(date::printed(seconds)))
        .ok_or_else(|| OrionError::bad_request(format!("date has invalid format in {place}")))
}

/// A Feature is kept as its geometry.
fn geo_json_value(value: Json) -> Result<Json, OrionError> {
    if value.members().is_none() {
        return Err(OrionError::bad_request("geo:json needs an object or null as value"));
    }
    let is_feature = value.get("type").and_then(Json::text) == Some("Feature");
    match value.get("geometry") {
        Some(geometry) if is_feature => Ok(geometry.clone()),
        _ => Ok(value),
    }
}
