//! The box around positions, in degrees.

use geo::Coord;
use rstar::AABB;

/// A box. It has no position where it is [`NOTHING`](Self::NOTHING).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) west: f64,
    pub(super) south: f64,
    pub(super) east: f64,
    pub(super) north: f64,
}

impl Bounds {
    pub(super) const NOTHING: Self = Self {
        west: f64::INFINITY,
        south: f64::INFINITY,
        east: f64::NEG_INFINITY,
        north: f64::NEG_INFINITY,
    };

    pub(super) fn of(positions: &[Coord<f64>]) -> Self {
        let mut bounds = Self::NOTHING;
        for position in positions {
            bounds.add(*position);
        }
        bounds
    }

    pub(super) const fn of_line(start: Coord<f64>, end: Coord<f64>) -> Self {
        Self {
            west: start.x.min(end.x),
            south: start.y.min(end.y),
            east: start.x.max(end.x),
            north: start.y.max(end.y),
        }
    }

    pub(super) const fn add(&mut self, position: Coord<f64>) {
        self.west = self.west.min(position.x);
        self.south = self.south.min(position.y);
        self.east = self.east.max(position.x);
        self.north = self.north.max(position.y);
    }

    pub(super) const fn join(&mut self, other: &Self) {
        self.west = self.west.min(other.west);
        self.south = self.south.min(other.south);
        self.east = self.east.max(other.east);
        self.north = self.north.max(other.north);
    }

    /// Whether a position is in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.west <= other.east && other.west <= self.east && self.south <= other.north && other.south <= self.north
    }

    pub(super) fn holds(&self, position: Coord<f64>) -> bool {
        self.west <= position.x && position.x <= self.east && self.south <= position.y && position.y <= self.north
    }

    /// Whether it goes around all of the other.
    pub(super) fn encloses(&self, other: &Self) -> bool {
        self.west <= other.west && other.east <= self.east && self.south <= other.south && other.north <= self.north
    }

    /// The same with its axes changed for one another.
    pub(super) const fn turned(self) -> Self {
        Self {
            west: self.south,
            south: self.west,
            east: self.north,
            north: self.east,
        }
    }

    /// Whether a straight line east from the position meets it.
    pub(super) fn is_met_eastward(&self, position: Coord<f64>) -> bool {
        self.south <= position.y && position.y <= self.north && position.x <= self.east
    }

    /// Whether it has bounds at all: there are positions, and none lies beyond all numbers.
    pub(super) fn is_finite(&self) -> bool {
        self.west.is_finite() && self.south.is_finite() && self.east.is_finite() && self.north.is_finite()
    }

    pub(super) fn to_envelope(self) -> AABB<[f64; 2]> {
        AABB::from_corners([self.west, self.south], [self.east, self.north])
    }

    pub(super) fn of_envelope(envelope: &AABB<[f64; 2]>) -> Self {
        let ([west, south], [east, north]) = (envelope.lower(), envelope.upper());
        Self {
            west,
            south,
            east,
            north,
        }
    }
}
