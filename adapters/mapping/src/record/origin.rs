//! Where the fields of a mapping are filled from: the record, what stands beside it, or other fields.

use super::fields::Slot;
use crate::language::JsonPath;

/// Where a field is filled from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The record. A path with wildcards: the list of all that it leads to.
    Record(JsonPath),
    /// The name under which the record stands in its object: 0; under which that object stands: 1, and so on.
    Key(usize),
    /// The whole document, by the slot among [`TypeMapping::document`](crate::language::TypeMapping::document).
    Document(Slot),
    /// What the source is known by: `code`, `name`, or a constant of it.
    Source(Box<str>),
    /// The name of the file.
    File,
    /// The name of the sheet.
    Sheet,
    /// Made of other fields, by its place among [`TypeMapping::derived`](crate::language::TypeMapping::derived).
    Derived(usize),
    /// The first of these that has a value.
    FirstOf(Vec<Slot>),
}

impl Origin {
    /// The place in the record at which the value stands and can be put.
    pub fn place(&self) -> Option<&JsonPath> {
        match self {
            Self::Record(path) if !path.has_wildcard() && !path.counts_from_the_end() => Some(path),
            _ => None,
        }
    }

    /// Whether a record by itself has it, without what stands beside it.
    pub fn stands_in_the_record(&self) -> bool {
        matches!(self, Self::Record(_))
    }
}

/// What is known beside the records of a body: of the source, and of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    source: Vec<(Box<str>, Box<str>)>,
    /// The name of the file.
    pub file: Option<Box<str>>,
    /// The name of the sheet.
    pub sheet: Option<Box<str>>,
}

impl Outside {
    /// Of a source: the code of its local government and the name of its tenant, where they are known, and constants of its own.
    pub fn of_source<'t>(
        code: Option<&str>,
        name: Option<&str>,
        constants: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Self {
        let known = [("code", code), ("name", name)];
        let known = known.into_iter().filter_map(|(key, text)| Some((key, text?)));
        let source = constants.into_iter().map(|(key, text)| (key.into(), text.into()));
        Self {
            source: known
                .map(|(key, text)| (key.into(), text.into()))
                .chain(source)
                .collect(),
            file: None,
            sheet: None,
        }
    }

    /// What the source is known by.
    pub fn of_the_source(&self, name: &str) -> Option<&str> {
        let found = self.source.iter().find(|(other, _)| **other == *name);
        found.map(|(_, text)| &**text)
    }
}
