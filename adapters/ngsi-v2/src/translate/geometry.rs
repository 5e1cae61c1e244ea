//! Places. The texts of NGSI-v2 are `latitude,longitude`; GeoJSON is longitude first.

use std::borrow::Cow;

use ngsi_ld::entity::{Geometry, Position};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::strings::{string_of, strings_of};

pub(super) fn is_geometry_type(v2_type: &str) -> bool {
    matches!(
        v2_type,
        "geo:json" | "geo:point" | "geo:line" | "geo:box" | "geo:polygon"
    )
}

/// The geometry that a value says; `None` when it says none that can be on the globe.
pub(super) fn parse(v2_type: &str, json: &str) -> Option<Geometry> {
    let geometry = match v2_type {
        "geo:json" => return geo_json(json),
        "geo:point" => Geometry::Point(position(&string_of(json)?)?),
        "geo:line" => Geometry::LineString(positions(json)?),
        "geo:polygon" => Geometry::Polygon(vec![positions(json)?]),
        "geo:box" => bounding_box(&positions(json)?)?,
        _ => return None,
    };
    geometry.check().is_ok().then_some(geometry)
}

/// A geometry, or the geometry of a Feature.
fn geo_json(json: &str) -> Option<Geometry> {
    #[derive(Deserialize)]
    struct Feature<'a> {
        #[serde(borrow)]
        geometry: Option<&'a RawValue>,
    }
    Geometry::parse(json).ok().or_else(|| {
        let feature: Feature<'_> = serde_json::from_str(json).ok()?;
        Geometry::parse(feature.geometry?.get()).ok()
    })
}

/// `latitude,longitude`
fn position(text: &str) -> Option<Position> {
    let (latitude, longitude) = text.split_once(',')?;
    Some(Position::new(
        longitude.trim().parse().ok()?,
        latitude.trim().parse().ok()?,
    ))
}

fn positions(json: &str) -> Option<Vec<Position>> {
    strings_of(json)?
        .iter()
        .map(|text: &Cow<'_, str>| position(text))
        .collect()
}

/// The ring around two opposite corners, counter-clockwise (RFC 7946 section 3.1.6).
fn bounding_box(corners: &[Position]) -> Option<Geometry> {
    let [a, b] = corners else { return None };
    let (west, east) = (a.longitude.min(b.longitude), a.longitude.max(b.longitude));
    let (south, north) = (a.latitude.min(b.latitude), a.latitude.max(b.latitude));
    Some(Geometry::Polygon(vec![vec![
        Position::new(west, south),
        Position::new(east, south),
        Position::new(east, north),
        Position::new(west, north),
        Position::new(west, south),
    ]]))
}
