//! Entities as they are kept: attributes by name, the location, and both common representations ready to send.

pub(crate) mod draft;
pub(crate) mod render;

use std::collections::BTreeMap;

use bytes::Bytes;
use geo::Geometry;

use self::draft::AttributeDraft;
use super::date;
use super::error::OrionError;
use super::geometry;
use super::json::Json;

/// Metadata of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metadatum {
    pub(crate) kind: String,
    pub(crate) value: Json,
}

/// An attribute with its times.
#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub(crate) kind: String,
    pub(crate) value: Json,
    pub(crate) metadata: BTreeMap<String, Metadatum>,
    pub(crate) created: f64,
    pub(crate) modified: f64,
}

/// An entity in one service path.
#[derive(Debug, Clone)]
pub(crate) struct Entity {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) path: String,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) created: f64,
    pub(crate) modified: f64,
    pub(crate) location: Option<Geometry<f64>>,
    /// What is sent when neither attributes nor metadata are chosen: rendered once, at the write.
    pub(crate) normalized: Bytes,
    pub(crate) key_values: Bytes,
}

/// How a write treats what is there already.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Overriding {
    /// Metadata that the write does not name goes away.
    pub(crate) metadata: bool,
}

// === impl Attribute ===

impl Attribute {
    /// Whether it is told not to look at the value in the way of the type: the flag itself, and nothing that looks like it.
    fn ignores_type(&self) -> bool {
        let said = self.metadata.get("ignoreType");
        said.is_some_and(|said| said.value == Json::Bool(true))
    }

    /// The value as the database compares it: date-times are numbers there.
    pub(crate) fn comparable(&self) -> Option<f64> {
        comparable(&self.kind, &self.value)
    }
}

// === impl Metadatum ===

impl Metadatum {
    pub(crate) fn comparable(&self) -> Option<f64> {
        comparable(&self.kind, &self.value)
    }
}

fn comparable(kind: &str, value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => Some(*number),
        Json::String(text) if is_date(kind) => date::parsed(text),
        _ => None,
    }
}

/// The types whose values are date-times.
pub(crate) fn is_date(kind: &str) -> bool {
    matches!(kind, "DateTime" | "ISO8601")
}

// === impl Entity ===

impl Entity {
    pub(crate) fn new(id: &str, kind: &str, path: &str) -> Self {
        let now = date::now();
        Self {
            id: id.to_owned(),
            kind: kind.to_owned(),
            path: path.to_owned(),
            attributes: BTreeMap::new(),
            created: now,
            modified: now,
            location: None,
            normalized: Bytes::new(),
            key_values: Bytes::new(),
        }
    }

    /// Sets one attribute; type and metadata that the write leaves out stay as they were.
    pub(crate) fn set(&mut self, name: &str, draft: AttributeDraft, overriding: Overriding) {
        let now = date::now();
        let former = self.attributes.remove(name);
        let created = former.as_ref().map_or(now, |attribute| attribute.created);
        let (former_kind, mut metadata) = match former {
            Some(attribute) if !overriding.metadata => (Some(attribute.kind), attribute.metadata),
            Some(attribute) => (Some(attribute.kind), BTreeMap::new()),
            None => (None, BTreeMap::new()),
        };
        metadata.extend(draft.metadata);
        let kind = draft
            .kind
            .or(former_kind)
            .unwrap_or_else(|| inferred_kind(&draft.value).to_owned());
        self.attributes.insert(
            name.to_owned(),
            Attribute {
                kind,
                value: draft.value,
                metadata,
                created,
                modified: now,
            },
        );
    }

    /// Brings location, times and ready representations up to date after a write.
    ///
    /// # Errors
    /// Two attributes claim to be the location, or the database refuses the geometry.
    pub(crate) fn settle(&mut self, service: &str) -> Result<(), OrionError> {
        let mut locations = self.attributes.values().filter(|attribute| {
            geometry::is_location(&attribute.kind) && attribute.value != Json::Null && !attribute.ignores_type()
        });
        let location = locations.next();
        if locations.next().is_some() {
            return Err(OrionError::second_location());
        }
        let location = match location {
            None => None,
            Some(attribute) => {
                let shape = geometry::parsed(&attribute.kind, &attribute.value)?;
                if let Some(refusal) = geometry::refusal(&attribute.value, &shape) {
                    return Err(self.refused(service, refusal));
                }
                Some(shape)
            }
        };
        self.location = location;
        self.modified = date::now();
        self.normalized = render::normalized(self).into();
        self.key_values = render::key_values(self).into();
        Ok(())
    }

    fn refused(&self, service: &str, refusal: &str) -> OrionError {
        OrionError::database(&format!(
            "Database Error (collection: orion-{service}.entities - insert_one(): \
             {{ \"_id\" : {{ \"id\" : \"{}\", \"type\" : \"{}\", \"servicePath\" : \"{}\" }} }} - exception: {refusal})",
            self.id, self.kind, self.path
        ))
    }
}

/// The type of an attribute that came without one.
fn inferred_kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "None",
        Json::Bool(_) => "Boolean",
        Json::Number(_) => "Number",
        Json::String(_) => "Text",
        Json::Array(_) | Json::Object(_) => "StructuredValue",
    }
}

/// The type of metadata that came without one.
pub(crate) fn inferred_metadata_kind(value: &Json) -> &'static str {
    inferred_kind(value)
}
