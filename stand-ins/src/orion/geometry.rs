//! Where entities are, and selection by place. Text is `lat,lon`, GeoJSON is `lon,lat`.

use std::str::FromStr;

use geo::line_measures::{Distance, HaversineMeasure};
use geo::{
    BoundingRect, Closest, Coord, CoordsIter, Geometry, GeometryCollection, HaversineClosestPoint, LineString,
    MapCoords, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon, Relate,
};

use super::error::OrionError;
use super::json::Json;

/// The database's Earth, in metres.
const EARTH: HaversineMeasure = HaversineMeasure::new(6_378_100.0);

/// A point nearer than this is on the edge of the half sphere around the place, where the projection ends.
const HORIZON: f64 = 1e-6;

/// Whether values of this type say where the entity is.
pub(crate) fn is_location(kind: &str) -> bool {
    matches!(kind, "geo:json" | "geo:point" | "geo:line" | "geo:box" | "geo:polygon")
}

/// The geometry in an attribute of a location type.
pub(crate) fn parsed(kind: &str, value: &Json) -> Result<Geometry<f64>, OrionError> {
    let geometry = match kind {
        "geo:json" => geo_json(value),
        "geo:point" => value.text().and_then(position).map(|coord| Point(coord).into()),
        "geo:line" => positions(value).map(|line| LineString::new(line).into()),
        "geo:box" => positions(value).and_then(|corners| match corners.as_slice() {
            [first, second] => Some(rectangle(*first, *second).into()),
            _ => None,
        }),
        _ => positions(value).map(|ring| Polygon::new(LineString::new(ring), vec![]).into()),
    };
    geometry.ok_or_else(|| OrionError::bad_request("error parsing location attribute value"))
}

/// Why the database would refuse to index this geometry, if it would.
pub(crate) fn refusal(value: &Json, geometry: &Geometry<f64>) -> Option<&'static str> {
    if has_open_ring(value) {
        return Some("Failed to retrieve geo keys: Loop structure remains unclosed");
    }
    let outside = geometry
        .coords_iter()
        .any(|coord| coord.x.abs() > 180.0 || coord.y.abs() > 90.0);
    outside.then_some("Can't extract geo keys: longitude/latitude is out of bounds")
}

fn number_pair(json: &Json) -> Option<Coord<f64>> {
    match json.items()? {
        [x, y, ..] => Some(Coord {
            x: x.number()?,
            y: y.number()?,
        }),
        _ => None,
    }
}

fn line(json: &Json) -> Option<LineString<f64>> {
    json.items()?.iter().map(number_pair).collect()
}

fn polygon(json: &Json) -> Option<Polygon<f64>> {
    let mut rings = json.items()?.iter().map(line);
    let exterior = rings.next()??;
    Some(Polygon::new(exterior, rings.collect::<Option<_>>()?))
}

fn geo_json(json: &Json) -> Option<Geometry<f64>> {
    let coordinates = json.get("coordinates");
    let items = || coordinates.and_then(Json::items);
    match json.get("type")?.text()? {
        "Point" => Some(Point(number_pair(coordinates?)?).into()),
        "LineString" => Some(line(coordinates?)?.into()),
        "Polygon" => Some(polygon(coordinates?)?.into()),
        "MultiPoint" => {
            let points = items()?.iter().map(|item| number_pair(item).map(Point));
            Some(points.collect::<Option<MultiPoint<f64>>>()?.into())
        }
        "MultiLineString" => {
            let lines: Option<Vec<_>> = items()?.iter().map(line).collect();
            Some(MultiLineString::new(lines?).into())
        }
        "MultiPolygon" => {
            let polygons: Option<Vec<_>> = items()?.iter().map(polygon).collect();
            Some(MultiPolygon::new(polygons?).into())
        }
        "GeometryCollection" => {
            let members: Option<Vec<_>> = json.get("geometries")?.items()?.iter().map(geo_json).collect();
            Some(Geometry::GeometryCollection(GeometryCollection(members?)))
        }
        _ => None,
    }
}

