//! Places. The texts of NGSI-v2 are `latitude,longitude`; GeoJSON is longitude first.

use std::borrow::Cow;

use ngsi_ld::entity::{Geometry, Position};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::strings::{string_of, strings_of};
use kakehashi_contract::Reshaped;

/// The type of places that are GeoJSON.
pub(super) const GEO_JSON: &str = "geo:json";

/// Collections of geometries in collections that are looked into. RFC 7946 (section 3.1.8) advises against any.
const MOST_NESTED: usize = 8;

pub(super) fn is_geometry_type(v2_type: &str) -> bool {
    matches!(v2_type, GEO_JSON | "geo:point" | "geo:line" | "geo:box" | "geo:polygon")
}

/// The geometry that a value says; `None` when it says none that can be on the globe.
pub(super) fn parse(v2_type: &str, json: &str, reshaped: &mut Reshaped) -> Option<Geometry> {
    let geometry = match v2_type {
        GEO_JSON => return geo_json(json, reshaped),
        "geo:point" => Geometry::Point(position(&string_of(json)?)?),
        "geo:line" => Geometry::LineString(positions(json)?),
        "geo:polygon" => Geometry::Polygon(vec![positions(json)?]),
        "geo:box" => bounding_box(&positions(json)?)?,
        _ => return None,
    };
    geometry.check().is_ok().then_some(geometry)
}

/// What GeoJSON has beside geometries with coordinates (RFC 7946 sections 3.1.8 to 3.3).
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    geometry: Option<&'a RawValue>,
    #[serde(borrow)]
    geometries: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    features: Option<Vec<&'a RawValue>>,
}

/// A geometry, that of a Feature, or those of several. A Feature without one says nothing; one with something else in its place
/// makes the whole unusable, since nobody could tell what is missing.
fn geo_json(json: &str, reshaped: &mut Reshaped) -> Option<Geometry> {
    if let Ok(geometry) = Geometry::parse(json) {
        return Some(geometry);
    }
    let object: Object<'_> = serde_json::from_str(json).ok()?;
    match &*object.r#type {
        "Feature" => {
            let geometry = of_feature(&object)??;
            reshaped.geometry += 1;
            Some(geometry)
        }
        "FeatureCollection" => {
            let mut geometries = Vec::new();
            for feature in object.features? {
                let feature: Object<'_> = serde_json::from_str(feature.get()).ok()?;
                geometries.extend(of_feature(&feature).filter(|_| feature.r#type == "Feature")?);
            }
            let geometry = Geometry::collected(geometries)?;
            match geometry {
                Geometry::GeometryCollection(_) => reshaped.collection += 1,
                _ => reshaped.geometry += 1,
            }
            Some(geometry)
        }
        _ => collection(&object, MOST_NESTED),
    }
}

/// The geometry of a Feature; inside, `None`: it says that it has none.
#[expect(clippy::option_option, reason = "no geometry, and one that is none, are two things")]
fn of_feature(feature: &Object<'_>) -> Option<Option<Geometry>> {
    match feature.geometry.map(RawValue::get) {
        None | Some("null") => Some(None),
        Some(json) => geometry(json, MOST_NESTED).map(Some),
    }
}

/// A geometry, which may be a collection with so many others in each other.
fn geometry(json: &str, nested: usize) -> Option<Geometry> {
    Geometry::parse(json)
        .ok()
        .or_else(|| collection(&serde_json::from_str(json).ok()?, nested))
}

fn collection(object: &Object<'_>, nested: usize) -> Option<Geometry> {
    let nested = nested.checked_sub(1)?;
    let geometries = object
        .geometries
        .as_ref()
        .filter(|_| object.r#type == "GeometryCollection")?;
    let members: Option<Vec<Geometry>> = geometries.iter().map(|one| geometry(one.get(), nested)).collect();
    Geometry::collected(members?)
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
