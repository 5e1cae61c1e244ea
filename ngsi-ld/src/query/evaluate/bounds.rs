//! Between which two numbers a distance on the ellipsoid lies: a twentieth of the work of the distance itself, and nearly
//! always enough to say whether a point is near.
//!
//! Let `β` be reduced latitudes (`tan β = (1 - f) tan φ`), and `a` and `b` the axes of WGS84. A step on the ellipsoid has
//! the length `ds² = (a² sin²β + b² cos²β) dβ² + a² cos²β dλ²`, which lies between `b²` and `a²` times that of the same
//! step on a sphere of radius 1. So does every path, and with them the shortest.

use geo::Coord;

/// Half the longer axis of WGS84, in metres.
const LONGER: f64 = 6_378_137.0;

/// Half the shorter one.
const SHORTER: f64 = 6_356_752.314_245;

/// What rounding may have changed, in metres: much more than it does below 10,000 km, where the haversine loses digits.
const ROUNDING: f64 = 0.5;

/// The least and the greatest that the distance of two places can be, in metres.
pub(super) fn of_distance(a: Coord<f64>, b: Coord<f64>) -> (f64, f64) {
    let (a_latitude, b_latitude) = (reduced(a.y), reduced(b.y));
    let half_sine_squared = |radians: f64| (radians / 2.0).sin().powi(2);
    let parallels = half_sine_squared((b.x - a.x).to_radians()) * a_latitude.cos() * b_latitude.cos();
    let haversine = half_sine_squared(b_latitude - a_latitude) + parallels;
    let angle = 2.0 * haversine.sqrt().min(1.0).asin();
    (angle * SHORTER - ROUNDING, angle * LONGER + ROUNDING)
}

/// The reduced latitude of a latitude in degrees, in radians.
fn reduced(latitude: f64) -> f64 {
    ((SHORTER / LONGER) * latitude.to_radians().tan()).atan()
}
