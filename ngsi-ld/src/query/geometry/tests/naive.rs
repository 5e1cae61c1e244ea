//! The meaning of relations and distances in as few words as possible: everything is compared with everything. What is
//! fast must find the same.

use geo::coordinate_position::{CoordPos, CoordinatePosition};
use geo::dimensions::{Dimensions, HasDimensions};
use geo::indexed::IntervalTreeMultiPolygon;
use geo::orient::{Direction, Orient};
use geo::{
    BoundingRect, Contains, Coord, CoordsIter, Distance, Geodesic, Haversine, Intersects, LinesIter, MultiPolygon,
    Relate,
};

use crate::entity::{Geometry, Position};
use crate::query::GeoRelation;

pub(super) fn holds(relation: GeoRelation, target: &Geometry, reference: &Geometry) -> bool {
    if target.check().is_err() {
        return false;
    }
    if let GeoRelation::Near { min, max } = relation {
        let metres = distance_metres(target, reference);
        return max.is_none_or(|max| metres <= max) && min.is_none_or(|min| metres > min);
    }
    if relation == GeoRelation::Equals && *target == *reference {
        return true;
    }
    let (target, reference) = (target.to_geo(), reference.to_geo());
    if !boxes_meet(&target, &reference) {
        return relation == GeoRelation::Disjoint;
    }
    if let Some(holds) = point_in_area(relation, &target, &reference) {
        return holds;
    }
    if let Some(holds) = points_in_areas(relation, &target, &reference) {
        return holds;
    }
    let matrix = target.relate(&reference);
    match relation {
        GeoRelation::Within => matrix.is_within(),
        GeoRelation::Contains => matrix.is_contains(),
        GeoRelation::Intersects => matrix.is_intersects(),
        GeoRelation::Equals => matrix.is_equal_topo(),
        GeoRelation::Disjoint => matrix.is_disjoint(),
        GeoRelation::Overlaps => matrix.is_overlaps(),
        GeoRelation::Near { .. } => false,
    }
}

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

/// The same for several points, and for points that an area is to contain: where two polygons share an edge the library
/// says that a point on it is outside of both.
fn points_in_areas(relation: GeoRelation, target: &geo::Geometry<f64>, reference: &geo::Geometry<f64>) -> Option<bool> {
    let is_area = |geometry: &geo::Geometry<f64>| geometry.dimensions() == Dimensions::TwoDimensional;
    let is_points =
        |geometry: &geo::Geometry<f64>| matches!(geometry, geo::Geometry::Point(_) | geo::Geometry::MultiPoint(_));
    let (points, area, enclosing) = if is_points(target) && is_area(reference) {
        (target, reference, GeoRelation::Within)
    } else if is_points(reference) && is_area(target) {
        (reference, target, GeoRelation::Contains)
    } else {
        return None;
    };
    let polygons = match area {
        geo::Geometry::Polygon(polygon) => std::slice::from_ref(polygon),
        geo::Geometry::MultiPolygon(polygons) => polygons.0.as_slice(),
        _ => return None,
    };
    let position = |point: Coord<f64>| {
        let mut positions = polygons.iter().map(|polygon| polygon.coordinate_position(&point));
        let has = |wanted| positions.clone().any(|position| position == wanted);
        if has(CoordPos::OnBoundary) {
            CoordPos::OnBoundary
        } else {
            positions
                .find(|position| *position == CoordPos::Inside)
                .unwrap_or(CoordPos::Outside)
        }
    };
    let positions: Vec<CoordPos> = points.coords_iter().map(position).collect();
    let (some_inside, some_outside) = (
        positions.contains(&CoordPos::Inside),
        positions.contains(&CoordPos::Outside),
    );
    let share = positions.iter().any(|position| *position != CoordPos::Outside);
    match relation {
        GeoRelation::Intersects => Some(share),
        GeoRelation::Disjoint => Some(!share),
        relation if relation == enclosing => Some(some_inside && !some_outside),
        _ => Some(false),
    }
}

fn boxes_meet(a: &geo::Geometry<f64>, b: &geo::Geometry<f64>) -> bool {
    match (a.bounding_rect(), b.bounding_rect()) {
        (Some(a), Some(b)) => a.intersects(&b),
        _ => false,
    }
}

pub(super) fn distance_metres(a: &Geometry, b: &Geometry) -> f64 {
    distance(a, b, |a, b| Geodesic.distance(a.into(), b.into()))
}

pub(super) fn haversine_metres(a: &Geometry, b: &Geometry) -> f64 {
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

struct Places {
    from: Coord<f64>,
    to: Coord<f64>,
    closeness: f64,
}

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

fn closeness(a: Coord<f64>, b: Coord<f64>) -> f64 {
    let half_sine_squared = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let parallels = a.y.to_radians().cos() * b.y.to_radians().cos();
    half_sine_squared(b.y - a.y) + parallels * half_sine_squared(b.x - a.x)
}

fn lines(geometry: &geo::Geometry<f64>) -> Box<dyn Iterator<Item = geo::Line<f64>> + '_> {
    match geometry {
        geo::Geometry::LineString(line) => Box::new(line.lines_iter()),
        geo::Geometry::MultiLineString(lines) => Box::new(lines.lines_iter()),
        geo::Geometry::Polygon(polygon) => Box::new(polygon.lines_iter()),
        geo::Geometry::MultiPolygon(polygons) => Box::new(polygons.lines_iter()),
        points => Box::new(points.coords_iter().map(|position| geo::Line::new(position, position))),
    }
}

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

/// The areas of a geometry as a permit has them: with shells that turn one way, and holes that turn the other.
pub(super) fn areas(geometry: &Geometry) -> Option<MultiPolygon<f64>> {
    let polygons = match geometry.to_geo() {
        geo::Geometry::Polygon(polygon) => MultiPolygon(vec![polygon]),
        geo::Geometry::MultiPolygon(polygons) => polygons,
        _ => return None,
    };
    Some(polygons.orient(Direction::Default))
}

/// Whether a place lies within the areas of a permit.
pub(super) fn encloses(areas: &MultiPolygon<f64>, place: &Geometry) -> bool {
    let index = IntervalTreeMultiPolygon::new(areas);
    let holds = |position: &Position| index.contains(&Coord::from(*position));
    place.check().is_ok()
        && match place {
            Geometry::Point(position) => holds(position),
            Geometry::MultiPoint(positions) => positions.iter().all(holds),
            other => {
                let (other, areas) = (other.to_geo(), areas.clone().into());
                boxes_meet(&other, &areas) && other.relate(&areas).is_within()
            }
        }
}
