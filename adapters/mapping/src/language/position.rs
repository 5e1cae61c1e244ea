//! Places in one text or on a plane, and the reference systems of all places.

use std::sync::Arc;

use kakehashi_values::crs::Crs;
use kakehashi_values::positions::Order;
use toml::de::DeValue;

use super::error::Diagnostics;
use super::fields::{AttributeReader, named_slot};
use super::toml_table::{TomlTable, number_of};
use super::{Bounds, Rule};
use crate::record::Slot;

/// A place in one text.
#[derive(Debug, Clone)]
pub struct PlaceText {
    /// The field.
    pub slot: Slot,
    /// Which of both comes first.
    pub order: Order,
    /// Its reference system; `None`: WGS84.
    pub crs: Option<Arc<Crs>>,
    /// Where it is plausible.
    pub bounds: Option<Bounds>,
}

/// A place on a plane.
#[derive(Debug, Clone)]
pub struct PlanePlace {
    /// Metres to the north: X of the plane systems.
    pub northing: Slot,
    /// Metres to the east: Y.
    pub easting: Slot,
    /// The plane.
    pub crs: Arc<Crs>,
    /// Where it is plausible, in degrees.
    pub bounds: Option<Bounds>,
}

/// `{ position = "緯度経度", order = "lat,lng" }`
pub(super) fn read_position(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Rule> {
    const ORDERS: [(&str, Order); 2] = [("lat,lng", Order::LatitudeFirst), ("lng,lat", Order::LongitudeFirst)];
    let order = match table.text("order", diagnostics) {
        None => Order::default(),
        Some(located) => {
            let order = ORDERS.iter().find(|(name, _)| *name == located.text);
            if order.is_none() {
                let message = format!("unknown word `{}`: expected lat,lng or lng,lat", located.text);
                let names = ORDERS.map(|(name, _)| name);
                diagnostics.unknown(&located.span, &table.field_of("order"), message, located.text, names);
            }
            order?.1
        }
    };
    Some(Rule::Position(Box::new(PlaceText {
        slot: named_slot(table, "position", reader, diagnostics)?,
        order,
        crs: crs_of(table, reader, diagnostics),
        bounds: read_bounds(table, diagnostics),
    })))
}

/// `{ northing = "X", easting = "Y", crs = 6677 }`
pub(super) fn read_plane(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Rule> {
    let _ = table.required_text("easting", diagnostics);
    let northing = named_slot(table, "northing", reader, diagnostics);
    let easting = table
        .has("easting")
        .then(|| named_slot(table, "easting", reader, diagnostics));
    let had_errors = table.has("crs");
    let Some(crs) = crs_of(table, reader, diagnostics) else {
        if !had_errors {
            let message =
                "metres to the north and east are of a plane: add its EPSG code, such as crs = 6677 for plane IX";
            diagnostics.report(&table.span, &table.field, message);
        }
        return None;
    };
    if !crs.is_plane() {
        let message = format!(
            "EPSG:{} is in degrees: name the fields with latitude and longitude, or the code of a plane such as 6677",
            crs.epsg()
        );
        diagnostics.report(&table.span, &table.field_of("crs"), message);
        return None;
    }
    Some(Rule::Plane(Box::new(PlanePlace {
        northing: northing?,
        easting: easting??,
        crs,
        bounds: read_bounds(table, diagnostics),
    })))
}

/// The reference system of a place: its own, or that of the type or the file. `None`: WGS84, or wrong and reported.
pub(super) fn crs_of(
    table: &TomlTable<'_>,
    reader: &AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Arc<Crs>> {
    match table.has("crs") {
        true => read_crs(table, diagnostics),
        false => reader.crs.clone(),
    }
}

/// `crs = 6677`. `None`: it is not there, or wrong and reported.
pub(super) fn read_crs(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Arc<Crs>> {
    let value = table.get("crs")?;
    let code = match value.get_ref() {
        DeValue::Integer(integer) => u32::from_str_radix(integer.as_str(), integer.radix()).ok(),
        _ => None,
    };
    let crs = match code {
        Some(code) => Crs::shared(code).map_err(|unknown| unknown.to_string()),
        None => Err("expected the EPSG code of a reference system, such as 6668 or 6677".to_owned()),
    };
    crs.map_err(|message| diagnostics.report(&value.span(), &table.field_of("crs"), message))
        .ok()
}

/// Latitude and longitude are in degrees: a plane has none.
pub(super) fn degrees_of(
    table: &TomlTable<'_>,
    reader: &AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Arc<Crs>> {
    let crs = crs_of(table, reader, diagnostics)?;
    if crs.is_plane() {
        let message = format!(
            "EPSG:{} is a plane: write northing and easting in place of latitude and longitude",
            crs.epsg()
        );
        diagnostics.report(&table.span, &table.field, message);
    }
    Some(crs)
}

/// `bounds = [west, south, east, north]`, in degrees.
pub(super) fn read_bounds(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Bounds> {
    let value = table.get("bounds")?;
    let numbers: Vec<f64> = match value.get_ref() {
        DeValue::Array(items) => items.iter().filter_map(number_of).collect(),
        _ => Vec::new(),
    };
    match numbers.as_slice() {
        [west, south, east, north] if west < east && south < north => Some(Bounds {
            west: *west,
            south: *south,
            east: *east,
            north: *north,
        }),
        _ => {
            let message = "expected [west, south, east, north] in degrees, the smaller ones first";
            diagnostics.report(&value.span(), &table.field_of("bounds"), message);
            None
        }
    }
}