/// Whether a GeoJSON polygon holds a ring whose ends do not meet. `geo` closes rings itself, so the text is looked at.
fn has_open_ring(json: &Json) -> bool {
    let open = |ring: &Json| {
        ring.items()
            .is_some_and(|ring| ring.len() < 4 || ring.first() != ring.last())
    };
    let any_open = |polygon: &Json| polygon.items().is_some_and(|rings| rings.iter().any(open));
    match (json.get("type").and_then(Json::text), json.get("coordinates")) {
        (Some("Polygon"), Some(polygon)) => any_open(polygon),
        (Some("MultiPolygon"), Some(Json::Array(polygons))) => polygons.iter().any(any_open),
        _ => false,
    }
}

/// `lat, lon`
fn position(text: &str) -> Option<Coord<f64>> {
    let (latitude, longitude) = text.split_once(',')?;
    Some(Coord {
        x: f64::from_str(longitude.trim()).ok()?,
        y: f64::from_str(latitude.trim()).ok()?,
    })
}

fn positions(value: &Json) -> Option<Vec<Coord<f64>>> {
    value
        .items()?
        .iter()
        .map(|item| item.text().and_then(position))
        .collect()
}

fn rectangle(first: Coord<f64>, second: Coord<f64>) -> Polygon<f64> {
    geo::Rect::new(first, second).to_polygon()
}

/// Selection by place: `georel`, `geometry` and `coords`.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    relation: Relation,
    shape: Geometry<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Relation {
    Near { min: Option<f64>, max: Option<f64> },
    CoveredBy,
    Intersects,
    Disjoint,
    Equals,
}

// === impl Place ===

impl Place {
    /// Reads the three parameters; none of them: no selection by place.
    pub(crate) fn read(
        georel: Option<&str>,
        geometry: Option<&str>,
        coords: Option<&str>,
    ) -> Result<Option<Self>, OrionError> {
        let wrong = OrionError::bad_geo_query;
        let (georel, geometry, coords) = match (georel, geometry, coords) {
            (None, None, None) => return Ok(None),
            (_, Some(_), None) => {
                return Err(wrong("URI param /geometry/ used without /coords/"));
            }
            (_, None, Some(_)) => {
                return Err(wrong("URI param /coords/ used without /geometry/"));
            }
            (None, Some(_), Some(_)) => {
                return Err(wrong("URI param /geometry/ used without /georel/"));
            }
            (Some(_), None, None) => {
                return Err(wrong("URI param /georel/ used without /geometry/"));
            }
            (Some(georel), Some(geometry), Some(coords)) => (georel, geometry, coords),
        };
        let relation = Relation::read(georel)?;
        let points: Vec<Coord<f64>> = coords
            .split(';')
            .map(position)
            .collect::<Option<_>>()
            .ok_or_else(|| wrong("invalid coordinates"))?;
        let shape = match (geometry, points.as_slice()) {
            ("point", [point]) => Point(*point).into(),
            ("line", [_, _, ..]) => LineString::new(points).into(),
            ("box", [first, second]) => rectangle(*first, *second).into(),
            ("polygon", [first, .., last]) => {
                if first != last {
                    return Err(wrong("First and last point in polygon not the same"));
                }
                Polygon::new(LineString::new(points), vec![]).into()
            }
            ("point" | "line" | "box" | "polygon", _) => {
                return Err(wrong("invalid coordinates"));
            }
            _ => {
                return Err(wrong(
                    "error parsing geometry: Invalid selector in geometry specification",
                ));
            }
        };
        Ok(Some(Self { relation, shape }))
    }

    /// Whether an entity at `location` is selected; without a location it never is.
    pub(crate) fn selects(&self, location: Option<&Geometry<f64>>) -> bool {
        let Some(location) = location else {
            return false;
        };
        match self.relation {
            Relation::Near { min, max } => {
                let distance = self.distance(location);
                min.is_none_or(|min| distance >= min) && max.is_none_or(|max| distance <= max)
            }
            Relation::Equals => self.shape == *location,
            Relation::CoveredBy => self
                .flattened(location)
                .is_some_and(|(shape, location)| shape.relate(&location).is_covers()),
            Relation::Intersects => self.intersects(location),
            Relation::Disjoint => !self.intersects(location),
        }
    }

