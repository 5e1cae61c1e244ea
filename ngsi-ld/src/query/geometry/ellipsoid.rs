//! Between which two numbers a distance on the ellipsoid lies: a twentieth of the work of the distance itself, and nearly
//! always enough to say whether something is near.
//!
//! Two places: let `β` be reduced latitudes (`tan β = (1 - f) tan φ`), and `a` and `b` the axes of WGS84. A step on the
//! ellipsoid has the length `ds² = (a² sin²β + b² cos²β) dβ² + a² cos²β dλ²`, which lies between `b²` and `a²` times that
//! of the same step on a sphere of radius 1. So does every path, and with them the shortest.
//!
//! The closeness of two places is that of latitudes as they are: `ds² = M² dφ² + N² cos²φ dλ²`, where the radii of
//! curvature `M` and `N` lie between those of the meridian at the equator, `b²/a`, and of both at the poles, `a²/b`.

use geo::Coord;

use super::closeness::of_angle;
use crate::query::GeoRelation;

/// Half the longer axis of WGS84, in metres.
const LONGER: f64 = 6_378_137.0;

/// Half the shorter one.
const SHORTER: f64 = 6_356_752.314_245;

/// The least radius of curvature.
const LEAST_RADIUS: f64 = SHORTER / LONGER * SHORTER;

/// The greatest.
const GREATEST_RADIUS: f64 = LONGER / SHORTER * LONGER;

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

/// What `near` asks of a distance in metres: more than one bound, at most the other. The buffer of the clause includes
/// its edge: within it is at most, disjoint from it is more than.
#[derive(Debug, Clone, Copy)]
pub(in crate::query) struct Near {
    min: Option<f64>,
    max: Option<f64>,
}

impl Near {
    pub(in crate::query) const fn of(relation: GeoRelation) -> Option<Self> {
        match relation {
            GeoRelation::Near { min, max } => Some(Self { min, max }),
            _ => None,
        }
    }

    /// Whether a distance between these two is near; `None`: some of them are, some are not.
    pub(super) fn decide(&self, least: f64, most: f64) -> Option<bool> {
        if self.max.is_some_and(|max| least > max) || self.min.is_some_and(|min| most <= min) {
            Some(false)
        } else if self.max.is_none_or(|max| most <= max) && self.min.is_none_or(|min| least > min) {
            Some(true)
        } else {
            None
        }
    }

    /// Whether what is farther than any bound is near.
    pub(super) const fn is_far_near(&self) -> bool {
        self.max.is_none()
    }
}

/// What `near` asks, by closeness: what is surely so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surely {
    /// Whatever has a pair of places that are closer than `decides` is near, or is not, whatever other pairs it has.
    decides: f64,
    near: bool,
    /// Whatever is nowhere as close as this is farther than the greatest bound.
    beyond: f64,
}

impl Surely {
    pub(super) fn of(near: Near) -> Self {
        let (nearest, farthest) = (near.min.or(near.max), near.max.or(near.min));
        let decides = nearest.filter(|metres| *metres > ROUNDING);
        Self {
            decides: decides.map_or(0.0, |metres| of_angle((metres - ROUNDING) / GREATEST_RADIUS)),
            near: near.min.is_none(),
            beyond: farthest.map_or(f64::INFINITY, |metres| of_angle((metres + ROUNDING) / LEAST_RADIUS)),
        }
    }

    /// Nothing is sure until all is known.
    pub(super) const fn nothing() -> Self {
        Self {
            decides: 0.0,
            near: false,
            beyond: f64::INFINITY,
        }
    }

    /// What is near, or not, because of one pair of places; `None`: others may matter.
    pub(super) fn decide(&self, closeness: f64) -> Option<bool> {
        (closeness < self.decides).then_some(self.near)
    }

    pub(super) const fn beyond(&self) -> f64 {
        self.beyond
    }
}
