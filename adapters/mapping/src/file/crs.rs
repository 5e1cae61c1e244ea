//! In which reference system the places of a file are.

use kakehashi_formats::FormatError;
use kakehashi_formats::shapefile::Converter;
use kakehashi_values::crs::{Crs, of_name};
use serde::Deserialize;

use crate::language::{Rule, TypeMapping};

/// Farther than this from WGS84 places are converted: less is less than the maps are drawn with.
const SAME_METRES: f64 = 2.0;

/// What converts the places of a Shapefile with this `.prj`.
pub(crate) fn of_prj(text: &str) -> Result<Converter, String> {
    let crs = kakehashi_values::crs::of_prj(text).map_err(|error| error.to_string())?;
    Ok(Box::new(move |easting, northing| {
        let position = crs.position(easting, northing, None).ok()?;
        Some((position.longitude, position.latitude))
    }))
}

/// Whether the places of a GeoJSON file are where the mapping takes them to be: a `crs` of another system is refused by its name,
/// unless the mapping says itself which one it is.
///
/// # Errors
/// [`FormatError::Refused`]
pub(super) fn check(mapping: &TypeMapping, json: &str) -> Result<(), FormatError> {
    if memchr::memmem::find(json.as_bytes(), b"\"crs\"").is_none() {
        return Ok(());
    }
    let Ok(Document { crs: Some(named) }) = serde_json::from_str(json) else {
        return Ok(());
    };
    let says_itself = mapping.attributes.iter().any(|one| match &one.rule {
        Rule::Geometry { crs, .. } | Rule::Point { crs, .. } => crs.is_some(),
        _ => false,
    });
    let name = named.properties.name;
    match of_name(&name) {
        _ if says_itself => Ok(()),
        Ok(crs) if !crs.is_plane() && crs.accuracy() <= SAME_METRES => Ok(()),
        Ok(crs) => Err(FormatError::Refused(told(&name, &crs))),
        Err(unknown) => Err(FormatError::Refused(format!("its `crs` is {name:.80}: {unknown}"))),
    }
}

fn told(name: &str, crs: &Crs) -> String {
    let code = crs.epsg();
    format!("its `crs` is {name:.80}, and not WGS84: write `crs = {code}` in the mapping, and its places are converted")
}

#[derive(Deserialize)]
struct Document {
    crs: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    properties: Properties,
}

#[derive(Deserialize)]
struct Properties {
    name: String,
}
