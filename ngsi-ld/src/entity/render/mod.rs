//! Writing entities: normalized, concise and simplified (clauses 4.5.1 to 4.5.5, 4.5.18 to 4.5.24), and as
//! GeoJSON (clauses 4.5.16 and 4.5.17).
//!
//! One writer for every representation, straight into bytes: no tree in between, and no trace of the source's own
//! format. Names are compacted with the caller's context. It knows no HTTP: media types, lists that stream and
//! the choice of a representation are the caller's.

mod attribute;
mod geojson;
mod json;

pub use self::geojson::{render_feature, render_feature_collection};
use self::json::{write_member_name, write_string};
use super::{Entity, SystemAttributes};
use crate::context::Context;

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

/// How entities are written.
#[derive(Debug, Clone, Copy)]
pub struct Rendering<'a> {
    /// Gives the names.
    pub context: &'a Context,
    /// Which representation.
    pub format: Format,
    /// `sysAttrs`: whether `createdAt`, `modifiedAt` and `deletedAt` are shown. `expiresAt` always is.
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

/// Appends one entity, a JSON object.
pub fn render_entity(rendering: &Rendering<'_>, entity: &Entity, out: &mut Vec<u8>) {
    out.push(b'{');
    write_context(rendering, out);
    out.extend_from_slice(b"\"id\":");
    write_string(entity.id.as_str(), out);
    out.push(b',');
    write_entity_members(rendering, entity, out);
    out.push(b'}');
}

/// Appends a JSON array of entities.
pub fn render_entities<'e>(
    rendering: &Rendering<'_>,
    entities: impl IntoIterator<Item = &'e Entity>,
    out: &mut Vec<u8>,
) {
    write_array(out, entities, |entity, out| render_entity(rendering, entity, out));
}

/// `"@context":...,` if it is asked for.
fn write_context(rendering: &Rendering<'_>, out: &mut Vec<u8>) {
    if let Some(context) = rendering.context_member {
        out.extend_from_slice(b"\"@context\":");
        out.extend_from_slice(context.as_bytes());
        out.push(b',');
    }
}

/// The members that an entity and the properties of a Feature share: all but the id.
fn write_entity_members(rendering: &Rendering<'_>, entity: &Entity, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"type\":");
    write_one_or_more(out, &entity.types, |r#type, out| {
        write_name(rendering, r#type.as_str(), out);
    });
    if !entity.scopes.is_empty() {
        out.extend_from_slice(b",\"scope\":");
        write_one_or_more(out, &entity.scopes, |scope, out| write_string(scope, out));
    }
    write_system_attributes(rendering, &entity.system, out);
    for attribute in &entity.attributes {
        attribute::write_attribute(rendering, attribute, out);
    }
}

fn write_system_attributes(rendering: &Rendering<'_>, system: &SystemAttributes, out: &mut Vec<u8>) {
    let Some(dates) = system.dates() else { return };
    let on_demand = |date| Option::filter(date, |_| rendering.system_attributes);
    let members = [
        ("createdAt", on_demand(dates.created_at.as_ref())),
        ("modifiedAt", on_demand(dates.modified_at.as_ref())),
        ("deletedAt", on_demand(dates.deleted_at.as_ref())),
        ("expiresAt", dates.expires_at.as_ref()),
    ];
    for (name, date) in members {
        if let Some(date) = date {
            write_member_name(name, out);
            write_string(date.as_str(), out);
        }
    }
}

/// An expanded name, as the context shortens it.
fn write_name(rendering: &Rendering<'_>, iri: &str, out: &mut Vec<u8>) {
    write_string(&rendering.context.compact(iri), out);
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
mod tests;
