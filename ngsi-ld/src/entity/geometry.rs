//! GeoJSON geometries (RFC 7946; clauses 4.6.3 and 4.7): WGS84, longitude before latitude.

use geo::{Coord, LineString, Polygon};

/// One position. RFC 7946 section 3.1.1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Degrees east, -180 to 180.
    pub longitude: f64,
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Metres above the ellipsoid.
    pub altitude: Option<f64>,
}

/// A geometry. Clause 4.6.3 excludes `GeometryCollection`: nobody may write one or ask about one. It is what remains of a
/// source's collection of several features.
#[derive(Debug, Clone, PartialEq)]
pub enum Geometry {
    /// `Point`
    Point(Position),
    /// `MultiPoint`
    MultiPoint(Vec<Position>),
    /// `LineString`
    LineString(Vec<Position>),
    /// `MultiLineString`
    MultiLineString(Vec<Vec<Position>>),
    /// `Polygon`: the outer ring, then the holes.
    Polygon(Vec<Vec<Position>>),
    /// `MultiPolygon`
    MultiPolygon(Vec<Vec<Vec<Position>>>),
    /// `GeometryCollection`
    GeometryCollection(Box<Collection>),
}

/// Several geometries that are one.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// As they are shown: none of them is a collection.
    members: Vec<Geometry>,
    /// The same places as up to three geometries of one kind each, points before lines before areas: what is computed with.
    uniform: Vec<Geometry>,
}

/// Why coordinates make no geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGeometry {
    /// Outside of the globe.
    #[error("a position must be [longitude -180..180, latitude -90..90]")]
    OutOfRange,
    /// Outside of the globe, and on it the other way round.
    #[error("a position must be [longitude -180..180, latitude -90..90], longitude first: are they swapped?")]
    Swapped,
    /// RFC 7946 section 3.1.4.
    #[error("a LineString needs at least two positions")]
    ShortLine,
    /// RFC 7946 section 3.1.6.
    #[error("a ring of a Polygon needs at least four positions, and the last must equal the first")]
    OpenRing,
    /// A geometry without positions.
    #[error("a geometry needs at least one position")]
    Empty,
    /// Not the nesting of arrays that the type asks for.
    #[error("coordinates do not have the shape that {0} needs")]
    Shape(&'static str),
    /// Not one of the six types.
    #[error("not one of Point, MultiPoint, LineString, MultiLineString, Polygon, MultiPolygon")]
    Type,
    /// Not a GeoJSON geometry object at all.
    #[error("not a GeoJSON geometry: an object with the members type and coordinates")]
    Object,
}

impl Position {
    /// A position on the ground.
    #[must_use]
    pub const fn new(longitude: f64, latitude: f64) -> Self {
        Self {
            longitude,
            latitude,
            altitude: None,
        }
    }

    //= 4.7.1-1
    pub(crate) fn check(&self) -> Result<(), InvalidGeometry> {
        let is_on_globe =
            |longitude, latitude| (-180.0..=180.0).contains(&longitude) && (-90.0..=90.0).contains(&latitude);
        match () {
            () if is_on_globe(self.longitude, self.latitude) => Ok(()),
            () if is_on_globe(self.latitude, self.longitude) => Err(InvalidGeometry::Swapped),
            () => Err(InvalidGeometry::OutOfRange),
        }
    }
}

impl From<Position> for Coord<f64> {
    fn from(position: Position) -> Self {
        Self {
            x: position.longitude,
            y: position.latitude,
        }
    }
}

impl Geometry {
    /// Every position of it, in its order.
    #[must_use]
    pub fn positions(&self) -> Vec<Position> {
        match self {
            Self::Point(position) => vec![*position],
            Self::MultiPoint(positions) | Self::LineString(positions) => positions.clone(),
            Self::MultiLineString(lines) | Self::Polygon(lines) => lines.concat(),
            Self::MultiPolygon(polygons) => polygons.concat().concat(),
            Self::GeometryCollection(collection) => collection.members.iter().flat_map(Self::positions).collect(),
        }
    }

