//! The geo-query: bounding boxes leave out what is surely elsewhere. The relation itself is judged.

use ngsi_ld::query::GeoQuery;

use super::{Condition, Dialect, Statement, filter};

pub(super) fn compile(geo: &GeoQuery, dialect: &dyn Dialect) -> Condition {
    let narrows = Condition::narrows(filter::has_attribute(geo.property.as_str()));
    let Some(bounds) = geo.surroundings() else {
        // Far away is almost everywhere; but it needs the attribute.
        return narrows;
    };
    let mut keys = Statement::default();
    dialect.located_in(&mut keys, geo.property.as_str(), &bounds, bounds.meets_antimeridian());
    Condition {
        keys: Some(keys),
        ..narrows
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::entity::Geometry;
    use ngsi_ld::query::distance_metres;
    use proptest::prelude::*;

    use crate::index::Bounds;
    use crate::samples::geometries;

    /// Bounds that contain every place within `metres` of some bounds, and whether they go around the globe.
    fn around(bounds: Bounds, metres: f64) -> (Bounds, bool) {
        let around = bounds.around(metres);
        (around, around.meets_antimeridian())
    }

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

    proptest! {
        /// The tightest case: the distance asked for is that of the geometry itself.
        #[test]
        fn whatever_is_within_the_distance_meets_the_box(
            target in geometries(), reference in geometries(), shift in (-180.0..180.0_f64, -80.0..80.0_f64),
        ) {
            let far = Geometry::point(shift.0, shift.1).unwrap();
            for target in [target, far] {
                let metres = distance_metres(&target, &reference);
                let (bounds, any_longitude) = around(Bounds::of(&reference).unwrap(), metres);
                let target = Bounds::of(&target).unwrap();
                let meets_latitude =
                    target.max_latitude >= bounds.min_latitude && target.min_latitude <= bounds.max_latitude;
                let meets_longitude =
                    target.max_longitude >= bounds.min_longitude && target.min_longitude <= bounds.max_longitude;
                prop_assert!(meets_latitude && (any_longitude || meets_longitude), "{target:?} {bounds:?}");
            }
        }
    }

    #[test]
    fn poles_and_the_antimeridian_open_the_box() {
        assert!(around(point(0.0, 89.9), 1_000.0).1);
        assert!(around(point(179.999, 0.0), 1_000.0).1);
        assert!(around(point(0.0, 0.0), 15_000_000.0).1);
        assert!(around(point(180.0, 0.0), 0.0).1);
        assert!(!around(point(179.0, 0.0), 0.0).1);
    }
}
