//! Reading entities in their normalized and concise representations (clauses 4.5.1 to 4.5.5, 4.5.18 to 4.5.24,
//! 4.6, 4.8, 4.18), with the validation of clause 5.5.4.
//!
//! Typed and streaming: no tree of JSON values. What nearly all sources send, normalized entities, is read in
//! one pass. Whatever that pass does not take is read again with the text of each attribute at hand, which
//! says whether an object is an attribute or a concise value, keeps each digit, and finds the fault to report.
//!
//! It applies nothing: a [`Fragment`] says what is to change. `@context` is left to the caller.

mod attribute;
mod entity;
mod fragment;
mod json;
mod notes;
mod reader;
mod removal;
mod reserved;
mod shared_members;
mod value;

use std::fmt;

pub(crate) use self::attribute::concise::{is_geometry, reads_as_concise_value};
use self::entity::{ManyEntities, OneEntity};
pub use self::fragment::{
    AttributePatch, Fragment, InstancePatch, attribute_name, parse_additions, parse_attribute,
    parse_attribute_fragment, parse_fragment, parse_simplified_fragment,
};
use self::json::{FaultInside, Nulls, check_json};
use self::reader::Reader;
pub(super) use self::reader::Text;
pub use self::removal::{FragmentUse, RemovableMember};
pub(crate) use self::value::typed_value;
use super::{Entity, InvalidDateTime, InvalidGeometry, InvalidNumber};
use crate::InvalidIri;
use crate::context::{Context, InvalidName};

/// How deep attributes of attributes may nest. The deepest in public models is three.
pub const MAX_ATTRIBUTE_DEPTH: usize = 16;

/// How deep arrays and objects may nest inside of one value.
pub const MAX_VALUE_DEPTH: usize = 64;

/// Most instances of one attribute. Each is compared with the others, and views of that many are not kept.
pub const MAX_INSTANCES: usize = 1_000;

/// Most types of one entity, and most scopes: each is compared with the others.
pub const MAX_TYPES_OR_SCOPES: usize = 100;

/// The URI that stands for null (clause 4.5.0).
pub const NGSI_LD_NULL: &str = "urn:ngsi-ld:null";

/// Reads one entity.
///
/// # Errors
/// [`InvalidEntity`] names the member and what is wrong with it.
//= 5.2.1-1, 5.5.4-2
pub fn parse_entity(json: &[u8], context: &Context) -> Result<Entity, InvalidEntity> {
    parse::<OneEntity>(json, context)
}

/// Reads an array of entities.
///
/// # Errors
/// [`InvalidEntity`] names the member and what is wrong with it; its path begins with the index of the entity.
pub fn parse_entities(json: &[u8], context: &Context) -> Result<Vec<Entity>, InvalidEntity> {
    parse::<ManyEntities>(json, context)
}

/// Whether everybody reads a JSON text alike: no name twice in an object, no number that is too long or not finite. For
/// bodies that hold no entity. What is no JSON is left to whoever reads it.
///
/// # Errors
/// [`InvalidEntity`] names the member and what is wrong with it.
pub fn check_members(json: &str) -> Result<(), InvalidEntity> {
    match check_json(json, Nulls::Allowed) {
        Err(FaultInside {
            path,
            fault: fault @ (Fault::Duplicate | Fault::Number(_)),
        }) => Err(InvalidEntity {
            path: joined(&path),
            fault,
        }),
        _ => Ok(()),
    }
}

/// A path whose parts stand inside out.
fn joined(parts: &[String]) -> String {
    let mut path = String::new();
    for part in parts.iter().rev() {
        if !path.is_empty() && !part.starts_with('[') {
            path.push('.');
        }
        path.push_str(part);
    }
    path
}

/// What is read: one entity, or an array of them.
trait Seed {
    type Output;

    fn read<'de, D: serde::Deserializer<'de>>(reader: &Reader<'_>, deserializer: D) -> Result<Self::Output, D::Error>;
}

fn parse<S: Seed>(json: &[u8], context: &Context) -> Result<S::Output, InvalidEntity> {
    parse_with::<S>(json, |thorough| {
        if thorough {
            Reader::thorough(context)
        } else {
            Reader::streaming(context)
        }
    })
}

/// Reads with the quick reader, and with the thorough one what the quick one does not take.
fn parse_with<'c, S: Seed>(json: &[u8], reader: impl Fn(bool) -> Reader<'c>) -> Result<S::Output, InvalidEntity> {
    let text = simdutf8::basic::from_utf8(json).map_err(|_| InvalidEntity::new(Fault::Encoding))?;
    if let Ok(output) = read_whole::<S>(text, &reader(false)) {
        return Ok(output);
    }
    let thorough = reader(true);
    read_whole::<S>(text, &thorough).map_err(|error| thorough.into_invalid_entity(&error))
}

