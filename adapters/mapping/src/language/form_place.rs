//! Places: from two fields, or from one that holds a geometry.

use toml::de::DeValue;

use super::error::Diagnostics;
use super::fields::{AttributeReader, named_slot};
use super::path::JsonPath;
use super::position::{crs_of, degrees_of, read_bounds};
use super::toml_table::TomlTable;
use super::{Format, Rule};
use crate::record::Slot;

/// `{ latitude = "ido", longitude = "keido" }`
pub(super) fn read_point(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Rule> {
    let _ = table.required_text("longitude", diagnostics);
    let latitude = named_slot(table, "latitude", reader, diagnostics);
    let longitude = table
        .has("longitude")
        .then(|| named_slot(table, "longitude", reader, diagnostics));
    Some(Rule::Point {
        latitude: latitude?,
        longitude: longitude??,
        crs: degrees_of(table, reader, diagnostics),
        bounds: read_bounds(table, diagnostics),
    })
}

/// `{ geometry = "geom" }`
pub(super) fn read_geometry(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Rule> {
    Some(Rule::Geometry {
        slot: geometry_slot(table, reader, diagnostics)?,
        crs: crs_of(table, reader, diagnostics),
        bounds: read_bounds(table, diagnostics),
    })
}

/// `geometry = true` is the geometry of a GeoJSON Feature; a text names the field that holds one.
fn geometry_slot(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Slot> {
    let value = table.get("geometry")?;
    match value.get_ref() {
        DeValue::Boolean(true) if reader.format == Format::GeoJson => {
            Some(reader.fields.slot(&JsonPath::member("geometry")))
        }
        DeValue::Boolean(_) => {
            let message = "`true` means the geometry of a GeoJSON Feature; name the field that holds the geometry";
            diagnostics.report(&value.span(), &table.field_of("geometry"), message);
            None
        }
        _ => named_slot(table, "geometry", reader, diagnostics),
    }
}
