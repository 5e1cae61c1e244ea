//! Entities as GeoJSON Features (clauses 4.5.16, 4.5.17, 5.2.29 to 5.2.31).

use super::json::{write_geometry, write_member_name, write_string};
use super::writer::Writer;
use super::{Representation, ShortNames, write_array, write_context, write_entity_members};
use crate::AttributeName;
use crate::entity::{AttributeValue, Entity, Geometry};
use crate::projection::EntityMember;

/// Appends one entity as a Feature. Its geometry is the value of the default instance of that GeoProperty, or of
/// its only instance; `null` when there is none. It is no member of the entity, so a projection leaves it.
//= 6.3.15-1
pub fn render_feature<'a>(
    representation: impl Into<Representation<'a>>,
    entity: &Entity,
    geometry_property: &AttributeName,
    out: &mut Vec<u8>,
) {
    write_feature(&Writer::new(representation.into()), entity, geometry_property, out);
}

/// Appends entities as a FeatureCollection; its Features have no `@context` of their own.
//= 4.5.16.3-1, 4.5.17.2-1, 5.7.2.4-20
pub fn render_feature_collection<'a, 'e>(
    representation: impl Into<Representation<'a>>,
    entities: impl IntoIterator<Item = &'e Entity>,
    geometry_property: &AttributeName,
    out: &mut Vec<u8>,
) {
    let mut representation = representation.into();
    open_feature_collection(representation, out);
    representation.rendering.context_member = None;
    let short_names = ShortNames::default();
    representation.short_names.get_or_insert(&short_names);
    let writer = Writer::new(representation);
    write_array(out, entities, |entity, out| {
        write_feature(&writer, entity, geometry_property, out);
    });
    out.push(b'}');
}

/// Appends a FeatureCollection up to its array of Features, for one that is written as its entities arrive. What
/// follows is an array of Features without `@context`, and `}`.
//= 5.2.30-1
pub fn open_feature_collection<'a>(representation: impl Into<Representation<'a>>, out: &mut Vec<u8>) {
    out.push(b'{');
    write_context(&Writer::new(representation.into()), out);
    write_member_name("type", out);
    out.extend_from_slice(b"\"FeatureCollection\",\"features\":");
}

//= 4.5.16.1-3, 4.5.16.2-1, 4.5.17.0-1, 4.5.17.1-1, 5.2.29-1
fn write_feature(writer: &Writer<'_>, entity: &Entity, geometry_property: &AttributeName, out: &mut Vec<u8>) {
    writer.begin_document(entity);
    out.push(b'{');
    write_context(writer, out);
    if writer.shows_member(EntityMember::Id) {
        write_member_name("id", out);
        write_string(entity.id.as_str(), out);
    }
    write_member_name("type", out);
    out.extend_from_slice(b"\"Feature\",\"geometry\":");
    match selected_geometry(entity, geometry_property) {
        Some(geometry) => write_geometry(geometry, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"properties\":{");
    write_entity_members(writer, entity, out);
    out.extend_from_slice(b"}}");
}

/// Clause 4.5.16.1.
//= 4.5.16.1-1, 4.5.16.1-2, 6.5.3.1-6
fn selected_geometry<'e>(entity: &'e Entity, property: &AttributeName) -> Option<&'e Geometry> {
    let instances = &entity.attribute(property)?.instances;
    let selected = match instances.as_slice() {
        [only] => only,
        several => several.iter().find(|instance| instance.dataset_id.is_none())?,
    };
    match &selected.value {
        AttributeValue::GeoProperty(geometry) => Some(geometry),
        _ => None,
    }
}