    /// Metres from the place to the nearest point of the location.
    pub(crate) fn distance(&self, location: &Geometry<f64>) -> f64 {
        let Some(from) = self.shape.coords_iter().next().map(Point) else {
            return f64::INFINITY;
        };
        match location.haversine_closest_point(&from) {
            Closest::Intersection(_) => 0.0,
            Closest::SinglePoint(nearest) => EARTH.distance(from, nearest),
            Closest::Indeterminate => f64::INFINITY,
        }
    }

    /// For `near`, the total that Orion was seen to announce: it counts what lies wholly inside the circle
    /// of `maxDistance` and not wholly inside the one of `minDistance`, while it lists by distance.
    pub(crate) fn counts_near(&self, location: Option<&Geometry<f64>>) -> Option<bool> {
        let Relation::Near { min, max } = self.relation else {
            return None;
        };
        let from = self.shape.coords_iter().next().map(Point)?;
        let inside = |radius: f64| {
            location.is_some_and(|location| {
                location
                    .coords_iter()
                    .all(|coord| EARTH.distance(from, Point(coord)) <= radius)
            })
        };
        Some(max.is_none_or(inside) && !min.is_some_and(inside))
    }

    fn intersects(&self, location: &Geometry<f64>) -> bool {
        self.flattened(location)
            .is_some_and(|(shape, location)| shape.relate(&location).is_intersects())
    }

    /// Both shapes in the gnomonic projection around the place: great circles, which are the database's edges,
    /// become straight lines. `None`: the location reaches beyond the half sphere that can be projected.
    fn flattened(&self, location: &Geometry<f64>) -> Option<(Geometry<f64>, Geometry<f64>)> {
        let centre = self.shape.bounding_rect()?.center();
        let project = |coord: Coord<f64>| gnomonic(centre, coord).ok_or(());
        let shape = self.shape.try_map_coords(project).ok()?;
        let location = location.try_map_coords(project).ok()?;
        Some((shape, location))
    }
}

fn gnomonic(centre: Coord<f64>, coord: Coord<f64>) -> Option<Coord<f64>> {
    let (sin_centre, cos_centre) = centre.y.to_radians().sin_cos();
    let (sin_lat, cos_lat) = coord.y.to_radians().sin_cos();
    let (sin_lon, cos_lon) = (coord.x - centre.x).to_radians().sin_cos();
    let towards = sin_centre * sin_lat + cos_centre * cos_lat * cos_lon;
    (towards > HORIZON).then(|| Coord {
        x: cos_lat * sin_lon / towards,
        y: (cos_centre * sin_lat - sin_centre * cos_lat * cos_lon) / towards,
    })
}

// === impl Relation ===

impl Relation {
    fn read(georel: &str) -> Result<Self, OrionError> {
        let invalid = || OrionError::bad_geo_query("Invalid modifier in georel parameter");
        let mut parts = georel.split(';');
        let relation = match parts.next() {
            Some("near") => {
                let (mut min, mut max) = (None, None);
                for modifier in parts.by_ref() {
                    let (name, metres) = modifier.split_once(':').ok_or_else(invalid)?;
                    let metres = f64::from_str(metres).map_err(|_| invalid())?;
                    match name {
                        "minDistance" => min = Some(metres),
                        "maxDistance" => max = Some(metres),
                        _ => return Err(invalid()),
                    }
                }
                if min.is_none() && max.is_none() {
                    return Err(OrionError::bad_geo_query(
                        "georel /near/ without either minDistance nor maxDistance",
                    ));
                }
                Self::Near { min, max }
            }
            Some("coveredBy") => Self::CoveredBy,
            Some("intersects") => Self::Intersects,
            Some("disjoint") => Self::Disjoint,
            Some("equals") => Self::Equals,
            _ => return Err(invalid()),
        };
        if parts.next().is_some() {
            return Err(invalid());
        }
        Ok(relation)
    }
}
