//! The geo-query in NGSI-v2.
//!
//! Orion's database draws lines and measures distances on a sphere, the gateway draws lines straight in
//! longitude and latitude and measures on the ellipsoid. So what is sent is a little wider than what was asked
//! for, and the gateway decides on what comes back. Orion looks at the one place that it keeps for an entity,
//! whichever attribute holds it.

use ngsi_ld::entity::{Geometry, Position};
use ngsi_ld::query::{GeoQuery, GeoRelation};

/// The sphere of the database has a radius of 6,378.1 km; on the ellipsoid a distance is up to 0.7 % shorter.
const DISTANCE_FACTOR: f64 = 1.01;

/// Lines of up to 130 km between two positions lie at most so far from their counterpart on the sphere, metres.
const DISTANCE_MARGIN: f64 = 250.0;

/// The same for areas, in degrees: about 2 km.
const AREA_MARGIN: f64 = 0.02;

/// Wider areas are not sent, in degrees: on the sphere they have another shape.
const MAX_SPAN: f64 = 20.0;

/// Nor those near to a pole or the antimeridian, in degrees.
const MAX_LATITUDE: f64 = 85.0;
const MAX_LONGITUDE: f64 = 179.0;

/// Half of the Earth's circumference, metres: farther nothing is.
const MAX_DISTANCE: f64 = 20_000_000.0;

/// `georel`, `geometry` and `coords`.
#[derive(Debug, PartialEq)]
pub(super) struct Area {
    pub(super) georel: String,
    pub(super) geometry: &'static str,
    pub(super) coords: String,
}

impl Area {
    /// What can be sent of a geo-query.
    pub(super) fn of(query: &GeoQuery) -> Option<Self> {
        match query.relation {
            GeoRelation::Near { min, max } => near(&query.geometry, min, max),
            GeoRelation::Within => around("coveredBy", &query.geometry),
            GeoRelation::Intersects | GeoRelation::Equals | GeoRelation::Contains | GeoRelation::Overlaps => {
                around("intersects", &query.geometry)
            }
            // A little wider would be narrower here.
            GeoRelation::Disjoint => None,
        }
    }
}

fn near(geometry: &Geometry, min: Option<f64>, max: Option<f64>) -> Option<Area> {
    let Geometry::Point(center) = geometry else {
        return None;
    };
    let max = max
        .map(|max| (max * DISTANCE_FACTOR + DISTANCE_MARGIN).ceil())
        .filter(|max| *max < MAX_DISTANCE);
    let min = min
        .map(|min| (min / DISTANCE_FACTOR - DISTANCE_MARGIN).floor())
        .filter(|min| *min > 0.0);
    let mut georel = String::from("near");
    for (bound, metres) in [("maxDistance", max), ("minDistance", min)] {
        if let Some(metres) = metres {
            georel.push_str(&format!(";{bound}:{metres}"));
        }
    }
    (max.is_some() || min.is_some()).then(|| Area {
        georel,
        geometry: "point",
        coords: coords(center.latitude, center.longitude),
    })
}

/// The rectangle around a geometry, somewhat larger.
fn around(georel: &str, geometry: &Geometry) -> Option<Area> {
    let positions = geometry.positions();
    let bounds = |of: fn(&Position) -> f64| {
        let values = || positions.iter().map(of);
        (
            values().fold(f64::INFINITY, f64::min),
            values().fold(f64::NEG_INFINITY, f64::max),
        )
    };
    let (south, north) = bounds(|position| position.latitude);
    let (west, east) = bounds(|position| position.longitude);
    let span = east - west;
    if span > MAX_SPAN || north - south > MAX_SPAN {
        return None;
    }
    // A parallel and the shortest way on the sphere part by at most span²/16 (radians); both the rectangle's
    // edges and the entity's lines may do so.
    let bulge = (span.to_radians().powi(2) / 16.0).to_degrees();
    let margin = AREA_MARGIN + 2.0 * bulge;
    let (south, north, west, east) = (south - margin, north + margin, west - margin, east + margin);
    let is_regular = south >= -MAX_LATITUDE && north <= MAX_LATITUDE && west >= -MAX_LONGITUDE && east <= MAX_LONGITUDE;
    let ring = [
        (south, west),
        (south, east),
        (north, east),
        (north, west),
        (south, west),
    ];
    is_regular.then(|| Area {
        georel: georel.to_owned(),
        geometry: "polygon",
        coords: ring.map(|(latitude, longitude)| coords(latitude, longitude)).join(";"),
    })
}

fn coords(latitude: f64, longitude: f64) -> String {
    format!("{latitude},{longitude}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(relation: GeoRelation, geometry: Geometry) -> Option<Area> {
        let property = ngsi_ld::context::Context::core().expand_attribute("location").unwrap();
        Area::of(&GeoQuery {
            relation,
            geometry: geometry.into(),
            property,
        })
    }

    fn point(longitude: f64, latitude: f64) -> Geometry {
        Geometry::point(longitude, latitude).unwrap()
    }

    fn square(from: f64, size: f64) -> Geometry {
        let at = |x: f64, y: f64| Position::new(from + x * size, 36.0 + y * size);
        Geometry::Polygon(vec![vec![at(0., 0.), at(1., 0.), at(1., 1.), at(0., 1.), at(0., 0.)]])
    }

    #[test]
    fn near_becomes_a_somewhat_larger_circle_with_the_latitude_first() {
        let area = sent(
            GeoRelation::Near {
                min: None,
                max: Some(1000.0),
            },
            point(139.5, 36.25),
        )
        .unwrap();
        assert_eq!(
            (area.georel.as_str(), area.geometry, area.coords.as_str()),
            ("near;maxDistance:1260", "point", "36.25,139.5")
        );
        let ring = GeoRelation::Near {
            min: Some(10_000.0),
            max: Some(20_000.0),
        };
        assert_eq!(
            sent(ring, point(0.0, 0.0)).unwrap().georel,
            "near;maxDistance:20450;minDistance:9650"
        );
        assert_eq!(
            sent(
                GeoRelation::Near {
                    min: Some(100.0),
                    max: None
                },
                point(0.0, 0.0)
            ),
            None
        );
        assert_eq!(
            sent(
                GeoRelation::Near {
                    min: None,
                    max: Some(1.0)
                },
                square(139.0, 1.0)
            ),
            None
        );
    }

    #[test]
    fn areas_become_somewhat_larger_rectangles() {
        let area = sent(GeoRelation::Within, square(139.0, 0.0)).unwrap();
        assert_eq!((area.georel.as_str(), area.geometry), ("coveredBy", "polygon"));
        assert_eq!(
            area.coords,
            "35.98,138.98;35.98,139.02;36.02,139.02;36.02,138.98;35.98,138.98"
        );
        assert_eq!(
            sent(GeoRelation::Intersects, square(139.0, 1.0)).unwrap().georel,
            "intersects"
        );
        assert_eq!(
            sent(GeoRelation::Overlaps, square(139.0, 1.0)).unwrap().georel,
            "intersects"
        );
    }

    #[test]
    fn what_would_lose_an_entity_is_not_sent() {
        assert_eq!(sent(GeoRelation::Disjoint, square(139.0, 1.0)), None);
        assert_eq!(sent(GeoRelation::Within, square(100.0, 21.0)), None);
        assert_eq!(sent(GeoRelation::Within, square(178.5, 1.0)), None);
    }
}
