//! How an entity rests in a row: a dense, lossless encoding of everything but its id.
//!
//! Rows are read far more often than written, and mostly in part: the grant allows some attributes only. Each
//! attribute therefore carries its name's number and its length, so that an attribute outside of the
//! selection is stepped over unread, and names come from the shared [`NameTable`](super::names::NameTable)
//! instead of being parsed and allocated once an entity. JSON with expanded names was the alternative: about
//! twice the size, because the names outweigh the values, and every one of them an allocation.
//!
//! The layout: a version byte; types; scopes; `expiresAt`; then attributes, each as name number, length in
//! bytes, instances. Whole numbers are LEB128 (7 bits a byte, low bits first), texts are length and UTF-8.
//! `createdAt` and `modifiedAt` of the entity stand in columns of their own; an instance stores its own ones
//! only where they differ.

use ngsi_ld::Iri;

mod bytes;
mod decode;
mod encode;

pub(super) use decode::{Part, Row, Wanted, decode, decode_part, decode_with_dates, lists_of_names_in, scopes};
pub(super) use encode::{encode, encode_with_dates, put_names};

/// The layout described above. Another layout gets another number, and its reader stays beside this one.
const LAYOUT: u8 = 1;

/// How deep attributes of attributes may nest. Deeper ones are refused when written; when read, they are a
/// damaged row, which must not exhaust the stack.
pub(super) const MAX_DEPTH: usize = 32;

/// A row that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    /// The bytes are not of this layout: the file is damaged.
    #[error("the row is damaged: {0}")]
    Damaged(&'static str),
    /// A later version of the gateway has written the row.
    #[error("the row has layout {0}, this version reads layout {LAYOUT}")]
    Layout(u8),
    /// The row uses a name that the table does not know yet: the table is behind and must be read again.
    #[error("the row uses a name that is not in the table of names")]
    UnknownName,
}

/// Why an entity is not encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotEncoded {
    /// It cannot be written.
    #[error("attributes nest deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Names of it have no number yet: these, some of them perhaps twice.
    #[error("a name has no number")]
    UnknownNames(Vec<Iri>),
}

/// What kind of value follows.
mod tag {
    pub(super) const STRING: u8 = 0;
    pub(super) const INTEGER: u8 = 1;
    pub(super) const FLOAT: u8 = 2;
    pub(super) const NUMBER_TEXT: u8 = 3;
    pub(super) const FALSE: u8 = 4;
    pub(super) const TRUE: u8 = 5;
    pub(super) const DATE_TIME: u8 = 6;
    pub(super) const DATE: u8 = 7;
    pub(super) const TIME: u8 = 8;
    pub(super) const JSON: u8 = 9;
    pub(super) const RELATIONSHIP: u8 = 10;
    pub(super) const GEOMETRY: u8 = 11;
    pub(super) const LANGUAGE_MAP: u8 = 12;
    pub(super) const VOCABULARY: u8 = 13;
    pub(super) const JSON_PROPERTY: u8 = 14;
    pub(super) const LIST_PROPERTY: u8 = 15;
    pub(super) const LIST_RELATIONSHIP: u8 = 16;
    /// With several types of the objects, as a list before them.
    pub(super) const RELATIONSHIP_TO_TYPES: u8 = 18;
    /// With several types of the objects, as a list before them.
    pub(super) const LIST_RELATIONSHIP_TO_TYPES: u8 = 19;
    /// No value: what a proof is sealed to, as two texts that may be empty; the value follows.
    pub(super) const SEAL: u8 = 17;
}

/// Which types of geometry follow.
mod shape {
    pub(super) const POINT: u8 = 0;
    pub(super) const MULTI_POINT: u8 = 1;
    pub(super) const LINE_STRING: u8 = 2;
    pub(super) const MULTI_LINE_STRING: u8 = 3;
    pub(super) const POLYGON: u8 = 4;
    pub(super) const MULTI_POLYGON: u8 = 5;
    pub(super) const COLLECTION: u8 = 6;
}

/// Which members of an instance follow, one bit each.
mod member {
    pub(super) const DATASET_ID: u8 = 1;
    pub(super) const OBSERVED_AT: u8 = 1 << 1;
    pub(super) const UNIT_CODE: u8 = 1 << 2;
    pub(super) const CREATED_AT: u8 = 1 << 3;
    pub(super) const MODIFIED_AT: u8 = 1 << 4;
    pub(super) const EXPIRES_AT: u8 = 1 << 5;
    pub(super) const SUB_ATTRIBUTES: u8 = 1 << 6;
    pub(super) const VALUE_TYPE: u8 = 1 << 7;
}

#[cfg(test)]
mod tests;
