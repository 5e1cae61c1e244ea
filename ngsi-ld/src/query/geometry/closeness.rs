//! A measure of how far two places are from each other that grows with their distance on a sphere, and what it surely
//! is at least between boxes.

use std::f64::consts::PI;

use geo::{Coord, Line};

use super::bounds::Bounds;

/// The haversine of the angle between two places.
pub(super) fn closeness(a: Coord<f64>, b: Coord<f64>) -> f64 {
    let half_sine_squared = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let parallels = a.y.to_radians().cos() * b.y.to_radians().cos();
    half_sine_squared(b.y - a.y) + parallels * half_sine_squared(b.x - a.x)
}

/// The haversine of an angle in radians; of what is beyond half a circle, more than any two places have.
pub(super) fn of_angle(radians: f64) -> f64 {
    if radians >= PI {
        f64::INFINITY
    } else {
        (radians.max(0.0) / 2.0).sin().powi(2)
    }
}

/// The place on the line that is nearest to the position, on a plane that touches the globe there: exact where it
/// matters, near the position, since a straight line stays one on that plane. `parallel` is the cosine of the
/// position's latitude.
pub(super) fn nearest_on_line(position: Coord<f64>, parallel: f64, line: Line<f64>) -> Coord<f64> {
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

/// What rounding may have moved a place by, in degrees: a hundred times as much as it does.
const ROUNDING_DEGREES: f64 = 1e-11;

/// What is left of a measure when all that rounding may add is taken away.
const ROUNDING: f64 = 1.0 - 1e-9;

/// What the closeness of two places is at least: their latitudes are so many degrees apart, their longitudes so many,
/// and the cosines of their latitudes at least these.
pub(super) fn at_least(latitudes: f64, longitudes: f64, parallel: f64, other_parallel: f64) -> f64 {
    let half_sine_squared = |degrees: f64| {
        let half = (degrees - ROUNDING_DEGREES).max(0.0).to_radians() / 2.0;
        // The sine is more than the first terms of its series, up to a right angle.
        let sine = half - half * half * half / 6.0;
        sine * sine
    };
    (half_sine_squared(latitudes) + parallel * other_parallel * half_sine_squared(longitudes)) * ROUNDING
}

/// What the cosine of a latitude in degrees is at least.
pub(super) fn parallel_at_least(latitude: f64) -> f64 {
    let squared = latitude.to_radians().powi(2);
    (1.0 - squared / 2.0 + squared * squared / 24.0 - squared * squared * squared / 720.0).max(0.0)
}

/// A box, and what the cosine of a latitude in it is at least.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zone {
    pub(super) bounds: Bounds,
    parallel: f64,
}

impl Zone {
    pub(super) fn of(bounds: Bounds) -> Self {
        Self {
            bounds,
            parallel: parallel_at_least(bounds.south.abs().max(bounds.north.abs())),
        }
    }

    /// What the closeness of a place in the one and a place in the other is at least. Of something empty: no number.
    pub(super) fn at_least_to(&self, other: &Bounds) -> f64 {
        let parallel = parallel_at_least(other.south.abs().max(other.north.abs()));
        let bounds = &self.bounds;
        let latitudes = (other.south - bounds.north).max(bounds.south - other.north).max(0.0);
        let longitudes = (other.west - bounds.east).max(bounds.west - other.east).max(0.0);
        let span = bounds.east.max(other.east) - bounds.west.min(other.west);
        // The other way around the globe.
        let longitudes = longitudes.min((360.0 - span).max(0.0));
        at_least(latitudes, longitudes, self.parallel, parallel)
    }
}