    /// Whether any position has an altitude of that kind.
    pub fn has_altitude(&self, is_it: impl Fn(f64) -> bool) -> bool {
        let is_it = |position: &Position| position.altitude.is_some_and(&is_it);
        match self {
            Self::Point(position) => is_it(position),
            Self::MultiPoint(positions) | Self::LineString(positions) => positions.iter().any(is_it),
            Self::MultiLineString(lines) | Self::Polygon(lines) => lines.iter().flatten().any(is_it),
            Self::MultiPolygon(polygons) => polygons.iter().flatten().flatten().any(is_it),
            Self::GeometryCollection(collection) => {
                let mut positions = collection.members.iter().flat_map(Self::positions);
                positions.any(|position| is_it(&position))
            }
        }
    }

    /// Takes away the altitudes that are not to be kept; the positions stay.
    pub fn retain_altitudes(&mut self, mut keeps: impl FnMut(f64) -> bool) {
        self.retain(&mut |position| position.altitude = position.altitude.filter(|metres| keeps(*metres)));
    }

    fn retain(&mut self, retain: &mut dyn FnMut(&mut Position)) {
        match self {
            Self::Point(position) => retain(position),
            Self::MultiPoint(positions) | Self::LineString(positions) => positions.iter_mut().for_each(retain),
            Self::MultiLineString(lines) | Self::Polygon(lines) => lines.iter_mut().flatten().for_each(retain),
            Self::MultiPolygon(polygons) => polygons.iter_mut().flatten().flatten().for_each(retain),
            // What is computed with has none.
            Self::GeometryCollection(collection) => collection.members.iter_mut().for_each(|one| one.retain(retain)),
        }
    }

    /// Several geometries as one: the only one as itself. `None`: there is none.
    #[must_use]
    pub fn collected(geometries: Vec<Self>) -> Option<Self> {
        let mut members = Vec::with_capacity(geometries.len());
        for geometry in geometries {
            match geometry {
                Self::GeometryCollection(collection) => members.extend(collection.members),
                one => members.push(one),
            }
        }
        match members.len() {
            0 | 1 => members.pop(),
            _ => {
                let uniform = uniform(&members);
                Some(Self::GeometryCollection(Box::new(Collection { members, uniform })))
            }
        }
    }

    /// The geometries of a collection, as they are shown; of another geometry itself.
    #[must_use]
    pub fn members(&self) -> &[Self] {
        match self {
            Self::GeometryCollection(collection) => &collection.members,
            one => std::slice::from_ref(one),
        }
    }

    /// The geometry as what can be computed with, each of points, lines or areas alone, the ones of least dimension first: of
    /// all but collections itself.
    #[must_use]
    pub fn uniform(&self) -> &[Self] {
        match self {
            Self::GeometryCollection(collection) => &collection.uniform,
            one => std::slice::from_ref(one),
        }
    }

    /// A point on the ground, if it lies on the globe.
    ///
    /// # Errors
    /// [`InvalidGeometry::OutOfRange`] when it does not.
    pub fn point(longitude: f64, latitude: f64) -> Result<Self, InvalidGeometry> {
        let point = Self::Point(Position::new(longitude, latitude));
        point.check()?;
        Ok(point)
    }

