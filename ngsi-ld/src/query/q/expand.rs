//! How short names of a query become expanded ones.

use crate::{AttributeName, Iri, TypeName};

/// How the name of an attribute becomes an expanded one; `None` when it cannot be one.
pub(in crate::query) type ExpandAttribute<'c> = &'c dyn Fn(&str) -> Option<AttributeName>;

/// How names become expanded ones; `None` when they cannot be.
pub(in crate::query) struct Expand<'c> {
    /// Of an attribute.
    pub(in crate::query) attribute: ExpandAttribute<'c>,
    /// Of an entity type.
    pub(in crate::query) r#type: &'c dyn Fn(&str) -> Option<TypeName>,
    /// Of a value, where `expandValues` says so.
    pub(in crate::query) value: &'c dyn Fn(&str) -> Option<Iri>,
}
