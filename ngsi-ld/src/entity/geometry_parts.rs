//! The parts of a geometry, one after the other: whatever looks at its positions goes through them, and may stop
//! between any two.

use super::{Geometry, InvalidGeometry, Position};

/// What a part is of its geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// All positions of a Point or a MultiPoint.
    Points,
    /// One line.
    Line,
    /// The outer ring of a polygon.
    Shell,
    /// Another ring of the polygon whose shell came last.
    Hole,
    /// What stands where there should be a part and is none.
    Nothing,
}

/// One part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'g> {
    pub(crate) role: Role,
    pub(crate) positions: &'g [Position],
}

impl Part<'_> {
    /// Whether it has as many positions as RFC 7946 asks.
    pub(crate) fn check_length(&self) -> Result<(), InvalidGeometry> {
        let (least, too_few) = match self.role {
            Role::Points | Role::Nothing => (1, InvalidGeometry::Empty),
            Role::Line => (2, InvalidGeometry::ShortLine),
            Role::Shell | Role::Hole => (4, InvalidGeometry::OpenRing),
        };
        if self.positions.len() < least {
            return Err(too_few);
        }
        Ok(())
    }

    /// Whether it ends as RFC 7946 asks.
    pub(crate) fn check_end(&self) -> Result<(), InvalidGeometry> {
        let is_ring = matches!(self.role, Role::Shell | Role::Hole);
        if is_ring && self.positions.first() != self.positions.last() {
            return Err(InvalidGeometry::OpenRing);
        }
        Ok(())
    }
}

/// The parts of a geometry that are still to come.
#[derive(Debug, Clone)]
pub(crate) struct Parts<'g> {
    first: Option<Part<'g>>,
    polygons: std::slice::Iter<'g, Vec<Vec<Position>>>,
    role: Role,
    lines: std::slice::Iter<'g, Vec<Position>>,
    /// The geometries of a collection that come next.
    members: std::slice::Iter<'g, Geometry>,
}

impl Geometry {
    /// Its parts, in the order of its positions.
    pub(crate) fn parts(&self) -> Parts<'_> {
        let mut parts = Parts {
            first: None,
            polygons: [].iter(),
            role: Role::Line,
            lines: [].iter(),
            members: [].iter(),
        };
        let one = |role, positions| Some(Part { role, positions });
        match self {
            Self::Point(position) => parts.first = one(Role::Points, std::slice::from_ref(position)),
            Self::MultiPoint(positions) => parts.first = one(Role::Points, positions),
            Self::LineString(line) => parts.first = one(Role::Line, line),
            Self::MultiLineString(lines) if lines.is_empty() => parts.first = one(Role::Nothing, &[]),
            Self::MultiLineString(lines) => parts.lines = lines.iter(),
            Self::Polygon(rings) => parts.begin_polygon(rings),
            Self::MultiPolygon(polygons) if polygons.is_empty() => parts.first = one(Role::Nothing, &[]),
            Self::MultiPolygon(polygons) => parts.polygons = polygons.iter(),
            Self::GeometryCollection(_) => parts.members = self.members().iter(),
        }
        parts
    }
}

impl<'g> Parts<'g> {
    fn begin_polygon(&mut self, rings: &'g [Vec<Position>]) {
        let mut rings = rings.iter();
        self.first = Some(match rings.next() {
            Some(shell) => Part {
                role: Role::Shell,
                positions: shell,
            },
            None => Part {
                role: Role::Nothing,
                positions: &[],
            },
        });
        self.role = Role::Hole;
        self.lines = rings;
    }
}

impl<'g> Iterator for Parts<'g> {
    type Item = Part<'g>;

    fn next(&mut self) -> Option<Part<'g>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if let Some(positions) = self.lines.next() {
            return Some(Part {
                role: self.role,
                positions,
            });
        }
        if let Some(polygon) = self.polygons.next() {
            self.begin_polygon(polygon);
            return self.first.take();
        }
        let member = self.members.next()?;
        let rest = std::mem::take(&mut self.members);
        *self = Parts {
            members: rest,
            ..member.parts()
        };
        self.next()
    }
}