    /// Its GeoJSON type.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Point(_) => "Point",
            Self::MultiPoint(_) => "MultiPoint",
            Self::LineString(_) => "LineString",
            Self::MultiLineString(_) => "MultiLineString",
            Self::Polygon(_) => "Polygon",
            Self::MultiPolygon(_) => "MultiPolygon",
            Self::GeometryCollection(_) => "GeometryCollection",
        }
    }

    /// How many positions it has.
    #[must_use]
    pub fn count_positions(&self) -> usize {
        match self {
            Self::Point(_) => 1,
            Self::MultiPoint(positions) | Self::LineString(positions) => positions.len(),
            Self::MultiLineString(lines) | Self::Polygon(lines) => lines.iter().map(Vec::len).sum(),
            Self::MultiPolygon(areas) => areas.iter().flatten().map(Vec::len).sum(),
            Self::GeometryCollection(collection) => collection.members.iter().map(Self::count_positions).sum(),
        }
    }

    /// Checks what RFC 7946 asks: positions on the globe, lines with two ends, rings closed.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), InvalidGeometry> {
        if let Self::Point(position) = self {
            return position.check();
        }
        self.parts().try_for_each(|part| {
            part.check_length()?;
            part.positions.iter().try_for_each(Position::check)?;
            part.check_end()
        })
    }

    /// The same geometry for computation, without altitudes.
    #[must_use]
    pub fn to_geo(&self) -> geo::Geometry<f64> {
        match self {
            Self::Point(position) => geo::Geometry::Point(Coord::from(*position).into()),
            Self::MultiPoint(positions) => geo::Geometry::MultiPoint(
                positions
                    .iter()
                    .map(|position| geo::Point::from(Coord::from(*position)))
                    .collect(),
            ),
            Self::LineString(line) => geo::Geometry::LineString(to_line(line)),
            Self::MultiLineString(lines) => {
                geo::Geometry::MultiLineString(lines.iter().map(|line| to_line(line)).collect())
            }
            Self::Polygon(rings) => geo::Geometry::Polygon(to_polygon(rings)),
            Self::MultiPolygon(polygons) => {
                geo::Geometry::MultiPolygon(polygons.iter().map(|rings| to_polygon(rings)).collect())
            }
            Self::GeometryCollection(collection) => {
                geo::Geometry::GeometryCollection(collection.members.iter().map(Self::to_geo).collect())
            }
        }
    }
}

/// All points, all lines and all areas of some geometries, each as one, without altitudes.
fn uniform(members: &[Geometry]) -> Vec<Geometry> {
    let (mut points, mut lines, mut areas) = (Vec::new(), Vec::new(), Vec::new());
    for member in members {
        match member {
            Geometry::Point(position) => points.push(*position),
            Geometry::MultiPoint(positions) => points.extend_from_slice(positions),
            Geometry::LineString(line) => lines.push(line.clone()),
            Geometry::MultiLineString(several) => lines.extend_from_slice(several),
            Geometry::Polygon(rings) => areas.push(rings.clone()),
            Geometry::MultiPolygon(several) => areas.extend_from_slice(several),
            // There is none in a collection.
            Geometry::GeometryCollection(_) => {}
        }
    }
    let mut uniform = Vec::new();
    uniform.extend((!points.is_empty()).then_some(Geometry::MultiPoint(points)));
    uniform.extend((!lines.is_empty()).then_some(Geometry::MultiLineString(lines)));
    uniform.extend((!areas.is_empty()).then_some(Geometry::MultiPolygon(areas)));
    for geometry in &mut uniform {
        geometry.retain_altitudes(|_| false);
    }
    uniform
}

fn to_line(positions: &[Position]) -> LineString<f64> {
    positions.iter().map(|position| Coord::from(*position)).collect()
}

fn to_polygon(rings: &[Vec<Position>]) -> Polygon<f64> {
    let mut lines = rings.iter().map(|ring| to_line(ring));
    let exterior = lines.next().unwrap_or_else(|| LineString::new(Vec::new()));
    Polygon::new(exterior, lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_must_lie_on_the_globe() {
        assert!(Geometry::point(139.6, 36.4).is_ok());
        assert_eq!(Geometry::point(36.4, 139.6), Err(InvalidGeometry::Swapped));
        assert_eq!(Geometry::point(f64::NAN, 0.0), Err(InvalidGeometry::OutOfRange));
    }

    #[test]
    fn rings_must_be_closed_and_lines_have_two_ends() {
        let corner = Position::new;
        let closed = vec![corner(0.0, 0.0), corner(1.0, 0.0), corner(1.0, 1.0), corner(0.0, 0.0)];
        let open = closed.iter().take(3).copied().collect::<Vec<_>>();
        assert_eq!(Geometry::Polygon(vec![closed]).check(), Ok(()));
        assert_eq!(Geometry::Polygon(vec![open]).check(), Err(InvalidGeometry::OpenRing));
        assert_eq!(Geometry::Polygon(vec![]).check(), Err(InvalidGeometry::Empty));
        assert_eq!(
            Geometry::LineString(vec![corner(0.0, 0.0)]).check(),
            Err(InvalidGeometry::ShortLine)
        );
    }
}
