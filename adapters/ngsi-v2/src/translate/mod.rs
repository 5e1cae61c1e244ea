//! From NGSI-v2 normalized entities to the view. Pure: bytes in, entities out, nothing of HTTP.
//!
//! The reader goes through the text once. Names are looked up in a table that serves one answer at a time, so
//! that an attribute's name is expanded once however many entities have it; compound values stay JSON text.

mod attribute;
mod elements;
mod geometry;
mod metadata;
mod names;
mod objects;
mod one_by_one;
mod reader;
mod strings;
mod translator;
mod value;

pub use self::elements::{ElementSplitter, SplitError};
pub(super) use self::metadata::{IGNORE_TYPE, has_own_place};
pub use self::names::IdleTables;
pub use self::objects::ObjectTypes;

use std::sync::Arc;

use ngsi_ld::context::Context;
use ngsi_ld::{Entity, TypeName};

use kakehashi_client::MOST_LISTED;
use kakehashi_contract::{AttributeSelection, Reshaped, Yielded};

/// What a translation needs to know.
#[derive(Debug, Clone)]
pub struct TranslationContext {
    /// What names stand for.
    pub context: Arc<Context>,
    /// The types that are wanted, by their names in the source. Entities of other types are left out.
    pub types: Vec<ProvidedType>,
    /// The attributes that are wanted. Others are left out.
    pub attributes: AttributeSelection,
    /// Whether `createdAt`, `modifiedAt` and `expiresAt` are wanted.
    pub system_attributes: bool,
    /// Of which types the objects of Relationships are.
    pub object_types: Arc<ObjectTypes>,
    /// Whether the service path is the scope.
    pub scopes: bool,
    /// What earlier answers have found out about names. It belongs to one context.
    pub tables: Arc<IdleTables>,
}

/// A type that a source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvidedType {
    /// Its name in the view.
    pub name: TypeName,
    /// Its name in the source.
    pub short: Box<str>,
}

impl ProvidedType {
    /// The same type with a name in memory of its own, for one answer: every entity counts a use of it.
    pub(super) fn unshared(self) -> Self {
        Self {
            name: self.name.unshared(),
            ..self
        }
    }
}

/// Why a text is no answer in NGSI-v2. It never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TranslationError {
    /// Nothing at all.
    #[error("the answer is empty")]
    Empty,
    /// Not UTF-8, and no list of which some elements are.
    #[error("the answer is not UTF-8")]
    Encoding,
    /// An object where a list was due; Orion answers some errors like that, with status 200.
    #[error("the answer is not a list of entities")]
    NotAList,
    /// A list of more than one answer may have.
    #[error("the list has more than {MOST_LISTED} elements")]
    TooMany,
    /// Not JSON, or JSON of another shape, at this place.
    #[error("not a list of NGSI-v2 entities: line {line}, column {column}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
}

/// The entities of an answer to `GET /v2/entities`.
///
/// # Errors
/// [`TranslationError`] when the text is not a list of normalized entities.
pub fn translate_entities(body: &[u8], context: &TranslationContext) -> Result<Vec<Entity>, TranslationError> {
    translate_page(body, context).map(|page| page.yielded.into_iter().filter_map(Yielded::entity).collect())
}

/// The entities of one page, and how many the source had put there.
#[derive(Debug)]
pub struct TranslatedPage {
    /// What the view shows of them, and what is wrong with those that it cannot show.
    pub yielded: Vec<Yielded>,
    /// How many entities the page held, with those that nobody asked for.
    pub listed: usize,
    /// What else was found.
    pub noticed: Noticed,
}

/// What is found in a page that is not as one would expect, and costs no entity.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Noticed {
    /// Metadata of its attributes that are no objects. They are left out, each by itself.
    pub unreadable_metadata: usize,
    /// Whether the source ignores one of the places.
    pub ignores_a_place: bool,
    /// Places that the view has in another form.
    pub reshaped: Reshaped,
}

/// As [`translate_entities`], with what a walk over pages needs.
///
/// # Errors
/// [`TranslationError`] when the text is not a list. An element that is no normalized entity costs itself.
pub fn translate_page(body: &[u8], context: &TranslationContext) -> Result<TranslatedPage, TranslationError> {
    let body = ngsi_ld::without_byte_order_mark(body);
    let text = simdutf8::basic::from_utf8(body);
    match body.trim_ascii_start().first() {
        None => return Err(TranslationError::Empty),
        Some(b'[') => {}
        Some(_) if text.is_err() => return Err(TranslationError::Encoding),
        Some(_) => return Err(TranslationError::NotAList),
    }
    // Nearly every list is read in one pass. What that does not take is read entity by entity.
    let error = match text.map(|text| reader::read_page(text, context)) {
        Ok(Ok(page)) => return Ok(page),
        Ok(Err(error)) => TranslationError::Malformed {
            line: error.line(),
            column: error.column(),
        },
        Err(_) => TranslationError::Encoding,
    };
    one_by_one::read_page(body, context)?.ok_or(error)
}

#[cfg(test)]
mod damaged_tests;
#[cfg(test)]
mod tests;
