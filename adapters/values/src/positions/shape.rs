//! Geometries in another writing or another reference system, as geometries of the view.
//!
//! WKT is read here and not by a library: the one that is in use writes what it cannot read to the log, where no value of a
//! file may be.

use std::fmt::Write;

use ngsi_ld::entity::{Geometry, InvalidGeometry, Position};
use serde_json::Value;

use crate::Unread;
use crate::crs::{Crs, of_name};

/// Longest geometry that is looked at, in bytes: outlines of municipalities in full detail have some megabytes.
pub const LONGEST_GEOMETRY: usize = 16 * 1024 * 1024;

/// Reads WKT: `POINT (139.57 36.31)`, `POINT Z (139.57 36.31 25)`, lines, polygons and several of them; longitude or easting
/// first. `SRID=6668;` in front overrules the system of the caller.
///
/// # Errors
/// Why the text is none; a collection of geometries is none.
pub fn wkt(text: &str, crs: &Crs) -> Result<Geometry, Unread> {
    if text.len() > LONGEST_GEOMETRY {
        return Err(Unread::TooLong);
    }
    let text = text.trim();
    let (own, text) = match text.get(..5) {
        Some(begin) if begin.eq_ignore_ascii_case("SRID=") => {
            let (system, rest) = text.split_once(';').ok_or(Unread::NoPosition)?;
            let code = system.get(5..).unwrap_or_default();
            let crs = of_name(&format!("EPSG:{code}")).map_err(|_| Unread::NoPosition)?;
            (Some(crs), rest.trim())
        }
        _ => (None, text),
    };
    let crs = own.as_ref().unwrap_or(crs);
    let open = text.find('(').ok_or(Unread::NoPosition)?;
    let (head, body) = text.split_at_checked(open).ok_or(Unread::NoPosition)?;
    let head = head.trim().to_ascii_uppercase();
    let (name, has_height, has_measure) = dimensions(&head);
    // How many brackets are around a position.
    let (type_name, depth) = match name {
        "POINT" => ("Point", 1),
        "LINESTRING" => ("LineString", 1),
        "MULTIPOINT" => ("MultiPoint", 1),
        "POLYGON" => ("Polygon", 2),
        "MULTILINESTRING" => ("MultiLineString", 2),
        "MULTIPOLYGON" => ("MultiPolygon", 3),
        _ => return Err(Unread::NoPosition),
    };
    // `MULTIPOINT ((1 2), (3 4))` is written as well as `MULTIPOINT (1 2, 3 4)`.
    let loose: String;
    let body = if name == "MULTIPOINT" {
        let inside = body
            .trim_end()
            .strip_prefix('(')
            .and_then(|body| body.strip_suffix(')'));
        loose = format!("({})", inside.ok_or(Unread::NoPosition)?.replace(['(', ')'], " "));
        &loose
    } else {
        body
    };
    let mut json = String::with_capacity(body.len());
    let mut level = 0usize;
    let mut rest = body;
    while let Some(at) = rest.find(['(', ')', ',']) {
        let (before, after) = rest.split_at_checked(at).ok_or(Unread::NoPosition)?;
        let mut behind = after.chars();
        let sign = behind.next().unwrap_or_default();
        if !before.trim().is_empty() {
            if level != depth || sign == '(' {
                return Err(Unread::NoPosition);
            }
            push(&mut json, coordinates(before, has_height, has_measure, crs)?);
        }
        match sign {
            '(' => {
                level += 1;
                json.push('[');
            }
            ')' => {
                level = level.checked_sub(1).ok_or(Unread::NoPosition)?;
                json.push(']');
            }
            _ => json.push(','),
        }
        if level > depth {
            return Err(Unread::NoPosition);
        }
        rest = behind.as_str();
    }
    if level != 0 || !rest.trim().is_empty() {
        return Err(Unread::NoPosition);
    }
    let coordinates = match type_name {
        "Point" => json
            .strip_prefix('[')
            .and_then(|json| json.strip_suffix(']'))
            .ok_or(Unread::NoPosition)?,
        _ => &json,
    };
    Geometry::from_coordinates(type_name, coordinates).map_err(unread)
}

