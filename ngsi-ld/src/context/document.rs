//! A context document as it is written: which contexts it holds, in which order, and what each defines.
//! Nothing is resolved here.

use std::fmt;

use serde::Deserialize;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::Value;

use crate::InvalidIri;

/// Most terms that all documents of a context may define together. The largest public one, that of the Smart
/// Data Models, has fewer than 2,000.
pub const MAX_TERMS: usize = 50_000;

/// Why a document is no context that NGSI-LD allows. Terms and URLs are quoted, values are not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// Not JSON, or a key twice.
    #[error("the context is not a JSON document: {0}")]
    Json(String),
    /// No member `@context`.
    #[error("the document has no member @context")]
    Missing,
    /// `@context` is neither a URL, nor an object, nor an array of those.
    #[error("@context must be a URL, an object, or an array of those")]
    Shape,
    /// It refers to a document that was not given.
    #[error("the context {0} is not available")]
    Unavailable(String),
    /// It refers to more contexts than [`super::MAX_CONTEXTS`], perhaps in a circle.
    #[error("the context refers to too many others, or to itself")]
    TooManyContexts,
    /// More than [`MAX_TERMS`].
    #[error("the context defines more than {MAX_TERMS} terms")]
    TooManyTerms,
    /// A definition that JSON-LD does not allow.
    #[error("the term {term:?}: {reason}")]
    Definition {
        /// The term, or the keyword.
        term: String,
        /// What is wrong with it.
        reason: DefinitionFault,
    },
}

/// What is wrong with a definition in a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionFault {
    /// A term must be mapped to null, a text or an object.
    #[error("its definition must be null, a text or an object")]
    Shape,
    /// `@context` inside of a definition: clause 5.5.7.
    #[error("NGSI-LD does not allow scoped contexts")]
    Scoped,
    /// `@import`, `@reverse`, `@propagate`: of no use for names.
    #[error("this keyword is not supported in a context of NGSI-LD")]
    Unsupported,
    /// It is defined by itself.
    #[error("it is defined by itself")]
    Cyclic,
    /// An earlier document protects it.
    #[error("an earlier context protects it, and this one defines it otherwise")]
    Protected,
    /// Its IRI is none.
    #[error("its @id is no absolute IRI: {0}")]
    Iri(#[from] InvalidIri),
    /// Nothing says what it stands for.
    #[error("neither an @id nor a @vocab gives it an IRI")]
    NoIri,
    /// `@type` is not one of those of JSON-LD.
    #[error("@type must be @id, @vocab, @json, @none or an IRI")]
    Type,
    /// `@container` is not one of those of JSON-LD.
    #[error("@container must be @list, @set, @index, @language, @id, @type or @graph")]
    Container,
    /// The keyword has a value that it cannot have.
    #[error("it has a value that this keyword cannot have")]
    Keyword,
    /// A member that an expanded term definition of JSON-LD 1.1 has not.
    #[error(
        "its definition has a member that JSON-LD 1.1 does not know: it has @id, @type, @container, @prefix, @protected, @language, \
         @direction, @index and @nest"
    )]
    Member,
    /// The empty term, or one that looks like a keyword.
    #[error("a term must not be empty, and must not look like a keyword")]
    Name,
}

/// One context among those of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// `null`: forget what came before.
    Reset,
    /// The URL of a document.
    Remote(String),
    /// Definitions, in the order of the document.
    Local(Vec<(String, Value)>),
}

/// The contexts of a document with a member `@context`.
pub(super) fn parse_document(json: &str) -> Result<Vec<Part>, ContextError> {
    let members: Members<Parts> = serde_json::from_str(json).map_err(|error| ContextError::Json(error.to_string()))?;
    members
        .0
        .into_iter()
        .find_map(|(name, parts)| (name == "@context").then_some(parts))
        .ok_or(ContextError::Missing)?
        .checked()
}

/// The contexts of the value of a member `@context`.
pub(super) fn parse_value(json: &str) -> Result<Vec<Part>, ContextError> {
    let parts: Parts = serde_json::from_str(json).map_err(|error| ContextError::Json(error.to_string()))?;
    parts.checked()
}

/// The value of a member: contexts, or something else.
enum Parts {
    Contexts(Vec<Part>),
    Other,
}

impl Parts {
    fn checked(self) -> Result<Vec<Part>, ContextError> {
        match self {
            Self::Contexts(parts) => Ok(parts),
            Self::Other => Err(ContextError::Shape),
        }
    }
}

/// The members of an object in their order, each name once.
struct Members<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for MembersVisitor<T> {
            type Value = Members<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Members<T>, A::Error> {
                read_members(map).map(Members)
            }
        }
        deserializer.deserialize_map(MembersVisitor(std::marker::PhantomData))
    }
}

fn read_members<'de, A: MapAccess<'de>, T: Deserialize<'de>>(mut map: A) -> Result<Vec<(String, T)>, A::Error> {
    let mut seen = hashbrown::HashSet::new();
    let mut members = Vec::new();
    while let Some((name, value)) = map.next_entry::<String, T>()? {
        if !seen.insert(name.clone()) {
            return Err(A::Error::custom("a key stands twice in one object"));
        }
        members.push((name, value));
    }
    Ok(members)
}

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartsVisitor)
    }
}

struct PartsVisitor;

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = Parts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a URL, an object, or an array of those")
    }

    fn visit_unit<E>(self) -> Result<Parts, E> {
        Ok(Parts::Contexts(vec![Part::Reset]))
    }

    fn visit_str<E>(self, url: &str) -> Result<Parts, E> {
        Ok(Parts::Contexts(vec![Part::Remote(url.to_owned())]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Parts, A::Error> {
        read_members(map).map(|members| Parts::Contexts(vec![Part::Local(members)]))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut elements: A) -> Result<Parts, A::Error> {
        let mut all = Some(Vec::new());
        while let Some(element) = elements.next_element()? {
            match (element, &mut all) {
                (Parts::Contexts(parts), Some(all)) => all.extend(parts),
                _ => all = None,
            }
        }
        Ok(all.map_or(Parts::Other, Parts::Contexts))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Parts, E> {
        Ok(Parts::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Parts, E> {
        Ok(Parts::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Parts, E> {
        Ok(Parts::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Parts, E> {
        Ok(Parts::Other)
    }
}
