//! The relations of clause 4.10, and distances on the ellipsoid.
//!
//! Positions are degrees on a plane for every relation but `near`, as RFC 7946 draws lines between them: straight
//! in longitude and latitude. Distances are geodesics of WGS84, in metres.

use geo::coordinate_position::{CoordPos, CoordinatePosition};
use geo::{BoundingRect, Coord, CoordsIter, Distance, Geodesic, Haversine, Intersects, LinesIter, Relate};

use super::bounds;
use crate::Entity;
use crate::entity::{AttributeValue, Geometry};
use crate::query::{GeoQuery, GeoRelation};

impl GeoQuery {
    /// Whether an instance of the GeoProperty stands in the relation. An entity without it does not match, nor
    /// does a geometry that RFC 7946 excludes.
    #[must_use]
    pub fn matches(&self, entity: &Entity) -> bool {
        let Some(attribute) = entity.attribute(&self.property) else {
            return false;
        };
        attribute.instances.iter().any(|instance| match &instance.value {
            AttributeValue::GeoProperty(target) => target.check().is_ok() && self.holds(target),
            _ => false,
        })
    }

    fn holds(&self, target: &Geometry) -> bool {
        if let GeoRelation::Near { min, max } = self.relation {
            // The buffer of the clause includes its edge: within it is at most, disjoint from it is more than.
            let is_near = |least: f64, most: f64| {
                if max.is_some_and(|max| least > max) || min.is_some_and(|min| most <= min) {
                    Some(false)
                } else if max.is_none_or(|max| most <= max) && min.is_none_or(|min| least > min) {
                    Some(true)
                } else {
                    None
                }
            };
            let quickly = match (target, &self.geometry) {
                (Geometry::Point(a), Geometry::Point(b)) => {
                    let (least, most) = bounds::of_distance(Coord::from(*a), Coord::from(*b));
                    is_near(least, most)
                }
                _ => None,
            };
            return quickly.unwrap_or_else(|| {
                let distance = distance_metres(target, &self.geometry);
                is_near(distance, distance) == Some(true)
            });
        }
        if self.relation == GeoRelation::Equals && *target == self.geometry {
            // What is the same is equal, even a ring that crosses itself, of which no relation can be computed.
            return true;
        }
        let (target, reference) = (target.to_geo(), self.geometry.to_geo());
        if !boxes_meet(&target, &reference) {
            return self.relation == GeoRelation::Disjoint;
        }
        if let Some(holds) = point_in_area(self.relation, &target, &reference) {
            return holds;
        }
        let relation = target.relate(&reference);
        match self.relation {
            GeoRelation::Within => relation.is_within(),
            GeoRelation::Contains => relation.is_contains(),
            GeoRelation::Intersects => relation.is_intersects(),
            GeoRelation::Equals => relation.is_equal_topo(),
            GeoRelation::Disjoint => relation.is_disjoint(),
            GeoRelation::Overlaps => relation.is_overlaps(),
            GeoRelation::Near { .. } => false,
        }
    }
}

/// The common question whether a point lies in an area, without the general comparison, which takes a hundred
/// times as long. `None` when it is another question.
fn point_in_area(relation: GeoRelation, target: &geo::Geometry<f64>, reference: &geo::Geometry<f64>) -> Option<bool> {
    let geo::Geometry::Point(point) = target else {
        return None;
    };
    let areas = match reference {
        geo::Geometry::Polygon(polygon) => std::slice::from_ref(polygon),
        geo::Geometry::MultiPolygon(polygons) => polygons.0.as_slice(),
        _ => return None,
    };
    // One by one: a point where two of them touch is on their boundary, but the library says it is outside.
    let mut positions = areas.iter().map(|area| area.coordinate_position(&point.0));
    match relation {
        GeoRelation::Within => Some(positions.any(|position| position == CoordPos::Inside)),
        GeoRelation::Intersects => Some(positions.any(|position| position != CoordPos::Outside)),
        GeoRelation::Disjoint => Some(positions.all(|position| position == CoordPos::Outside)),
        _ => None,
    }
}

/// Whether the boxes around the geometries share a point: quick to see, and most pairs do not.
fn boxes_meet(a: &geo::Geometry<f64>, b: &geo::Geometry<f64>) -> bool {
    match (a.bounding_rect(), b.bounding_rect()) {
        (Some(a), Some(b)) => a.intersects(&b),
        _ => false,
    }
}

