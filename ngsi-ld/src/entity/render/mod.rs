//! Writing entities: normalized, concise and simplified (clauses 4.5.1 to 4.5.5, 4.5.18 to 4.5.24), and as
//! GeoJSON (clauses 4.5.16 and 4.5.17).
//!
//! One writer for every representation, straight into bytes: no tree in between, and no trace of the source's own
//! format. Names are compacted with the caller's context. It knows no HTTP: media types, lists that stream and
//! the choice of a representation are the caller's.

mod attribute;
mod canonical;
mod geojson;
mod json;
mod linked;
mod short_names;
mod writer;

pub use self::canonical::write_canonical;
pub use self::geojson::{open_feature_collection, render_feature, render_feature_collection};
use self::json::{write_date, write_member_name, write_string};
pub use self::linked::{LinkTo, LinkedEntities, links, links_of};
pub use self::short_names::ShortNames;
use self::writer::Writer;
use super::language::LanguageFilter;
use super::{Entity, Geometry, LanguageMap, SystemAttributes};
use crate::context::Context;
use crate::projection::{EntityMember, Shown};

/// The representations of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Clause 4.5.1: every member.
    #[default]
    Normalized,
    /// The same information, without what can be inferred.
    Concise,
    /// Clause 4.5.4: values alone.
    Simplified,
}

/// A geometry as GeoJSON (RFC 7946 section 3.1).
#[must_use]
pub fn geo_json(geometry: &Geometry) -> String {
    let mut json = Vec::new();
    json::write_geometry(geometry, &mut json);
    // What was written is text.
    String::from_utf8(json).unwrap_or_default()
}

/// How entities are written.
#[derive(Debug, Clone, Copy)]
pub struct Rendering<'a> {
    /// Gives the names.
    pub context: &'a Context,
    /// Which representation.
    pub format: Format,
    /// `sysAttrs`: whether `createdAt`, `modifiedAt`, `deletedAt` and `expiresAt` are shown (clause 6.3.11).
    pub system_attributes: bool,
    /// The JSON text of the member `@context` (a URL in quotes, or an array) for `application/ld+json`; the
    /// member is left out when there is none.
    pub context_member: Option<&'a str>,
}

impl<'a> Rendering<'a> {
    /// Without system attributes and `@context`.
    #[must_use]
    pub const fn new(context: &'a Context, format: Format) -> Self {
        Self {
            context,
            format,
            system_attributes: false,
            context_member: None,
        }
    }
}

/// A rendering, and what it shows. A [`Rendering`] alone shows everything; wherever one is asked for, it will do.
#[derive(Debug, Clone, Copy)]
pub struct Representation<'a> {
    /// How entities are written.
    pub rendering: Rendering<'a>,
    /// `lang`: LanguageProperties are shown as Properties with the text of one language (clause 4.15).
    pub language: Option<&'a LanguageFilter>,
    /// `pick`, `omit` and `attrs` (clause 4.21).
    pub shown: Shown<'a>,
    /// Entities that are shown inside of the relationships that lead to them (clause 4.5.23.2).
    pub linked: Option<&'a LinkedEntities>,
    /// What is remembered of names between several documents that are written under the same context.
    pub short_names: Option<&'a ShortNames>,
}

impl<'a> From<&Rendering<'a>> for Representation<'a> {
    fn from(rendering: &Rendering<'a>) -> Self {
        Self {
            rendering: *rendering,
            language: None,
            shown: Shown::default(),
            linked: None,
            short_names: None,
        }
    }
}

/// Appends one entity, a JSON object.
pub fn render_entity<'a>(representation: impl Into<Representation<'a>>, entity: &Entity, out: &mut Vec<u8>) {
    write_document(&Writer::new(representation.into()), entity, out);
}

