//! Entities as GeoJSON Features (clauses 4.5.16, 4.5.17, 5.2.29 to 5.2.31).

use super::json::{write_geometry, write_string};
use super::{Rendering, write_array, write_context, write_entity_members};
use crate::AttributeName;
use crate::entity::{AttributeValue, Entity, Geometry};

/// Appends one entity as a Feature. Its geometry is the value of the default instance of that GeoProperty, or of
/// its only instance; `null` when there is none.
pub fn render_feature(
    rendering: &Rendering<'_>,
    entity: &Entity,
    geometry_property: &AttributeName,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    write_context(rendering, out);
    out.extend_from_slice(b"\"id\":");
    write_string(entity.id.as_str(), out);
    out.extend_from_slice(b",\"type\":\"Feature\",\"geometry\":");
    match selected_geometry(entity, geometry_property) {
        Some(geometry) => write_geometry(geometry, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"properties\":{");
    write_entity_members(rendering, entity, out);
    out.extend_from_slice(b"}}");
}

/// Appends entities as a FeatureCollection; its Features have no `@context` of their own.
pub fn render_feature_collection<'e>(
    rendering: &Rendering<'_>,
    entities: impl IntoIterator<Item = &'e Entity>,
    geometry_property: &AttributeName,
    out: &mut Vec<u8>,
) {
    let inner = Rendering {
        context_member: None,
        ..*rendering
    };
    out.push(b'{');
    write_context(rendering, out);
    out.extend_from_slice(b"\"type\":\"FeatureCollection\",\"features\":");
    write_array(out, entities, |entity, out| {
        render_feature(&inner, entity, geometry_property, out);
    });
    out.push(b'}');
}

/// Clause 4.5.16.1.
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
