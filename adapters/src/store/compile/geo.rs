//! The geo-query: bounding boxes leave out what is surely elsewhere. The relation itself stays with the
//! evaluator.

use ngsi_ld::query::{GeoQuery, GeoRelation};

use super::{Condition, Dialect, Statement, filter};
use crate::store::index::Bounds;

/// Fewer metres than a degree of latitude, or of longitude at the equator, has anywhere on WGS84 (110,574 at
/// the equator), less 1 % for the evaluator's arithmetic.
const METRES_PER_DEGREE: f64 = 109_400.0;

/// Nearer to a pole than this, meridians are so close that a box covers them all.
const POLAR_LATITUDE: f64 = 89.0;

pub(super) fn compile(geo: &GeoQuery, dialect: &dyn Dialect) -> Condition {
    let distance = match geo.relation {
        GeoRelation::Near { max: Some(max), .. } => Some(max),
        GeoRelation::Near { max: None, .. } | GeoRelation::Disjoint => None,
        GeoRelation::Within
        | GeoRelation::Contains
        | GeoRelation::Intersects
        | GeoRelation::Equals
        | GeoRelation::Overlaps => Some(0.0),
    };
    match (distance, Bounds::of(&geo.geometry)) {
        (Some(distance), Some(bounds)) => {
            let (bounds, any_longitude) = around(bounds, distance);
            let mut sql = Statement::default();
            dialect.has_location_in(&mut sql, geo.property.as_str(), &bounds, any_longitude);
            Condition::narrows(sql)
        }
        // Far away is almost everywhere; but it needs the attribute.
        _ => Condition::narrows(filter::has_attribute(geo.property.as_str())),
    }
}

/// Bounds that contain every place within `metres` of some bounds, and whether they go around the globe.
fn around(bounds: Bounds, metres: f64) -> (Bounds, bool) {
    let north_south = metres / METRES_PER_DEGREE;
    let min_latitude = bounds.min_latitude - north_south;
    let max_latitude = bounds.max_latitude + north_south;
    let farthest_latitude = min_latitude.abs().max(max_latitude.abs());
    let east_west = if metres == 0.0 {
        0.0
    } else if farthest_latitude < POLAR_LATITUDE {
        north_south / farthest_latitude.to_radians().cos()
    } else {
        f64::INFINITY
    };
    let min_longitude = bounds.min_longitude - east_west;
    let max_longitude = bounds.max_longitude + east_west;
    let crosses_antimeridian = metres > 0.0 && (min_longitude < -180.0 || max_longitude > 180.0);
    let around = Bounds {
        min_longitude,
        max_longitude,
        min_latitude,
        max_latitude,
    };
    (around, crosses_antimeridian)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(longitude: f64, latitude: f64) -> Bounds {
        Bounds {
            min_longitude: longitude,
            max_longitude: longitude,
            min_latitude: latitude,
            max_latitude: latitude,
        }
    }

    #[test]
    fn a_box_is_wider_than_the_distance_and_not_much() {
        // Sano: a degree of latitude has 110,950 m, one of longitude 89,800 m.
        let (bounds, any_longitude) = around(point(139.6, 36.3), 1_000.0);
        assert!(!any_longitude);
        let height = (bounds.max_latitude - bounds.min_latitude) * 110_950.0;
        let width = (bounds.max_longitude - bounds.min_longitude) * 89_800.0;
        assert!((2_000.0..2_050.0).contains(&height), "{height}");
        assert!((2_000.0..2_050.0).contains(&width), "{width}");
    }

    #[test]
    fn poles_and_the_antimeridian_open_the_box() {
        assert!(around(point(0.0, 89.9), 1_000.0).1);
        assert!(around(point(179.999, 0.0), 1_000.0).1);
        assert!(around(point(0.0, 0.0), 15_000_000.0).1);
        assert!(!around(point(180.0, 0.0), 0.0).1);
    }
}
