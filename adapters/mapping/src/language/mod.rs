//! Mapping files: how the records of a custom platform become entities.
//!
//! A mapping is TOML, read and checked when the configuration is loaded, and compiled once: paths to a tree
//! of fields, names to expanded ones, tables to hash maps. The format is described in `docs/mappings.md`. A
//! mapping knows no source: neither addresses nor credentials.

mod attribute;
mod computed;
mod date_shape;
mod derived;
mod error;
mod fields;
mod filter;
mod form;
mod form_place;
mod path;
mod position;
mod read;
mod request;
mod rows;
mod table_format;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod toml_table;
mod value_table;
mod write;
#[cfg(test)]
mod write_tests;
mod written;

use compact_str::CompactString;
use kakehashi_values::characters::Folding;
use kakehashi_values::crs::Crs;
use ngsi_ld::context::{Context, InvalidName};
use ngsi_ld::entity::Value;
use ngsi_ld::{AttributeName, EntityId, Iri, TypeName};

pub use self::computed::Computed;
pub use self::date_shape::{DateShape, Finer};
pub use self::derived::Derived;
pub use self::error::MappingError;
pub use self::error::{Place, nearest};
pub use self::filter::{Filter, Test};
pub use self::path::{InvalidPath, JsonPath, Step};
pub use self::position::{PlaceText, PlanePlace};
pub use self::request::{Paging, PagingStyle, RequestPath};
pub use self::rows::{Gather, Rows};
pub use self::table_format::{Format, TableFormat, same_text};
pub use self::template::{InvalidTemplate, Template};
pub use self::text::TextPart;
pub use self::value_table::{Unlisted, ValueTable, number_text};
pub use self::write::{WriteMapping, WriteRequest};
pub use self::written::{Count, Written};
use super::record::{DocumentPaths, FieldTree, Slot};

