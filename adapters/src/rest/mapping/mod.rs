//! Mapping files: how the records of a custom platform become entities.
//!
//! A mapping is TOML, read and checked when the configuration is loaded, and compiled once: paths to a tree
//! of fields, names to expanded ones, tables to hash maps. The format is described in `docs/mappings.md`. A
//! mapping knows no source: neither addresses nor credentials.

mod attribute;
mod error;
mod filter;
mod path;
mod read;
mod request;
mod template;
#[cfg(test)]
mod tests;
mod toml_table;
mod value_table;

use compact_str::CompactString;
use ngsi_ld::context::{Context, InvalidName};
use ngsi_ld::entity::Value;
use ngsi_ld::{AttributeName, EntityId, Iri, TypeName};

pub use self::error::MappingError;
pub(in crate::rest) use self::error::nearest;
pub(in crate::rest) use self::filter::{Filter, Test};
pub use self::path::{InvalidPath, JsonPath, Step};
pub(in crate::rest) use self::request::{Paging, PagingStyle, RequestPath};
pub(in crate::rest) use self::template::Template;
pub(in crate::rest) use self::value_table::{Unlisted, ValueTable};
use super::record::{DocumentPaths, FieldTree, Slot};

/// How names get their meaning.
pub(in crate::rest) type Expand<'e> = dyn Fn(&str) -> Result<Iri, InvalidName> + 'e;

/// A mapping file, compiled.
#[derive(Debug, Clone)]
pub struct Mapping {
    types: Vec<TypeMapping>,
}

impl Mapping {
    /// The entity types that the mapping makes, in the order of the file.
    pub fn types(&self) -> impl Iterator<Item = &TypeName> {
        self.types.iter().map(|mapping| &mapping.name)
    }

    /// Whether entities of a type get an attribute by this mapping.
    #[must_use]
    pub fn has_attribute(&self, r#type: &TypeName, name: &AttributeName) -> bool {
        let of_type = self.types.iter().filter(|mapping| mapping.name == *r#type);
        of_type
            .flat_map(|mapping| &mapping.attributes)
            .any(|attribute| attribute.name == *name)
    }

    pub(in crate::rest) fn type_mappings(&self) -> &[TypeMapping] {
        &self.types
    }

    /// Reads and checks a mapping file, and compiles it. `context` gives the names of types and attributes
    /// their meaning; `file_name` is what errors call the file.
    ///
    /// # Errors
    /// Everything that is wrong with the file, in its order.
    pub fn parse(toml_text: &str, file_name: &str, context: &Context) -> Result<Self, Vec<MappingError>> {
        Self::parse_with(toml_text, file_name, &|name| context.expand(name))
    }

    /// Reads a mapping with the expansion of names given as a function.
    pub(crate) fn parse_with(toml_text: &str, file_name: &str, expand: &Expand<'_>) -> Result<Self, Vec<MappingError>> {
        read::read_mapping(toml_text, file_name, expand)
    }
}

/// How the records of one endpoint become entities of one type.
#[derive(Debug, Clone)]
pub(in crate::rest) struct TypeMapping {
    /// The type as the file names it.
    pub(in crate::rest) short_name: String,
    pub(in crate::rest) name: TypeName,
    /// Where the records are asked for.
    pub(in crate::rest) path: RequestPath,
    /// Where one record is asked for: a template of the fields of the id.
    pub(in crate::rest) record_path: Option<RecordPath>,
    /// Where the records are in a body.
    pub(in crate::rest) documents: DocumentPaths,
    /// Where the record is in the answer to `record_path`.
    pub(in crate::rest) single: DocumentPaths,
    pub(in crate::rest) paging: Paging,
    pub(in crate::rest) id: IdTemplate,
    /// Texts that mean that there is no value.
    pub(in crate::rest) missing: Vec<CompactString>,
    pub(in crate::rest) created_at: Option<DateRule>,
    pub(in crate::rest) modified_at: Option<DateRule>,
    pub(in crate::rest) fields: FieldTree,
    pub(in crate::rest) attributes: Vec<AttributeMapping>,
    /// What the platform can be asked to leave out.
    pub(in crate::rest) filters: Vec<Filter>,
}

/// The template of an id, with the place of each of its fields in a record.
#[derive(Debug, Clone)]
pub(in crate::rest) struct IdTemplate {
    pub(in crate::rest) template: Template,
    pub(in crate::rest) slots: Vec<Slot>,
}

/// The template of the path of one record.
#[derive(Debug, Clone)]
pub(in crate::rest) struct RecordPath {
    pub(in crate::rest) template: Template,
    /// For each field of the template, its place among the fields of the id.
    pub(in crate::rest) id_fields: Vec<usize>,
}

impl TypeMapping {
    /// The path of the record that has this id, percent-encoded; `None` when the mapping has no such path or
    /// the id cannot be one of its records'.
    pub(in crate::rest) fn record_request(&self, id: &EntityId) -> Option<String> {
        let record_path = self.record_path.as_ref()?;
        let values = self.id.template.invert(id.as_str())?;
        record_path.template.fill(|field| {
            let value = record_path.id_fields.get(field).and_then(|index| values.get(*index))?;
            // Dot segments cannot be escaped: they would lead to another resource (RFC 3986 section 5.2.4).
            let is_dots = matches!(value.as_str(), "." | "..");
            (!is_dots).then_some(std::borrow::Cow::Borrowed(value.as_str()))
        })
    }
}

/// One attribute.
#[derive(Debug, Clone)]
pub(in crate::rest) struct AttributeMapping {
    /// The name as the file has it.
    pub(in crate::rest) short_name: String,
    pub(in crate::rest) name: AttributeName,
    pub(in crate::rest) rule: Rule,
    pub(in crate::rest) unit_code: Option<CompactString>,
    pub(in crate::rest) observed_at: Option<DateRule>,
}

/// A field that holds a date and time.
#[derive(Debug, Clone, Copy)]
pub(in crate::rest) struct DateRule {
    pub(in crate::rest) slot: Slot,
    /// The zone of texts that do not say theirs, in seconds east of UTC.
    pub(in crate::rest) zone: i32,
}

/// What an attribute is made of.
#[derive(Debug, Clone)]
pub(in crate::rest) enum Rule {
    /// The same for every record.
    Constant(Value),
    /// A field, converted.
    Field {
        slot: Slot,
        table: Option<std::sync::Arc<ValueTable>>,
        conversion: Conversion,
    },
    /// A point from two fields.
    Point {
        latitude: Slot,
        longitude: Slot,
        bounds: Option<Bounds>,
    },
    /// A field that holds a GeoJSON geometry.
    Geometry { slot: Slot, bounds: Option<Bounds> },
    /// A relationship to the entity whose id the template makes.
    Relationship { object: IdTemplate },
}

/// What a field's value becomes.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rest) enum Conversion {
    /// As JSON has it.
    Keep,
    /// A text; numbers become their digits.
    Text,
    /// A number; texts are read, with full-width digits too.
    Number,
    /// `true` or `false`, also as texts.
    Boolean,
    /// A point in time.
    DateTime {
        /// The zone of texts that do not say theirs, in seconds east of UTC.
        zone: i32,
    },
    /// A list of texts, split at a separator.
    List { separator: String },
}

/// Where positions are plausible, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::rest) struct Bounds {
    pub(in crate::rest) west: f64,
    pub(in crate::rest) south: f64,
    pub(in crate::rest) east: f64,
    pub(in crate::rest) north: f64,
}
