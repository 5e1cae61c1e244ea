//! Whether a place is one, and plausible.

use std::sync::Arc;

use kakehashi_values::crs::Crs;
use ngsi_ld::entity::{AttributeValue, Geometry, Position};

use super::findings::Finding;
use crate::language::Bounds;

/// A place as a value, unless it is impossible.
pub(super) fn located(geometry: Option<Geometry>, bounds: Option<Bounds>) -> Result<Option<AttributeValue>, Finding> {
    geometry
        .filter(|geometry| bounds.is_none_or(|bounds| bounds.hold(geometry)))
        .map(|geometry| Some(AttributeValue::GeoProperty(Box::new(geometry))))
        .ok_or(Finding::ImpossiblePosition)
}

impl Bounds {
    fn hold(self, geometry: &Geometry) -> bool {
        let inside = |position: &Position| {
            (self.west..=self.east).contains(&position.longitude)
                && (self.south..=self.north).contains(&position.latitude)
        };
        match geometry {
            Geometry::Point(position) => inside(position),
            Geometry::MultiPoint(line) | Geometry::LineString(line) => line.iter().all(inside),
            Geometry::MultiLineString(lines) | Geometry::Polygon(lines) => lines.iter().flatten().all(inside),
            Geometry::MultiPolygon(polygons) => polygons.iter().flatten().flatten().all(inside),
            Geometry::GeometryCollection(_) => geometry.members().iter().all(|one| self.hold(one)),
        }
    }
}

/// A point from degrees in a reference system.
pub(super) fn point(longitude: f64, latitude: f64, crs: Option<&Arc<Crs>>) -> Option<Geometry> {
    match crs {
        None => Geometry::point(longitude, latitude).ok(),
        Some(crs) => crs.position(longitude, latitude, None).ok().map(
            |Position {
                 longitude, latitude, ..
             }| {
                Geometry::Point(Position {
                    longitude,
                    latitude,
                    altitude: None,
                })
            },
        ),
    }
}