/// How names get their meaning.
pub type Expand<'e> = dyn Fn(&str) -> Result<Iri, InvalidName> + 'e;

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

    /// The entity types of which the mapping says how they are written.
    pub fn written_types(&self) -> impl Iterator<Item = &TypeName> {
        let written = self.types.iter().filter(|mapping| mapping.write.is_some());
        written.map(|mapping| &mapping.name)
    }

    /// Whether entities of a type get an attribute by this mapping.
    #[must_use]
    pub fn has_attribute(&self, r#type: &TypeName, name: &AttributeName) -> bool {
        self.attributes_of(r#type).any(|made| made == name)
    }

    /// The attributes that entities of a type get by this mapping.
    pub fn attributes_of(&self, r#type: &TypeName) -> impl Iterator<Item = &AttributeName> {
        let of_type = self.types.iter().filter(move |mapping| mapping.name == *r#type);
        let attributes = of_type.flat_map(|mapping| &mapping.attributes);
        attributes.map(|attribute| &attribute.name)
    }

    /// What the ids of all entities of a type begin with; `None`: that depends on the records.
    #[must_use]
    pub fn ids_begin_with(&self, r#type: &TypeName) -> Option<String> {
        let of_type = self.types.iter().filter(|mapping| mapping.name == *r#type);
        let beginnings = of_type.map(|mapping| mapping.id.template.beginning());
        let common = beginnings.reduce(|one, other| {
            let same = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
            let end = same.map_or(one.len().min(other.len()), |((place, _), _)| place);
            one.get(..end).unwrap_or_default()
        });
        common.filter(|common| !common.is_empty()).map(str::to_owned)
    }

    /// One for each type, in the order of the file.
    pub fn type_mappings(&self) -> &[TypeMapping] {
        &self.types
    }

    /// Reads and checks a mapping file, and compiles it. `context` gives the names of types and attributes
    /// their meaning; `file_name` is what errors call the file.
    ///
    /// # Errors
    /// Everything that is wrong with the file, in its order.
    pub fn parse(toml_text: &str, file_name: &str, context: &Context) -> Result<Self, Vec<MappingError>> {
        Self::parse_with(toml_text, file_name, &|name| context.expand_written(name))
    }

    /// Reads a mapping with the expansion of names given as a function.
    pub fn parse_with(toml_text: &str, file_name: &str, expand: &Expand<'_>) -> Result<Self, Vec<MappingError>> {
        read::read_mapping(toml_text, file_name, expand)
    }
}

/// How the records of one endpoint become entities of one type.
#[derive(Debug, Clone)]
pub struct TypeMapping {
    /// The type as the file names it.
    pub short_name: String,
    /// The type.
    pub name: TypeName,
    /// Where the records are asked for; `None`: the source's address names them itself.
    pub path: Option<RequestPath>,
    /// Where the file says so, or where the type stands.
    pub path_place: Place,
    /// In what the records come.
    pub format: Format,
    /// Whether several records make one entity.
    pub rows: Rows,
    /// Whether fields that no record has are to be expected: a mapping that reads several generations of a file.
    pub absent_is_usual: bool,
    /// Where one record is asked for: a template of the fields of the id.
    pub record_path: Option<RecordPath>,
    /// Where the records are in a body.
    pub documents: DocumentPaths,
    /// Where the file says where the records are.
    pub records_place: Place,
    /// Where the record is in the answer to `record_path`.
    pub single: DocumentPaths,
    /// On what the mapping of this type is tried.
    pub sample: Option<Sample>,
    /// How the platform hands out many records.
    pub paging: Paging,
    /// What the id is made of.
    pub id: IdTemplate,
    /// Texts that mean that there is no value.
    pub missing: Vec<CompactString>,
    /// In which of their writings texts are the same; `None`: only spaces do not count, and ids are as they are written.
    pub folding: Option<Folding>,
    /// When the record was made.
    pub created_at: Option<DateRule>,
    /// When the record was changed last.
    pub modified_at: Option<DateRule>,
    /// When the attributes were observed that say nothing of their own about it.
    pub observed_at: Option<DateRule>,
    /// The fields of a record that the file names.
    pub fields: FieldTree,
    /// Fields that are made of others.
    pub derived: Vec<Derived>,
    /// The fields of the whole document that the file names.
    pub document: FieldTree,
    /// Where the file names which of them.
    pub uses: Vec<FieldUse>,
    /// What becomes of them.
    pub attributes: Vec<AttributeMapping>,
    /// What the platform can be asked to leave out.
    pub filters: Vec<Filter>,
    /// How records are written; `None`: they are only read.
    pub write: Option<WriteMapping>,
}

/// A file with an answer of the platform, on which the mapping is tried before it is taken over.
#[derive(Debug, Clone)]
pub struct Sample {
    /// From the folder of the mapping.
    pub file: String,
    /// Where the mapping names it.
    pub place: Place,
}

/// A field that the file names.
#[derive(Debug, Clone)]
pub struct FieldUse {
    /// For what, from the top of the file: `types.AED.attributes.name`.
    pub rule: Box<str>,
    /// Where.
    pub place: Place,
    /// As the file names it.
    pub field: Box<str>,
    /// Where it stands in a record.
    pub path: JsonPath,
    /// Its place among the fields.
    pub slot: Slot,
}

/// The template of an id, with the place of each of its fields in a record.
#[derive(Debug, Clone)]
pub struct IdTemplate {
    /// The text, with fields in it.
    pub template: Template,
    /// For each field of the template, its place among those of the record.
    pub slots: Vec<Slot>,
}

/// The template of the path of one record.
#[derive(Debug, Clone)]
pub struct RecordPath {
    /// The path, with fields in it.
    pub template: Template,
    /// For each field of the template, its place among the fields of the id.
    pub id_fields: Vec<usize>,
}

impl TypeMapping {
    /// The path of the record that has this id, percent-encoded; `None` when the mapping has no such path or
    /// the id cannot be one of its records'.
    pub fn record_request(&self, id: &EntityId) -> Option<String> {
        self.path_to(self.record_path.as_ref()?, id)
    }

    /// A path of this type with the fields of an id, percent-encoded; `None` when the id cannot be one of its records'.
    pub fn path_to(&self, path: &RecordPath, id: &EntityId) -> Option<String> {
        let values = self.id.template.invert(id.as_str())?;
        path.template.fill(|field| {
            let value = path.id_fields.get(field).and_then(|index| values.get(*index))?;
            // Dot segments cannot be escaped: they would lead to another resource (RFC 3986 section 5.2.4).
            let is_dots = matches!(value.as_str(), "." | "..");
            (!is_dots).then_some(std::borrow::Cow::Borrowed(value.as_str()))
        })
    }
}

/// One attribute.
#[derive(Debug, Clone)]
pub struct AttributeMapping {
    /// The name as the file has it.
    pub short_name: String,
    /// Its name in the view.
    pub name: AttributeName,
    /// What it is made of.
    pub rule: Rule,
    /// Where the mapping says that each record has it.
    pub required: Option<Place>,
    /// The unit of its value, a code of UN/CEFACT.
    pub unit_code: Option<CompactString>,
    /// The field that says when it was observed.
    pub observed_at: Option<DateRule>,
    /// What becomes of it where several records make one entity.
    pub gather: Gather,
}

impl AttributeMapping {
    /// Whether the mapping says by itself what the attribute is, or the id does.
    pub fn is_given(&self, id: &IdTemplate) -> bool {
        let slots = self.value_slots();
        slots.iter().all(|slot| id.slots.contains(slot))
    }

    /// Whether somebody else than the platform, the mapping and the id says what it is.
    pub fn is_written(&self, write: &WriteMapping, id: &IdTemplate) -> bool {
        let is_platforms = |slot: &Slot| write.set_by_platform.contains(slot);
        !self.is_given(id) && !self.is_computed(write) && !self.value_slots().iter().any(is_platforms)
    }

    /// Whether it is made in a way that leads back to no record.
    pub fn is_computed(&self, write: &WriteMapping) -> bool {
        let is_one_way = self.rule.is_one_way();
        let slots = self.value_slots();
        is_one_way || slots.iter().any(|slot| write.computed.contains(slot))
    }
}

/// A field that holds a date and time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DateRule {
    /// Which.
    pub slot: Slot,
    /// The zone of texts that do not say theirs, in seconds east of UTC.
    pub zone: i32,
}

/// What an attribute is made of.
#[derive(Debug, Clone)]
pub enum Rule {
    /// The same for every record.
    Constant(Value),
    /// A field, converted.
    Field {
        /// Which.
        slot: Slot,
        /// What its words mean.
        table: Option<std::sync::Arc<ValueTable>>,
        /// What its value becomes.
        conversion: Conversion,
    },
    /// A point from two fields.
    Point {
        /// Degrees to the north.
        latitude: Slot,
        /// Degrees to the east.
        longitude: Slot,
        /// Their reference system; `None`: WGS84.
        crs: Option<std::sync::Arc<Crs>>,
        /// Where it is plausible.
        bounds: Option<Bounds>,
    },
    /// A field that holds a geometry, in GeoJSON or WKT.
    Geometry {
        /// Which.
        slot: Slot,
        /// Its reference system; `None`: what the document says, or WGS84.
        crs: Option<std::sync::Arc<Crs>>,
        /// Where it is plausible.
        bounds: Option<Bounds>,
    },
    /// A text out of fixed parts and fields.
    Text {
        /// In their order.
        parts: Vec<TextPart>,
    },
    /// A place in one text.
    Position(Box<PlaceText>),
    /// A place on a plane.
    Plane(Box<PlanePlace>),
    /// A value that is computed of fields.
    Expression(Box<Computed>),
    /// A relationship to the entity whose id the template makes.
    Relationship {
        /// What the id of that entity is made of.
        object: IdTemplate,
    },
}

/// What a field's value becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Conversion {
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
    /// What is read of a writing that only the mapping knows, or that only Japan has. It leads not back.
    Written(Box<Written>),
    /// A list of texts, split at a separator; lists stay.
    List {
        /// What stands between two of them; empty: a text is one element.
        separator: String,
    },
}

/// Where positions are plausible, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The least longitude.
    pub west: f64,
    /// The least latitude.
    pub south: f64,
    /// The greatest longitude.
    pub east: f64,
    /// The greatest latitude.
    pub north: f64,
}