/// The name of a type, and whether its positions have a height and a measure.
fn dimensions(head: &str) -> (&str, Option<bool>, bool) {
    let (name, dimensions) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
    match (name, dimensions.trim()) {
        (name, "ZM") => (name, Some(true), true),
        (name, "Z") => (name, Some(true), false),
        (name, "M") => (name, Some(false), true),
        (name, "") => match name.strip_suffix('Z').filter(|name| !name.is_empty()) {
            Some(name) => (name, Some(true), false),
            None => (name, None, false),
        },
        _ => ("", None, false),
    }
}

fn coordinates(text: &str, has_height: Option<bool>, has_measure: bool, crs: &Crs) -> Result<Position, Unread> {
    let number = |text: &str| {
        ngsi_ld::entity::Number::parse_f64(text)
            .or_else(|| text.parse().ok())
            .filter(|number: &f64| number.is_finite())
    };
    let numbers: Option<Vec<f64>> = text.split_ascii_whitespace().map(number).collect();
    let (x, y, height) = match (numbers.as_deref(), has_height, has_measure) {
        (Some([x, y, z]), None | Some(true), false) | (Some([x, y, z, _]), Some(true), true) => (*x, *y, Some(*z)),
        (Some([x, y]), None, false) | (Some([x, y, _]), Some(false), true) => (*x, *y, None),
        _ => return Err(Unread::NoPosition),
    };
    crs.position(x, y, height)
}

fn push(json: &mut String, position: Position) {
    let Position {
        longitude,
        latitude,
        altitude,
    } = position;
    // Writing to a text cannot fail.
    let _ = match altitude {
        Some(altitude) => write!(json, "[{longitude},{latitude},{altitude}]"),
        None => write!(json, "[{longitude},{latitude}]"),
    };
}

/// Reads a geometry of GeoJSON whose coordinates are of another reference system, easting or longitude first.
///
/// # Errors
/// Why it is none.
pub fn geometry(json: &str, crs: &Crs) -> Result<Geometry, Unread> {
    if json.len() > LONGEST_GEOMETRY {
        return Err(Unread::TooLong);
    }
    if *crs == Crs::wgs84() {
        return Geometry::parse(json).map_err(unread);
    }
    let geometry: Value = serde_json::from_str(json).map_err(|_| Unread::NoPosition)?;
    let type_name = geometry.get("type").and_then(Value::as_str).ok_or(Unread::NoPosition)?;
    let mut converted = String::with_capacity(json.len());
    convert(
        geometry.get("coordinates").ok_or(Unread::NoPosition)?,
        crs,
        &mut converted,
    )?;
    Geometry::from_coordinates(type_name, &converted).map_err(unread)
}

/// Lists within lists; those of numbers are positions. `serde_json` has bounded how deep they are.
fn convert(value: &Value, crs: &Crs, json: &mut String) -> Result<(), Unread> {
    let Value::Array(items) = value else {
        return Err(Unread::NoPosition);
    };
    let numbers: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
    match numbers.as_deref() {
        Some([x, y]) => push(json, crs.position(*x, *y, None)?),
        Some([x, y, z, ..]) => push(json, crs.position(*x, *y, Some(*z))?),
        Some([_]) => return Err(Unread::NoPosition),
        Some([]) | None => {
            json.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    json.push(',');
                }
                convert(item, crs, json)?;
            }
            json.push(']');
        }
    }
    Ok(())
}

const fn unread(error: InvalidGeometry) -> Unread {
    match error {
        InvalidGeometry::OutOfRange => Unread::ImpossiblePosition,
        InvalidGeometry::Swapped => Unread::Swapped,
        _ => Unread::NoPosition,
    }
}