/// The least distance between two geometries, in metres on the WGS84 ellipsoid; 0 where they share a point.
#[must_use]
pub fn distance_metres(a: &Geometry, b: &Geometry) -> f64 {
    distance(a, b, |a, b| Geodesic.distance(a.into(), b.into()))
}

/// The same on a sphere, by the haversine formula: what entities are ordered by (clause 4.23.1).
pub(in crate::query) fn haversine_metres(a: &Geometry, b: &Geometry) -> f64 {
    distance(a, b, |a, b| Haversine.distance(a.into(), b.into()))
}

fn distance(a: &Geometry, b: &Geometry, of_places: fn(Coord<f64>, Coord<f64>) -> f64) -> f64 {
    if let (Geometry::Point(a), Geometry::Point(b)) = (a, b) {
        return of_places(Coord::from(*a), Coord::from(*b));
    }
    let (a, b) = (a.to_geo(), b.to_geo());
    if a.intersects(&b) {
        return 0.0;
    }
    // Two lines that do not cross are nearest at an end of one of them.
    let nearest = if let (Some(one), Some(other)) = (nearest_places(&a, &b), nearest_places(&b, &a)) {
        if one.closeness <= other.closeness { one } else { other }
    } else {
        return f64::INFINITY;
    };
    of_places(nearest.from, nearest.to)
}

/// Two places, and a measure of how far they are from each other that is quick to compute.
struct Places {
    from: Coord<f64>,
    to: Coord<f64>,
    closeness: f64,
}

/// The position of one geometry and the place of the other that are nearest to each other; `None` when one of
/// them is empty.
fn nearest_places(from: &geo::Geometry<f64>, to: &geo::Geometry<f64>) -> Option<Places> {
    let lines: Vec<geo::Line<f64>> = lines(to).collect();
    from.coords_iter()
        .flat_map(|from| {
            lines.iter().map(move |line| {
                let to = nearest_on_line(from, *line);
                let closeness = closeness(from, to);
                Places { from, to, closeness }
            })
        })
        .min_by(|one, other| one.closeness.total_cmp(&other.closeness))
}

/// The haversine of the angle between two places: grows with their distance.
fn closeness(a: Coord<f64>, b: Coord<f64>) -> f64 {
    let half_sine_squared = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let parallels = a.y.to_radians().cos() * b.y.to_radians().cos();
    half_sine_squared(b.y - a.y) + parallels * half_sine_squared(b.x - a.x)
}

/// The straight lines of a geometry; a position is a line to itself.
fn lines(geometry: &geo::Geometry<f64>) -> Box<dyn Iterator<Item = geo::Line<f64>> + '_> {
    match geometry {
        geo::Geometry::LineString(line) => Box::new(line.lines_iter()),
        geo::Geometry::MultiLineString(lines) => Box::new(lines.lines_iter()),
        geo::Geometry::Polygon(polygon) => Box::new(polygon.lines_iter()),
        geo::Geometry::MultiPolygon(polygons) => Box::new(polygons.lines_iter()),
        points => Box::new(points.coords_iter().map(|position| geo::Line::new(position, position))),
    }
}

/// The place on the line that is nearest to the position, on a plane that touches the globe there: exact where it
/// matters, near the position, since a straight line stays one on that plane.
fn nearest_on_line(position: Coord<f64>, line: geo::Line<f64>) -> Coord<f64> {
    let parallel = position.y.to_radians().cos();
    let (start_x, start_y) = (eastward(position.x, line.start.x) * parallel, line.start.y - position.y);
    let (x, y) = ((line.end.x - line.start.x) * parallel, line.end.y - line.start.y);
    let squared = x * x + y * y;
    let share = if squared > 0.0 {
        (-(start_x * x + start_y * y) / squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    line.start + (line.end - line.start) * share
}

/// Degrees from one meridian to another the short way, across the antimeridian where that is shorter.
fn eastward(from: f64, to: f64) -> f64 {
    let degrees = to - from;
    if degrees > 180.0 {
        degrees - 360.0
    } else if degrees < -180.0 {
        degrees + 360.0
    } else {
        degrees
    }
}
