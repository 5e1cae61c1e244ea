//! JSON-LD @context as NGSI-LD uses it: what a short name stands for, and which short name an IRI has
//! (CIM 009 clauses 4.4, 4.6.2, 5.5.5 and 5.5.7; JSON-LD 1.1).
//!
//! A [`Context`] is compiled once from its documents and never changes. It always includes the core context,
//! whose terms take precedence wherever the core context stands. Nothing is fetched here: documents that a
//! context refers to are given to the [`ContextBuilder`].

mod builder;
mod compact;
mod core;
mod definition;
mod document;
mod expand;
mod written;

use std::sync::{Arc, LazyLock};

use compact_str::CompactString;
use hashbrown::HashMap;

pub use self::core::{CoreVersion, is_core_context};
pub use builder::{ContextBuilder, MAX_CONTEXTS, remote_references};
pub use document::{ContextError, DefinitionFault, MAX_TERMS};
pub use expand::{InvalidName, check_name};
pub use written::{escaped_name, push_escaped};
pub(crate) use written::{is_plain, is_read_as_part, octet};

use crate::Iri;

/// Where names live that no context defines (the core context's `@vocab`).
pub const DEFAULT_VOCABULARY: &str = "https://uri.etsi.org/ngsi-ld/default-context/";

/// Where the core context of CIM 009 v1.9.1 is published.
pub const CORE_CONTEXT_URL: &str = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld";

/// The core context of CIM 009 v1.9.1, as published.
pub const CORE_CONTEXT: &str = include_str!("../../contexts/ngsi-ld-core-context-v1.9.jsonld");

/// The gateway's own context: the types and attribute names of the view.
pub const KAKEHASHI_CONTEXT: &str = include_str!("../../contexts/kakehashi.jsonld");

/// A compiled context: the core context, and what other documents add to it. Immutable; share it as
/// `Arc<Context>`.
#[derive(Debug, Clone)]
pub struct Context {
    /// What each term stands for.
    terms: HashMap<CompactString, Term>,
    /// The term for each IRI: of several, the core's, then the shortest, then the first in order of text.
    names: HashMap<Iri, CompactString>,
    /// The IRIs that prefixes stand for, with their prefixes; the longest IRI first.
    prefixes: Vec<(Iri, CompactString)>,
}

/// What a term stands for.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    meaning: Meaning,
    /// Whether it may be the `prefix` of `prefix:name`.
    prefix: bool,
    /// Whether later documents may define it otherwise.
    protected: bool,
    /// Whether it is the core context's.
    core: bool,
    /// `@type`
    coercion: Option<Coercion>,
    /// `@container`: a set of these.
    containers: Vec<Container>,
}

/// What a name is mapped to.
#[derive(Debug, Clone, PartialEq)]
enum Meaning {
    /// An IRI.
    Iri(Iri),
    /// A keyword, as `id` stands for `@id`.
    Keyword(CompactString),
    /// Nothing: the context says that the name has no meaning.
    Nothing,
}

/// How a context says that the values of a term are to be read (`@type` of a term definition).
#[derive(Debug, Clone, PartialEq)]
pub enum Coercion {
    /// `@id`: the value is an IRI.
    Id,
    /// `@vocab`: the value is a term or an IRI.
    Vocab,
    /// `@json`: the value is JSON and not interpreted.
    Json,
    /// `@none`: explicitly nothing.
    None,
    /// A data type.
    DataType(Iri),
}

/// How a context says that several values of a term are held (`@container` of a term definition).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `@list`
    List,
    /// `@set`
    Set,
    /// `@index`
    Index,
    /// `@language`
    Language,
    /// `@id`
    Id,
    /// `@type`
    Type,
    /// `@graph`
    Graph,
}

impl Context {
    /// The gateway's own context.
    #[must_use]
    pub fn kakehashi() -> &'static Arc<Self> {
        static KAKEHASHI: LazyLock<Arc<Context>> = LazyLock::new(|| {
            // That the built-in document compiles is proved by a test.
            Context::from_document(KAKEHASHI_CONTEXT).map_or_else(|_| Arc::clone(Context::core()), Arc::new)
        });
        &KAKEHASHI
    }

    /// Compiles one document: a JSON object with the member `@context`.
    ///
    /// # Errors
    /// [`ContextError`] when it is no context that NGSI-LD allows, or refers to documents of other places (for
    /// those, use [`Context::builder`]).
    pub fn from_document(json: &str) -> Result<Self, ContextError> {
        Self::builder().document(json)?.build()
    }

    /// Begins a context of several documents.
    #[must_use]
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    /// How the context says that the values of the term are to be read.
    #[must_use]
    pub fn coercion(&self, term: &str) -> Option<&Coercion> {
        self.terms.get(term)?.coercion.as_ref()
    }

    /// How the context says that several values of the term are held.
    #[must_use]
    pub fn containers(&self, term: &str) -> &[Container] {
        self.terms.get(term).map_or(&[], |term| term.containers.as_slice())
    }

    /// Whether the context has a term for the IRI.
    #[must_use]
    pub fn names(&self, iri: &str) -> bool {
        let name = self.compact(iri);
        let meaning = self.terms.get(&*name).map(|term| &term.meaning);
        matches!(meaning, Some(Meaning::Iri(meant)) if meant.as_str() == iri)
    }

    /// How many terms the context defines, those of the core context included.
    #[must_use]
    pub fn term_count(&self) -> usize {
        self.terms.len()
    }
}

#[cfg(test)]
mod tests;
