//! Where an entity must be at all to meet a geo-query: a box, so that an index leaves out what is surely elsewhere. The relation
//! itself stays with the evaluator.

use super::{GeoQuery, GeoRelation};
use crate::entity::{Geometry, Position};

/// Fewer metres than a degree of latitude, or of longitude at the equator, has anywhere on WGS84 (110,574 at
/// the equator), less 1 % for the evaluator's arithmetic.
const METRES_PER_DEGREE: f64 = 109_400.0;

/// Nearer to a pole than this, meridians are so close that a box covers them all.
const POLAR_LATITUDE: f64 = 89.0;

/// A rectangle in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// Its west.
    pub min_longitude: f64,
    /// Its east.
    pub max_longitude: f64,
    /// Its south.
    pub min_latitude: f64,
    /// Its north.
    pub max_latitude: f64,
}

impl BoundingBox {
    /// The smallest one around a geometry; `None` when it has no position.
    #[must_use]
    pub fn of(geometry: &Geometry) -> Option<Self> {
        if let Geometry::GeometryCollection(_) = geometry {
            return geometry.members().iter().filter_map(Self::of).reduce(Self::and);
        }
        let mut bounds: Option<Self> = None;
        let mut include = |position: &Position| {
            let Position {
                longitude, latitude, ..
            } = *position;
            bounds = Some(bounds.map_or(
                Self {
                    min_longitude: longitude,
                    max_longitude: longitude,
                    min_latitude: latitude,
                    max_latitude: latitude,
                },
                |bounds| Self {
                    min_longitude: bounds.min_longitude.min(longitude),
                    max_longitude: bounds.max_longitude.max(longitude),
                    min_latitude: bounds.min_latitude.min(latitude),
                    max_latitude: bounds.max_latitude.max(latitude),
                },
            ));
        };
        match geometry {
            Geometry::Point(position) => include(position),
            Geometry::MultiPoint(positions) | Geometry::LineString(positions) => positions.iter().for_each(include),
            Geometry::MultiLineString(lines) | Geometry::Polygon(lines) => lines.iter().flatten().for_each(include),
            Geometry::MultiPolygon(polygons) => polygons.iter().flatten().flatten().for_each(include),
            Geometry::GeometryCollection(_) => {}
        }
        bounds
    }

    /// The one that contains both.
    fn and(self, other: Self) -> Self {
        Self {
            min_longitude: self.min_longitude.min(other.min_longitude),
            max_longitude: self.max_longitude.max(other.max_longitude),
            min_latitude: self.min_latitude.min(other.min_latitude),
            max_latitude: self.max_latitude.max(other.max_latitude),
        }
    }

    /// One that contains every place within `metres` of this one, as far as the globe is not gone around.
    #[must_use]
    pub fn around(self, metres: f64) -> Self {
        let north_south = metres / METRES_PER_DEGREE;
        let min_latitude = self.min_latitude - north_south;
        let max_latitude = self.max_latitude + north_south;
        let farthest_latitude = min_latitude.abs().max(max_latitude.abs());
        let east_west = if metres == 0.0 {
            0.0
        } else if farthest_latitude < POLAR_LATITUDE {
            north_south / farthest_latitude.to_radians().cos()
        } else {
            f64::INFINITY
        };
        Self {
            min_longitude: self.min_longitude - east_west,
            max_longitude: self.max_longitude + east_west,
            min_latitude,
            max_latitude,
        }
    }

    /// Whether what stands at any longitude may touch it: what touches the antimeridian touches what stands on its other side,
    /// 360 degrees away.
    #[must_use]
    pub fn meets_antimeridian(&self) -> bool {
        self.min_longitude <= -180.0 || self.max_longitude >= 180.0
    }
}

impl GeoRelation {
    /// How far from the geometry of the query, in metres, an entity may be; `None`: anywhere.
    fn reach(self) -> Option<f64> {
        match self {
            Self::Near { max, .. } => max,
            Self::Disjoint => None,
            Self::Within | Self::Contains | Self::Intersects | Self::Equals | Self::Overlaps => Some(0.0),
        }
    }
}

impl GeoQuery {
    /// The box that the place of an entity must meet; `None`: it may be anywhere.
    #[must_use]
    pub fn surroundings(&self) -> Option<BoundingBox> {
        let metres = self.relation.reach()?;
        Some(BoundingBox::of(self.geometry.geometry())?.around(metres))
    }
}