/// Appends a JSON array of entities.
pub fn render_entities<'a, 'e>(
    representation: impl Into<Representation<'a>>,
    entities: impl IntoIterator<Item = &'e Entity>,
    out: &mut Vec<u8>,
) {
    let short_names = ShortNames::default();
    let mut representation = representation.into();
    representation.short_names.get_or_insert(&short_names);
    let writer = Writer::new(representation);
    write_array(out, entities, |entity, out| write_document(&writer, entity, out));
}

/// The texts of a LanguageProperty as a JSON object.
pub(super) fn language_map_json(map: &LanguageMap) -> Vec<u8> {
    let mut json = Vec::new();
    attribute::write_language_map(map, &mut json);
    json
}

/// An entity with its `@context`.
fn write_document(writer: &Writer<'_>, entity: &Entity, out: &mut Vec<u8>) {
    writer.begin_document(entity);
    out.push(b'{');
    write_context(writer, out);
    write_entity(writer, entity, out);
    out.push(b'}');
}

/// The members of an entity.
fn write_entity(writer: &Writer<'_>, entity: &Entity, out: &mut Vec<u8>) {
    if writer.shows_member(EntityMember::Id) {
        write_member_name("id", out);
        write_string(entity.id.as_str(), out);
    }
    write_entity_members(writer, entity, out);
}

/// `"@context":...` if it is asked for.
//= 4.4-3, 5.2.3-1
fn write_context(writer: &Writer<'_>, out: &mut Vec<u8>) {
    if let Some(context) = writer.rendering().context_member {
        out.extend_from_slice(b"\"@context\":");
        out.extend_from_slice(context.as_bytes());
    }
}

/// The members that an entity and the properties of a Feature share: all but the id.
//= 4.4-1, 4.5.1-1, 4.5.4-2
fn write_entity_members(writer: &Writer<'_>, entity: &Entity, out: &mut Vec<u8>) {
    if writer.shows_member(EntityMember::Type) {
        write_member_name("type", out);
        write_one_or_more(out, &entity.types, |r#type, out| {
            writer.write_name(r#type.iri(), out);
        });
    }
    if !entity.scopes.is_empty() && writer.shows_member(EntityMember::Scope) {
        write_member_name("scope", out);
        write_one_or_more(out, &entity.scopes, |scope, out| write_string(scope, out));
    }
    write_system_attributes(writer, &entity.system, |member| writer.shows_member(member), out);
    for attribute in &entity.attributes {
        if writer.shows_attribute(&attribute.name) {
            attribute::write_attribute(writer, attribute, out);
        }
    }
}

//= 4.8-1, 4.8-2, 5.2.2-3, 6.3.11-2, 6.3.11-3
fn write_system_attributes(
    writer: &Writer<'_>,
    system: &SystemAttributes,
    shows: impl Fn(EntityMember) -> bool,
    out: &mut Vec<u8>,
) {
    let Some(dates) = system.dates().filter(|_| writer.rendering().system_attributes) else {
        return;
    };
    let members = [
        ("createdAt", EntityMember::CreatedAt, &dates.created_at),
        ("modifiedAt", EntityMember::ModifiedAt, &dates.modified_at),
        ("deletedAt", EntityMember::DeletedAt, &dates.deleted_at),
        ("expiresAt", EntityMember::ExpiresAt, &dates.expires_at),
    ];
    for (name, member, date) in members {
        if let Some(date) = date.as_ref().filter(|_| shows(member)) {
            write_member_name(name, out);
            write_date(date, out);
        }
    }
}

/// One value alone, several as an array.
fn write_one_or_more<T>(out: &mut Vec<u8>, values: &[T], write: impl Fn(&T, &mut Vec<u8>)) {
    match values {
        [value] => write(value, out),
        values => write_array(out, values, write),
    }
}

fn write_array<T>(out: &mut Vec<u8>, values: impl IntoIterator<Item = T>, write: impl Fn(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(value, out);
    }
    out.push(b']');
}

#[cfg(test)]
mod shown_tests;
#[cfg(test)]
mod tests;