fn read_whole<S: Seed>(text: &str, reader: &Reader<'_>) -> Result<S::Output, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let output = S::read(reader, &mut deserializer)?;
    deserializer.end()?;
    Ok(output)
}

/// Why a text is no entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidEntity {
    /// Where: the names of the members, outside in, with `.` between them and `[index]` for elements of arrays.
    /// Empty: the entity as a whole.
    pub path: String,
    /// What is wrong.
    pub fault: Fault,
}

impl InvalidEntity {
    fn new(fault: Fault) -> Self {
        Self {
            path: String::new(),
            fault,
        }
    }

    /// Whether the text is not even JSON (`InvalidRequest`); otherwise it is no entity (`BadRequestData`).
    #[must_use]
    pub fn is_malformed_json(&self) -> bool {
        matches!(self.fault, Fault::Json { .. } | Fault::Encoding)
    }
}

impl fmt::Display for InvalidEntity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "the entity: {}", self.fault)
        } else {
            write!(f, "{}: {}", self.path, self.fault)
        }
    }
}

impl std::error::Error for InvalidEntity {}

/// What is wrong with a member. It never quotes a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// Not JSON.
    #[error("not JSON at line {line}, column {column}")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// Another JSON type.
    #[error("expected {0}")]
    Expected(&'static str),
    /// It must be there and is not.
    #[error("the member {0:?} is missing")]
    Missing(&'static str),
    /// It stands there twice, perhaps under two names of the same meaning.
    #[error("it stands there twice")]
    Duplicate,
    /// Two instances have the same `datasetId`, or both have none.
    #[error("two instances have the same datasetId, or none")]
    DuplicateInstance,
    /// A name of the core context that is no attribute name.
    #[error("this name is reserved and cannot be an attribute")]
    Reserved,
    /// No name.
    #[error("not a name: {0}")]
    Name(#[from] InvalidName),
    /// No URI.
    #[error("not a URI: {0}")]
    Iri(#[from] InvalidIri),
    /// No date.
    #[error(transparent)]
    DateTime(#[from] InvalidDateTime),
    /// No geometry.
    #[error(transparent)]
    Geometry(#[from] InvalidGeometry),
    /// No number that everybody can read.
    #[error(transparent)]
    Number(#[from] InvalidNumber),
    /// A null, JSON's or NGSI-LD's.
    #[error("null is not allowed here (clauses 4.5.0 and 5.5.4)")]
    Null,
    /// No attribute type of clause 4.5.
    #[error("not one of the attribute types of NGSI-LD")]
    AttributeType,
    /// A member that this kind of attribute cannot have.
    #[error("{0} cannot have this member")]
    Prohibited(&'static str),
    /// `location`, `observationSpace` or `operationSpace` of another kind.
    #[error("this name is that of a GeoProperty, whose value is a GeoJSON geometry (clauses 4.7.1 and 5.2.4)")]
    NotGeoProperty,
    /// A value of `ngsildproof` that is no object.
    #[error("a proof is a Property whose value is an object (clause 4.5.2)")]
    Proof,
    /// A `valueType` that this kind cannot have.
    #[error("the values of a LanguageProperty are of type langString (clause 5.2.32)")]
    NotLangString,
    /// No scope of clause 4.18.
    #[error("not a scope: expected names that begin with a letter, separated by /")]
    Scope,
    /// No language tag of RFC 5646.
    #[error("not a language tag of RFC 5646")]
    LanguageTag,
    /// An embedded @context (clause 5.5.7).
    #[error("an attribute cannot have an @context")]
    EmbeddedContext,
    /// More types, scopes or instances than this.
    #[error("more than {0} of them")]
    TooMany(usize),
    /// Deeper than [`MAX_ATTRIBUTE_DEPTH`] or [`MAX_VALUE_DEPTH`].
    #[error("nested too deep")]
    TooDeep,
}

#[cfg(test)]
mod rules;
#[cfg(test)]
mod tests;
