//! The entity model of CIM 009 clause 4.5, and its representations.
//!
//! An [`Entity`] holds everything that the normalized representation can say: several types, scopes, every
//! kind of attribute, several instances of one attribute (`datasetId`), attributes of attributes to any
//! depth, and the system attributes. Names are expanded; compaction happens when it is rendered.
//!
//! It knows no HTTP and no source.

mod attribute;
pub mod conformance;
mod datetime;
mod expiry;
#[cfg(test)]
pub(crate) mod generated;
mod geometry;
mod geometry_json;
mod geometry_parts;
pub mod language;
mod nulls;
mod number;
pub mod parse;
pub mod render;
mod soundness;
mod value;
mod weight;

use smallvec::SmallVec;

pub use attribute::{
    Attribute, AttributeKind, AttributeValue, Instance, LanguageMap, ObjectTypes, Seal, is_geo_property,
    is_lang_string, is_proof,
};
pub use datetime::{DateTime, InvalidDateTime};
pub use geometry::{Geometry, InvalidGeometry, Position};
pub(crate) use geometry_parts::{Part, Parts, Role};
pub use number::{InvalidNumber, MAX_NUMBER_LENGTH, Number};
pub use soundness::{Unsound, check_sound};
pub use value::{InvalidJson, Json, TemporalType, Value};

use crate::{AttributeName, EntityId, TypeName};

/// One entity of the view, or the part of it that one source holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Its id, a URI.
    pub id: EntityId,
    /// Its types: at least one, in the order of the source.
    pub types: SmallVec<[TypeName; 1]>,
    /// Its scopes (clause 4.18), each beginning with `/`.
    pub scopes: SmallVec<[compact_str::CompactString; 1]>,
    /// When it was created, changed, deleted, and when it ceases to be valid.
    pub system: SystemAttributes,
    /// Its attributes, each name once, in the order of the source.
    pub attributes: Vec<Attribute>,
}

/// The temporal properties that the system keeps (clauses 4.8 and 4.22), shown on demand only (`sysAttrs`).
/// `expiresAt` alone is set by its owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemAttributes {
    inner: Option<Box<SystemDates>>,
}

/// The dates behind [`SystemAttributes`]: kept apart because most instances have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemDates {
    /// `createdAt`
    pub created_at: Option<DateTime>,
    /// `modifiedAt`
    pub modified_at: Option<DateTime>,
    /// `deletedAt`
    pub deleted_at: Option<DateTime>,
    /// `expiresAt`
    pub expires_at: Option<DateTime>,
}

impl SystemAttributes {
    /// The dates, if any is set.
    #[must_use]
    pub fn dates(&self) -> Option<&SystemDates> {
        self.inner.as_deref()
    }

    /// The dates, to be set.
    pub fn dates_mut(&mut self) -> &mut SystemDates {
        self.inner.get_or_insert_default()
    }

    /// `modifiedAt`, if it is set.
    #[must_use]
    pub fn modified_at(&self) -> Option<&DateTime> {
        self.inner.as_ref()?.modified_at.as_ref()
    }

    /// `expiresAt`, if it is set.
    #[must_use]
    pub fn expires_at(&self) -> Option<&DateTime> {
        self.inner.as_ref()?.expires_at.as_ref()
    }
}

impl Entity {
    /// An entity with one type and no attributes yet.
    #[must_use]
    pub fn new(id: EntityId, r#type: TypeName) -> Self {
        Self {
            id,
            types: SmallVec::from_buf([r#type]),
            scopes: SmallVec::new(),
            system: SystemAttributes::default(),
            attributes: Vec::new(),
        }
    }

    /// The attribute of that name.
    #[must_use]
    pub fn attribute(&self, name: &AttributeName) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == *name)
    }

    /// Whether the entity has that type among its own.
    #[must_use]
    pub fn has_type(&self, r#type: &TypeName) -> bool {
        self.types.contains(r#type)
    }
}
